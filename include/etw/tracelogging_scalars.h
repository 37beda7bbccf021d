/* Part of TraceLoggingProvider.h: fields of one value, of arrays of a length known at run time, and
 * of arrays of a constant length. */
#pragma once
#pragma GCC system_header
#include "tracelogging_field.h"

#define TraceLoggingInt8(value, ...) ETW_TL_FIELD1(3, (ONE, int8_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingInt8Array(value, count, ...) \
    ETW_TL_FIELD1(67, (ARRAY, int8_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingInt8FixedArray(value, count, ...) \
    ETW_TL_FIXED1(3, count, (FIXED, int8_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingUInt8(value, ...) ETW_TL_FIELD1(4, (ONE, uint8_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingUInt8Array(value, count, ...) \
    ETW_TL_FIELD1(68, (ARRAY, uint8_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingUInt8FixedArray(value, count, ...) \
    ETW_TL_FIXED1(4, count, (FIXED, uint8_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingInt16(value, ...) ETW_TL_FIELD1(5, (ONE, int16_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingInt16Array(value, count, ...) \
    ETW_TL_FIELD1(69, (ARRAY, int16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingInt16FixedArray(value, count, ...) \
    ETW_TL_FIXED1(5, count, (FIXED, int16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingUInt16(value, ...) \
    ETW_TL_FIELD1(6, (ONE, uint16_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingUInt16Array(value, count, ...) \
    ETW_TL_FIELD1(70, (ARRAY, uint16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingUInt16FixedArray(value, count, ...) \
    ETW_TL_FIXED1(6, count, (FIXED, uint16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingInt32(value, ...) ETW_TL_FIELD1(7, (ONE, int32_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingInt32Array(value, count, ...) \
    ETW_TL_FIELD1(71, (ARRAY, int32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingInt32FixedArray(value, count, ...) \
    ETW_TL_FIXED1(7, count, (FIXED, int32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingUInt32(value, ...) \
    ETW_TL_FIELD1(8, (ONE, uint32_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingUInt32Array(value, count, ...) \
    ETW_TL_FIELD1(72, (ARRAY, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingUInt32FixedArray(value, count, ...) \
    ETW_TL_FIXED1(8, count, (FIXED, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingInt64(value, ...) ETW_TL_FIELD1(9, (ONE, int64_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingInt64Array(value, count, ...) \
    ETW_TL_FIELD1(73, (ARRAY, int64_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingInt64FixedArray(value, count, ...) \
    ETW_TL_FIXED1(9, count, (FIXED, int64_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingUInt64(value, ...) \
    ETW_TL_FIELD1(10, (ONE, uint64_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingUInt64Array(value, count, ...) \
    ETW_TL_FIELD1(74, (ARRAY, uint64_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingUInt64FixedArray(value, count, ...) \
    ETW_TL_FIXED1(10, count, (FIXED, uint64_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingLong(value, ...) ETW_TL_FIELD1(7, (ONE, LONG, value), #value, ##__VA_ARGS__)
#define TraceLoggingLongArray(value, count, ...) \
    ETW_TL_FIELD1(71, (ARRAY, LONG, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingLongFixedArray(value, count, ...) \
    ETW_TL_FIXED1(7, count, (FIXED, LONG, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingULong(value, ...) ETW_TL_FIELD1(8, (ONE, ULONG, value), #value, ##__VA_ARGS__)
#define TraceLoggingULongArray(value, count, ...) \
    ETW_TL_FIELD1(72, (ARRAY, ULONG, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingULongFixedArray(value, count, ...) \
    ETW_TL_FIXED1(8, count, (FIXED, ULONG, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingIntPtr(value, ...) \
    ETW_TL_FIELD1(9, (ONE, intptr_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingIntPtrArray(value, count, ...) \
    ETW_TL_FIELD1(73, (ARRAY, intptr_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingIntPtrFixedArray(value, count, ...) \
    ETW_TL_FIXED1(9, count, (FIXED, intptr_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingUIntPtr(value, ...) \
    ETW_TL_FIELD1(10, (ONE, uintptr_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingUIntPtrArray(value, count, ...) \
    ETW_TL_FIELD1(74, (ARRAY, uintptr_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingUIntPtrFixedArray(value, count, ...) \
    ETW_TL_FIXED1(10, count, (FIXED, uintptr_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingFloat32(value, ...) \
    ETW_TL_FIELD1(11, (ONE, float, value), #value, ##__VA_ARGS__)
#define TraceLoggingFloat32Array(value, count, ...) \
    ETW_TL_FIELD1(75, (ARRAY, float, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingFloat32FixedArray(value, count, ...) \
    ETW_TL_FIXED1(11, count, (FIXED, float, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingFloat64(value, ...) \
    ETW_TL_FIELD1(12, (ONE, double, value), #value, ##__VA_ARGS__)
#define TraceLoggingFloat64Array(value, count, ...) \
    ETW_TL_FIELD1(76, (ARRAY, double, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingFloat64FixedArray(value, count, ...) \
    ETW_TL_FIXED1(12, count, (FIXED, double, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingBoolean(value, ...) \
    ETW_TL_FIELD2(4, 3, (ONE, uint8_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingBooleanArray(value, count, ...) \
    ETW_TL_FIELD2(68, 3, (ARRAY, uint8_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingBooleanFixedArray(value, count, ...) \
    ETW_TL_FIXED2(4, 3, count, (FIXED, uint8_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingBool(value, ...) ETW_TL_FIELD1(13, (ONE, int32_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingBoolArray(value, count, ...) \
    ETW_TL_FIELD1(77, (ARRAY, int32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingBoolFixedArray(value, count, ...) \
    ETW_TL_FIXED1(13, count, (FIXED, int32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt8(value, ...) \
    ETW_TL_FIELD2(3, 4, (ONE, int8_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt8Array(value, count, ...) \
    ETW_TL_FIELD2(67, 4, (ARRAY, int8_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt8FixedArray(value, count, ...) \
    ETW_TL_FIXED2(3, 4, count, (FIXED, int8_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt8(value, ...) \
    ETW_TL_FIELD2(4, 4, (ONE, uint8_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt8Array(value, count, ...) \
    ETW_TL_FIELD2(68, 4, (ARRAY, uint8_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt8FixedArray(value, count, ...) \
    ETW_TL_FIXED2(4, 4, count, (FIXED, uint8_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt16(value, ...) \
    ETW_TL_FIELD2(5, 4, (ONE, int16_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt16Array(value, count, ...) \
    ETW_TL_FIELD2(69, 4, (ARRAY, int16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt16FixedArray(value, count, ...) \
    ETW_TL_FIXED2(5, 4, count, (FIXED, int16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt16(value, ...) \
    ETW_TL_FIELD2(6, 4, (ONE, uint16_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt16Array(value, count, ...) \
    ETW_TL_FIELD2(70, 4, (ARRAY, uint16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt16FixedArray(value, count, ...) \
    ETW_TL_FIXED2(6, 4, count, (FIXED, uint16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt32(value, ...) \
    ETW_TL_FIELD1(20, (ONE, int32_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt32Array(value, count, ...) \
    ETW_TL_FIELD1(84, (ARRAY, int32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt32FixedArray(value, count, ...) \
    ETW_TL_FIXED1(20, count, (FIXED, int32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt32(value, ...) \
    ETW_TL_FIELD1(20, (ONE, uint32_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt32Array(value, count, ...) \
    ETW_TL_FIELD1(84, (ARRAY, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt32FixedArray(value, count, ...) \
    ETW_TL_FIXED1(20, count, (FIXED, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt64(value, ...) \
    ETW_TL_FIELD1(21, (ONE, int64_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt64Array(value, count, ...) \
    ETW_TL_FIELD1(85, (ARRAY, int64_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexInt64FixedArray(value, count, ...) \
    ETW_TL_FIXED1(21, count, (FIXED, int64_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt64(value, ...) \
    ETW_TL_FIELD1(21, (ONE, uint64_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt64Array(value, count, ...) \
    ETW_TL_FIELD1(85, (ARRAY, uint64_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexUInt64FixedArray(value, count, ...) \
    ETW_TL_FIXED1(21, count, (FIXED, uint64_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexLong(value, ...) ETW_TL_FIELD1(20, (ONE, LONG, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexLongArray(value, count, ...) \
    ETW_TL_FIELD1(84, (ARRAY, LONG, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexLongFixedArray(value, count, ...) \
    ETW_TL_FIXED1(20, count, (FIXED, LONG, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexULong(value, ...) \
    ETW_TL_FIELD1(20, (ONE, ULONG, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexULongArray(value, count, ...) \
    ETW_TL_FIELD1(84, (ARRAY, ULONG, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexULongFixedArray(value, count, ...) \
    ETW_TL_FIXED1(20, count, (FIXED, ULONG, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexIntPtr(value, ...) \
    ETW_TL_FIELD1(21, (ONE, intptr_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexIntPtrArray(value, count, ...) \
    ETW_TL_FIELD1(85, (ARRAY, intptr_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexIntPtrFixedArray(value, count, ...) \
    ETW_TL_FIXED1(21, count, (FIXED, intptr_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexUIntPtr(value, ...) \
    ETW_TL_FIELD1(21, (ONE, uintptr_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingHexUIntPtrArray(value, count, ...) \
    ETW_TL_FIELD1(85, (ARRAY, uintptr_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHexUIntPtrFixedArray(value, count, ...) \
    ETW_TL_FIXED1(21, count, (FIXED, uintptr_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingChar(value, ...) ETW_TL_FIELD2(4, 2, (ONE, char, value), #value, ##__VA_ARGS__)
#define TraceLoggingCharArray(value, count, ...) \
    ETW_TL_FIELD2(68, 2, (ARRAY, char, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingCharFixedArray(value, count, ...) \
    ETW_TL_FIXED2(4, 2, count, (FIXED, char, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingChar16(value, ...) \
    ETW_TL_FIELD2(6, 2, (ONE, char16_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingChar16Array(value, count, ...) \
    ETW_TL_FIELD2(70, 2, (ARRAY, char16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingChar16FixedArray(value, count, ...) \
    ETW_TL_FIXED2(6, 2, count, (FIXED, char16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingWChar(value, ...) \
    ETW_TL_FIELD2(6, 2, (ONE, char16_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingWCharArray(value, count, ...) \
    ETW_TL_FIELD2(70, 2, (ARRAY, char16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingWCharFixedArray(value, count, ...) \
    ETW_TL_FIXED2(6, 2, count, (FIXED, char16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingGuid(value, ...) ETW_TL_FIELD1(15, (ONE, GUID, value), #value, ##__VA_ARGS__)
#define TraceLoggingGuidArray(value, count, ...) \
    ETW_TL_FIELD1(79, (ARRAY, GUID, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingGuidFixedArray(value, count, ...) \
    ETW_TL_FIXED1(15, count, (FIXED, GUID, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingFileTime(value, ...) \
    ETW_TL_FIELD1(17, (ONE, FILETIME, value), #value, ##__VA_ARGS__)
#define TraceLoggingFileTimeArray(value, count, ...) \
    ETW_TL_FIELD1(81, (ARRAY, FILETIME, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingFileTimeFixedArray(value, count, ...) \
    ETW_TL_FIXED1(17, count, (FIXED, FILETIME, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingFileTimeUtc(value, ...) \
    ETW_TL_FIELD2(17, 38, (ONE, FILETIME, value), #value, ##__VA_ARGS__)
#define TraceLoggingFileTimeUtcArray(value, count, ...) \
    ETW_TL_FIELD2(81, 38, (ARRAY, FILETIME, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingFileTimeUtcFixedArray(value, count, ...) \
    ETW_TL_FIXED2(17, 38, count, (FIXED, FILETIME, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingSystemTime(value, ...) \
    ETW_TL_FIELD1(18, (ONE, SYSTEMTIME, value), #value, ##__VA_ARGS__)
#define TraceLoggingSystemTimeArray(value, count, ...) \
    ETW_TL_FIELD1(82, (ARRAY, SYSTEMTIME, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingSystemTimeFixedArray(value, count, ...) \
    ETW_TL_FIXED1(18, count, (FIXED, SYSTEMTIME, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingSystemTimeUtc(value, ...) \
    ETW_TL_FIELD2(18, 38, (ONE, SYSTEMTIME, value), #value, ##__VA_ARGS__)
#define TraceLoggingSystemTimeUtcArray(value, count, ...) \
    ETW_TL_FIELD2(82, 38, (ARRAY, SYSTEMTIME, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingSystemTimeUtcFixedArray(value, count, ...) \
    ETW_TL_FIXED2(18, 38, count, (FIXED, SYSTEMTIME, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingPid(value, ...) \
    ETW_TL_FIELD2(8, 5, (ONE, uint32_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingPidArray(value, count, ...) \
    ETW_TL_FIELD2(72, 5, (ARRAY, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingPidFixedArray(value, count, ...) \
    ETW_TL_FIXED2(8, 5, count, (FIXED, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingTid(value, ...) \
    ETW_TL_FIELD2(8, 6, (ONE, uint32_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingTidArray(value, count, ...) \
    ETW_TL_FIELD2(72, 6, (ARRAY, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingTidFixedArray(value, count, ...) \
    ETW_TL_FIXED2(8, 6, count, (FIXED, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingPort(value, ...) \
    ETW_TL_FIELD2(6, 7, (ONE, uint16_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingPortArray(value, count, ...) \
    ETW_TL_FIELD2(70, 7, (ARRAY, uint16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingPortFixedArray(value, count, ...) \
    ETW_TL_FIXED2(6, 7, count, (FIXED, uint16_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingIPv4Address(value, ...) \
    ETW_TL_FIELD2(8, 8, (ONE, uint32_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingIPv4AddressArray(value, count, ...) \
    ETW_TL_FIELD2(72, 8, (ARRAY, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingIPv4AddressFixedArray(value, count, ...) \
    ETW_TL_FIXED2(8, 8, count, (FIXED, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingWinError(value, ...) \
    ETW_TL_FIELD2(8, 13, (ONE, uint32_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingWinErrorArray(value, count, ...) \
    ETW_TL_FIELD2(72, 13, (ARRAY, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingWinErrorFixedArray(value, count, ...) \
    ETW_TL_FIXED2(8, 13, count, (FIXED, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingNTStatus(value, ...) \
    ETW_TL_FIELD2(8, 14, (ONE, uint32_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingNTStatusArray(value, count, ...) \
    ETW_TL_FIELD2(72, 14, (ARRAY, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingNTStatusFixedArray(value, count, ...) \
    ETW_TL_FIXED2(8, 14, count, (FIXED, uint32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHResult(value, ...) \
    ETW_TL_FIELD2(7, 15, (ONE, int32_t, value), #value, ##__VA_ARGS__)
#define TraceLoggingHResultArray(value, count, ...) \
    ETW_TL_FIELD2(71, 15, (ARRAY, int32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingHResultFixedArray(value, count, ...) \
    ETW_TL_FIXED2(7, 15, count, (FIXED, int32_t, value, count), #value, ##__VA_ARGS__)
#define TraceLoggingPointer(value, ...) \
    ETW_TL_FIELD1(21, (ONE, uintptr_t, (uintptr_t)(value)), #value, ##__VA_ARGS__)
#define TraceLoggingPointerArray(value, count, ...)                                              \
    ETW_TL_FIELD1(85, (ARRAY, uintptr_t, (const uintptr_t*)(const void*)(value), count), #value, \
                  ##__VA_ARGS__)
#define TraceLoggingPointerFixedArray(value, count, ...)                                        \
    ETW_TL_FIXED1(21, count, (FIXED, uintptr_t, (const uintptr_t*)(const void*)(value), count), \
                  #value, ##__VA_ARGS__)
#define TraceLoggingCodePointer(value, ...) \
    ETW_TL_FIELD2(21, 37, (ONE, uintptr_t, (uintptr_t)(value)), #value, ##__VA_ARGS__)
#define TraceLoggingCodePointerArray(value, count, ...)                                      \
    ETW_TL_FIELD2(85, 37, (ARRAY, uintptr_t, (const uintptr_t*)(const void*)(value), count), \
                  #value, ##__VA_ARGS__)
#define TraceLoggingCodePointerFixedArray(value, count, ...)                                 \
    ETW_TL_FIXED2(21, 37, count,                                                             \
                  (FIXED, uintptr_t, (const uintptr_t*)(const void*)(value), count), #value, \
                  ##__VA_ARGS__)
