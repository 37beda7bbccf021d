/* Part of TraceLoggingProvider.h: fields of one value, of arrays of a length known at run time, and
 * of arrays of a constant length. */
#pragma once
#pragma GCC system_header
#include "tracelogging_field.h"

#define TraceLoggingInt8(value, ...) \
    ETW_TL_FIELD1(3, (etw_one, int8_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingInt8Array(value, count, ...) \
    ETW_TL_FIELD1(67, (etw_array, int8_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingInt8FixedArray(value, count, ...) \
    ETW_TL_FIXED1(3, count, (etw_fixed, int8_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingUInt8(value, ...) \
    ETW_TL_FIELD1(4, (etw_one, uint8_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingUInt8Array(value, count, ...) \
    ETW_TL_FIELD1(68, (etw_array, uint8_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingUInt8FixedArray(value, count, ...) \
    ETW_TL_FIXED1(4, count, (etw_fixed, uint8_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingInt16(value, ...) \
    ETW_TL_FIELD1(5, (etw_one, int16_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingInt16Array(value, count, ...) \
    ETW_TL_FIELD1(69, (etw_array, int16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingInt16FixedArray(value, count, ...) \
    ETW_TL_FIXED1(5, count, (etw_fixed, int16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingUInt16(value, ...) \
    ETW_TL_FIELD1(6, (etw_one, uint16_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingUInt16Array(value, count, ...) \
    ETW_TL_FIELD1(70, (etw_array, uint16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingUInt16FixedArray(value, count, ...) \
    ETW_TL_FIXED1(6, count, (etw_fixed, uint16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingInt32(value, ...) \
    ETW_TL_FIELD1(7, (etw_one, int32_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingInt32Array(value, count, ...) \
    ETW_TL_FIELD1(71, (etw_array, int32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingInt32FixedArray(value, count, ...) \
    ETW_TL_FIXED1(7, count, (etw_fixed, int32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingUInt32(value, ...) \
    ETW_TL_FIELD1(8, (etw_one, uint32_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingUInt32Array(value, count, ...) \
    ETW_TL_FIELD1(72, (etw_array, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingUInt32FixedArray(value, count, ...) \
    ETW_TL_FIXED1(8, count, (etw_fixed, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingInt64(value, ...) \
    ETW_TL_FIELD1(9, (etw_one, int64_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingInt64Array(value, count, ...) \
    ETW_TL_FIELD1(73, (etw_array, int64_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingInt64FixedArray(value, count, ...) \
    ETW_TL_FIXED1(9, count, (etw_fixed, int64_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingUInt64(value, ...) \
    ETW_TL_FIELD1(10, (etw_one, uint64_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingUInt64Array(value, count, ...) \
    ETW_TL_FIELD1(74, (etw_array, uint64_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingUInt64FixedArray(value, count, ...) \
    ETW_TL_FIXED1(10, count, (etw_fixed, uint64_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingLong(value, ...) ETW_TL_FIELD1(7, (etw_one, LONG, value), #value, ##__VA_ARGS__)
#define TraceLoggingLongArray(value, count, ...) \
    ETW_TL_FIELD1(71, (etw_array, LONG, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingLongFixedArray(value, count, ...) \
    ETW_TL_FIXED1(7, count, (etw_fixed, LONG, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingULong(value, ...) \
    ETW_TL_FIELD1(8, (etw_one, ULONG, value), #value, ##__VA_ARGS__)
#define TraceLoggingULongArray(value, count, ...) \
    ETW_TL_FIELD1(72, (etw_array, ULONG, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingULongFixedArray(value, count, ...) \
    ETW_TL_FIXED1(8, count, (etw_fixed, ULONG, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingIntPtr(value, ...) \
    ETW_TL_FIELD1(9, (etw_one, intptr_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingIntPtrArray(value, count, ...) \
    ETW_TL_FIELD1(73, (etw_array, intptr_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingIntPtrFixedArray(value, count, ...) \
    ETW_TL_FIXED1(9, count, (etw_fixed, intptr_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingUIntPtr(value, ...) \
    ETW_TL_FIELD1(10, (etw_one, uintptr_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingUIntPtrArray(value, count, ...) \
    ETW_TL_FIELD1(74, (etw_array, uintptr_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingUIntPtrFixedArray(value, count, ...) \
    ETW_TL_FIXED1(10, count, (etw_fixed, uintptr_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingFloat32(value, ...) \
    ETW_TL_FIELD1(11, (etw_one, float, value), #value, ##__VA_ARGS__)
#define TraceLoggingFloat32Array(value, count, ...) \
    ETW_TL_FIELD1(75, (etw_array, float, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingFloat32FixedArray(value, count, ...) \
    ETW_TL_FIXED1(11, count, (etw_fixed, float, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingFloat64(value, ...) \
    ETW_TL_FIELD1(12, (etw_one, double, value), #value, ##__VA_ARGS__)
#define TraceLoggingFloat64Array(value, count, ...) \
    ETW_TL_FIELD1(76, (etw_array, double, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingFloat64FixedArray(value, count, ...) \
    ETW_TL_FIXED1(12, count, (etw_fixed, double, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingBoolean(value, ...) \
    ETW_TL_FIELD2(4, 3, (etw_one, uint8_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingBooleanArray(value, count, ...) \
    ETW_TL_FIELD2(68, 3, (etw_array, uint8_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingBooleanFixedArray(value, count, ...) \
    ETW_TL_FIXED2(4, 3, count, (etw_fixed, uint8_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingBool(value, ...) \
    ETW_TL_FIELD1(13, (etw_one, int32_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingBoolArray(value, count, ...) \
    ETW_TL_FIELD1(77, (etw_array, int32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingBoolFixedArray(value, count, ...) \
    ETW_TL_FIXED1(13, count, (etw_fixed, int32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt8(value, ...) \
    ETW_TL_FIELD2(3, 4, (etw_one, int8_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt8Array(value, count, ...) \
    ETW_TL_FIELD2(67, 4, (etw_array, int8_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt8FixedArray(value, count, ...) \
    ETW_TL_FIXED2(3, 4, count, (etw_fixed, int8_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt8(value, ...) \
    ETW_TL_FIELD2(4, 4, (etw_one, uint8_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt8Array(value, count, ...) \
    ETW_TL_FIELD2(68, 4, (etw_array, uint8_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt8FixedArray(value, count, ...) \
    ETW_TL_FIXED2(4, 4, count, (etw_fixed, uint8_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt16(value, ...) \
    ETW_TL_FIELD2(5, 4, (etw_one, int16_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt16Array(value, count, ...) \
    ETW_TL_FIELD2(69, 4, (etw_array, int16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt16FixedArray(value, count, ...) \
    ETW_TL_FIXED2(5, 4, count, (etw_fixed, int16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt16(value, ...) \
    ETW_TL_FIELD2(6, 4, (etw_one, uint16_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt16Array(value, count, ...) \
    ETW_TL_FIELD2(70, 4, (etw_array, uint16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt16FixedArray(value, count, ...) \
    ETW_TL_FIXED2(6, 4, count, (etw_fixed, uint16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt32(value, ...) \
    ETW_TL_FIELD1(20, (etw_one, int32_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt32Array(value, count, ...) \
    ETW_TL_FIELD1(84, (etw_array, int32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt32FixedArray(value, count, ...) \
    ETW_TL_FIXED1(20, count, (etw_fixed, int32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt32(value, ...) \
    ETW_TL_FIELD1(20, (etw_one, uint32_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt32Array(value, count, ...) \
    ETW_TL_FIELD1(84, (etw_array, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt32FixedArray(value, count, ...) \
    ETW_TL_FIXED1(20, count, (etw_fixed, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt64(value, ...) \
    ETW_TL_FIELD1(21, (etw_one, int64_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt64Array(value, count, ...) \
    ETW_TL_FIELD1(85, (etw_array, int64_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt64FixedArray(value, count, ...) \
    ETW_TL_FIXED1(21, count, (etw_fixed, int64_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt64(value, ...) \
    ETW_TL_FIELD1(21, (etw_one, uint64_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt64Array(value, count, ...) \
    ETW_TL_FIELD1(85, (etw_array, uint64_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt64FixedArray(value, count, ...) \
    ETW_TL_FIXED1(21, count, (etw_fixed, uint64_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexLong(value, ...) \
    ETW_TL_FIELD1(20, (etw_one, LONG, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexLongArray(value, count, ...) \
    ETW_TL_FIELD1(84, (etw_array, LONG, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexLongFixedArray(value, count, ...) \
    ETW_TL_FIXED1(20, count, (etw_fixed, LONG, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexULong(value, ...) \
    ETW_TL_FIELD1(20, (etw_one, ULONG, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexULongArray(value, count, ...) \
    ETW_TL_FIELD1(84, (etw_array, ULONG, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexULongFixedArray(value, count, ...) \
    ETW_TL_FIXED1(20, count, (etw_fixed, ULONG, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexIntPtr(value, ...) \
    ETW_TL_FIELD1(21, (etw_one, intptr_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexIntPtrArray(value, count, ...) \
    ETW_TL_FIELD1(85, (etw_array, intptr_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexIntPtrFixedArray(value, count, ...) \
    ETW_TL_FIXED1(21, count, (etw_fixed, intptr_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexUIntPtr(value, ...) \
    ETW_TL_FIELD1(21, (etw_one, uintptr_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexUIntPtrArray(value, count, ...) \
    ETW_TL_FIELD1(85, (etw_array, uintptr_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexUIntPtrFixedArray(value, count, ...) \
    ETW_TL_FIXED1(21, count, (etw_fixed, uintptr_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingChar(value, ...) \
    ETW_TL_FIELD2(4, 2, (etw_one, char, value), #value, ##__VA_ARGS__)
#define TraceLoggingCharArray(value, count, ...) \
    ETW_TL_FIELD2(68, 2, (etw_array, char, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingCharFixedArray(value, count, ...) \
    ETW_TL_FIXED2(4, 2, count, (etw_fixed, char, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingChar16(value, ...) \
    ETW_TL_FIELD2(6, 2, (etw_one, char16_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingChar16Array(value, count, ...) \
    ETW_TL_FIELD2(70, 2, (etw_array, char16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingChar16FixedArray(value, count, ...) \
    ETW_TL_FIXED2(6, 2, count, (etw_fixed, char16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingWChar(value, ...) \
    ETW_TL_FIELD2(6, 2, (etw_one, char16_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingWCharArray(value, count, ...) \
    ETW_TL_FIELD2(70, 2, (etw_array, char16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingWCharFixedArray(value, count, ...) \
    ETW_TL_FIXED2(6, 2, count, (etw_fixed, char16_t, value, count), #value, ##__VA_ARGS__)
/* As Microsoft's pages spelled them at first. */
#define TraceLoggingWchar TraceLoggingWChar
#define TraceLoggingWcharArray TraceLoggingWCharArray
#define TraceLoggingWcharFixedArray TraceLoggingWCharFixedArray
#define TraceLoggingGuid(value, ...) \
    ETW_TL_FIELD1(15, (etw_one, GUID, value), #value, ##__VA_ARGS__)
#define TraceLoggingGuidArray(value, count, ...) \
    ETW_TL_FIELD1(79, (etw_array, GUID, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingGuidFixedArray(value, count, ...) \
    ETW_TL_FIXED1(15, count, (etw_fixed, GUID, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingFileTime(value, ...) \
    ETW_TL_FIELD1(17, (etw_one, FILETIME, value), #value, ##__VA_ARGS__)
#define TraceLoggingFileTimeArray(value, count, ...) \
    ETW_TL_FIELD1(81, (etw_array, FILETIME, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingFileTimeFixedArray(value, count, ...) \
    ETW_TL_FIXED1(17, count, (etw_fixed, FILETIME, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingFileTimeUtc(value, ...) \
    ETW_TL_FIELD2(17, 38, (etw_one, FILETIME, value), #value, ##__VA_ARGS__)
#define TraceLoggingFileTimeUtcArray(value, count, ...) \
    ETW_TL_FIELD2(81, 38, (etw_array, FILETIME, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingFileTimeUtcFixedArray(value, count, ...) \
    ETW_TL_FIXED2(17, 38, count, (etw_fixed, FILETIME, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingSystemTime(value, ...) \
    ETW_TL_FIELD1(18, (etw_one, SYSTEMTIME, value), #value, ##__VA_ARGS__)
#define TraceLoggingSystemTimeArray(value, count, ...) \
    ETW_TL_FIELD1(82, (etw_array, SYSTEMTIME, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingSystemTimeFixedArray(value, count, ...) \
    ETW_TL_FIXED1(18, count, (etw_fixed, SYSTEMTIME, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingSystemTimeUtc(value, ...) \
    ETW_TL_FIELD2(18, 38, (etw_one, SYSTEMTIME, value), #value, ##__VA_ARGS__)
#define TraceLoggingSystemTimeUtcArray(value, count, ...) \
    ETW_TL_FIELD2(82, 38, (etw_array, SYSTEMTIME, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingSystemTimeUtcFixedArray(value, count, ...) \
    ETW_TL_FIXED2(18, 38, count, (etw_fixed, SYSTEMTIME, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingPid(value, ...) \
    ETW_TL_FIELD2(8, 5, (etw_one, uint32_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingPidArray(value, count, ...) \
    ETW_TL_FIELD2(72, 5, (etw_array, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingPidFixedArray(value, count, ...) \
    ETW_TL_FIXED2(8, 5, count, (etw_fixed, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingTid(value, ...) \
    ETW_TL_FIELD2(8, 6, (etw_one, uint32_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingTidArray(value, count, ...) \
    ETW_TL_FIELD2(72, 6, (etw_array, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingTidFixedArray(value, count, ...) \
    ETW_TL_FIXED2(8, 6, count, (etw_fixed, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingPort(value, ...) \
    ETW_TL_FIELD2(6, 7, (etw_one, uint16_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingPortArray(value, count, ...) \
    ETW_TL_FIELD2(70, 7, (etw_array, uint16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingPortFixedArray(value, count, ...) \
    ETW_TL_FIXED2(6, 7, count, (etw_fixed, uint16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingIPv4Address(value, ...) \
    ETW_TL_FIELD2(8, 8, (etw_one, uint32_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingIPv4AddressArray(value, count, ...) \
    ETW_TL_FIELD2(72, 8, (etw_array, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingIPv4AddressFixedArray(value, count, ...) \
    ETW_TL_FIXED2(8, 8, count, (etw_fixed, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingWinError(value, ...) \
    ETW_TL_FIELD2(8, 13, (etw_one, uint32_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingWinErrorArray(value, count, ...) \
    ETW_TL_FIELD2(72, 13, (etw_array, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingWinErrorFixedArray(value, count, ...) \
    ETW_TL_FIXED2(8, 13, count, (etw_fixed, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingNTStatus(value, ...) \
    ETW_TL_FIELD2(8, 14, (etw_one, uint32_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingNTStatusArray(value, count, ...) \
    ETW_TL_FIELD2(72, 14, (etw_array, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingNTStatusFixedArray(value, count, ...) \
    ETW_TL_FIXED2(8, 14, count, (etw_fixed, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHResult(value, ...) \
    ETW_TL_FIELD2(7, 15, (etw_one, int32_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingHResultArray(value, count, ...) \
    ETW_TL_FIELD2(71, 15, (etw_array, int32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHResultFixedArray(value, count, ...) \
    ETW_TL_FIXED2(7, 15, count, (etw_fixed, int32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingPointer(value, ...) \
    ETW_TL_FIELD1(21, (etw_one, uintptr_t, (uintptr_t)(value)), #value, ##__VA_ARGS__)
#define TraceLoggingPointerArray(value, count, ...)                                          \
    ETW_TL_FIELD1(85, (etw_array, uintptr_t, (const uintptr_t*)(const void*)(value), count), \
                  #value, ##__VA_ARGS__)
#define TraceLoggingPointerFixedArray(value, count, ...)                                         \
    ETW_TL_FIXED1(21, count,                                                                     \
                  (etw_fixed, uintptr_t, (const uintptr_t*)(const void*)(value), count), #value, \
                  ##__VA_ARGS__)
#define TraceLoggingCodePointer(value, ...) \
    ETW_TL_FIELD2(21, 37, (etw_one, uintptr_t, (uintptr_t)(value)), #value, ##__VA_ARGS__)
#define TraceLoggingCodePointerArray(value, count, ...)                                          \
    ETW_TL_FIELD2(85, 37, (etw_array, uintptr_t, (const uintptr_t*)(const void*)(value), count), \
                  #value, ##__VA_ARGS__)
#define TraceLoggingCodePointerFixedArray(value, count, ...)                                     \
    ETW_TL_FIXED2(21, 37, count,                                                                 \
                  (etw_fixed, uintptr_t, (const uintptr_t*)(const void*)(value), count), #value, \
                  ##__VA_ARGS__)
