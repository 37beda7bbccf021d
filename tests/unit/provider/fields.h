/* Every field macro of TraceLoggingProvider.h with the bytes that it must give. Compiled as C11 by
 * fields_c.c and as C++17 by fields_cpp.cpp, which name the provider and the function. */
#include "fields_expect.h"

#include <TraceLoggingProvider.h>
#include <wmistr.h>
/* the headers' order in what mc.exe makes */
#include <evntrace.h>
#include <windows.h>
#include <winmeta.h>
#ifdef __cplusplus
#include <TraceLoggingActivity.h>
#endif

TRACELOGGING_DEFINE_PROVIDER(FIELDS_PROVIDER, "Openetw.Test.Fields",
                             (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));

TRACELOGGING_DEFINE_PROVIDER_STORAGE(g_storage, "Openetw.Test.Storage",
                                     (2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
static const TraceLoggingHProvider g_of_storage = &g_storage;

/* As applications define an option that they have no use for. */
#define NO_OPTION()
#define GROUP TraceLoggingOptionGroup(3, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
#define GUID_OF_ALL (2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
TRACELOGGING_DEFINE_PROVIDER_STORAGE(g_bare, "A", GUID_OF_ALL, NO_OPTION());
TRACELOGGING_DEFINE_PROVIDER_STORAGE(g_bare2, "A", GUID_OF_ALL, NO_OPTION(), NO_OPTION());
TRACELOGGING_DEFINE_PROVIDER_STORAGE(g_grouped, "A", GUID_OF_ALL, GROUP);
TRACELOGGING_DEFINE_PROVIDER_STORAGE(g_grouped2, "A", GUID_OF_ALL, GROUP, NO_OPTION());
TRACELOGGING_DEFINE_PROVIDER_STORAGE(g_grouped3, "A", GUID_OF_ALL, NO_OPTION(), GROUP);

/* An application may have macros of its own by any name that is not the headers'. */
#define LEVEL 1
#define KEYWORD 1
#define OPCODE 1
#define CHANNEL 1
#define TAG 1
#define ID 1
#define NOTE 1
#define FIELD 1
#define BYTES 1
#define AUTO 1
#define ONE 1
#define TEXT 1
#define ARRAY 1
#define FIXED 1
#define RAW 1
#define PLAIN 1

#define EXPECT(condition) expect_true(#condition, condition)

/* One event "E" of the given parts: what follows "E" in its schema, and its payload. */
#define EVENT(schema, payload, ...)                                                           \
    do {                                                                                      \
        TraceLoggingWrite(FIELDS_PROVIDER, "E", __VA_ARGS__);                                 \
        expect_event(#__VA_ARGS__, schema, sizeof(schema) - 1, payload, sizeof(payload) - 1); \
    } while (0)

/* The three forms of a field of fixed size. out: 0 for none. */
#define SCALAR(macro, in, out, size, ctype, a, b)                                                 \
    do {                                                                                          \
        static const ctype values[2] = {a, b};                                                    \
        TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLogging##macro(values[1], "f"));             \
        expect_scalar(#macro, in, out, 0, &values[1], size);                                      \
        TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLogging##macro##Array(values, 2, "f"));      \
        expect_scalar(#macro "Array", in, out, 0x40, values, 2 * size);                           \
        TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLogging##macro##FixedArray(values, 2, "f")); \
        expect_scalar(#macro "FixedArray", in, out, 0x20, values, 2 * size);                      \
    } while (0)

static void numbers(void) {
    SCALAR(Int8, 3, 0, 1, int8_t, 1, -2);
    SCALAR(UInt8, 4, 0, 1, uint8_t, 1, 200);
    SCALAR(Int16, 5, 0, 2, int16_t, 1, -2);
    SCALAR(UInt16, 6, 0, 2, uint16_t, 1, 0xF102);
    SCALAR(Int32, 7, 0, 4, int32_t, 1, -2);
    SCALAR(UInt32, 8, 0, 4, uint32_t, 1, 0xF1020304u);
    SCALAR(Int64, 9, 0, 8, int64_t, 1, -2);
    SCALAR(UInt64, 10, 0, 8, uint64_t, 1, 0xF102030405060708u);
    SCALAR(Long, 7, 0, 4, LONG, 1, -2);
    SCALAR(ULong, 8, 0, 4, ULONG, 1, 2);
    SCALAR(IntPtr, 9, 0, 8, intptr_t, 1, -2);
    SCALAR(UIntPtr, 10, 0, 8, uintptr_t, 1, 2);
    SCALAR(Float32, 11, 0, 4, float, 1, -0.5f);
    SCALAR(Float64, 12, 0, 8, double, 1, -0.5);
    SCALAR(Boolean, 4, 3, 1, BOOLEAN, 0, 1);
    SCALAR(Bool, 13, 0, 4, BOOL, 0, 1);
    SCALAR(HexInt8, 3, 4, 1, int8_t, 1, -2);
    SCALAR(HexUInt8, 4, 4, 1, uint8_t, 1, 2);
    SCALAR(HexInt16, 5, 4, 2, int16_t, 1, -2);
    SCALAR(HexUInt16, 6, 4, 2, uint16_t, 1, 2);
    SCALAR(HexInt32, 20, 0, 4, int32_t, 1, -2);
    SCALAR(HexUInt32, 20, 0, 4, uint32_t, 1, 2);
    SCALAR(HexInt64, 21, 0, 8, int64_t, 1, -2);
    SCALAR(HexUInt64, 21, 0, 8, uint64_t, 1, 2);
    SCALAR(HexLong, 20, 0, 4, LONG, 1, -2);
    SCALAR(HexULong, 20, 0, 4, ULONG, 1, 2);
    SCALAR(HexIntPtr, 21, 0, 8, intptr_t, 1, -2);
    SCALAR(HexUIntPtr, 21, 0, 8, uintptr_t, 1, 2);
}

static void meanings(void) {
    static const int place = 0;
    SCALAR(Char, 4, 2, 1, char, 'a', 'b');
    SCALAR(Char16, 6, 2, 2, char16_t, u'a', u'\u20ac');
    SCALAR(WChar, 6, 2, 2, WCHAR, u'a', u'\u20ac');
    SCALAR(Pointer, 21, 0, 8, void*, NULL, (void*)(uintptr_t)&place);
    SCALAR(CodePointer, 21, 37, 8, void*, NULL, (void*)(uintptr_t)&place);
    SCALAR(Pid, 8, 5, 4, uint32_t, 1, 2);
    SCALAR(Tid, 8, 6, 4, uint32_t, 1, 2);
    SCALAR(Port, 6, 7, 2, uint16_t, 1, 0x5000);
    SCALAR(IPv4Address, 8, 8, 4, uint32_t, 1, 0x0100007F);
    SCALAR(WinError, 8, 13, 4, uint32_t, 5, 2);
    SCALAR(NTStatus, 8, 14, 4, uint32_t, 1, 0xC0000022u);
    SCALAR(HResult, 7, 15, 4, HRESULT, 1, -2147024891);
}

static void structures(void) {
    static const GUID ids[2] = {{1, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}},
                                {9, 8, 7, {6, 5, 4, 3, 2, 1, 0, 1}}};
    static const FILETIME times[2] = {{1, 2}, {3, 4}};
    static const SYSTEMTIME dates[2] = {{2026, 1, 2, 3, 4, 5, 6, 7}, {2027, 1, 2, 3, 4, 5, 6, 7}};
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingGuid(ids[0], "f"));
    expect_scalar("Guid", 15, 0, 0, ids, 16);
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingGuidArray(ids, 2, "f"));
    expect_scalar("GuidArray", 15, 0, 0x40, ids, 32);
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingGuidFixedArray(ids, 2, "f"));
    expect_scalar("GuidFixedArray", 15, 0, 0x20, ids, 32);
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingFileTime(times[0], "f"));
    expect_scalar("FileTime", 17, 0, 0, times, 8);
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingFileTimeArray(times, 2, "f"));
    expect_scalar("FileTimeArray", 17, 0, 0x40, times, 16);
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingFileTimeUtc(times[0], "f"));
    expect_scalar("FileTimeUtc", 17, 38, 0, times, 8);
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingFileTimeUtcFixedArray(times, 2, "f"));
    expect_scalar("FileTimeUtcFixedArray", 17, 38, 0x20, times, 16);
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingSystemTime(dates[0], "f"));
    expect_scalar("SystemTime", 18, 0, 0, dates, 16);
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingSystemTimeArray(dates, 2, "f"));
    expect_scalar("SystemTimeArray", 18, 0, 0x40, dates, 32);
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingSystemTimeUtc(dates[0], "f"));
    expect_scalar("SystemTimeUtc", 18, 38, 0, dates, 16);
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingSystemTimeUtcFixedArray(dates, 2, "f"));
    expect_scalar("SystemTimeUtcFixedArray", 18, 38, 0x20, dates, 32);
}

static void texts(void) {
    static const ANSI_STRING ansi = {2, 3, (PSTR)(uintptr_t) "ab"};
    static const UNICODE_STRING unicode = {4, 6, (PWSTR)(uintptr_t)u"ab"};
    EVENT("f\0\x02", "ab\0", TraceLoggingString("ab", "f"));
    EVENT("f\0\x02", "\0", TraceLoggingString(NULL, "f"));
    EVENT("f\0\x82\x23", "\xe2\x82\xac\0", TraceLoggingUtf8String("\xe2\x82\xac", "f"));
    EVENT("f\0\x82\x0c", "{}\0", TraceLoggingJson("{}", "f"));
    EVENT("f\0\x82\x0b", "<a/>\0", TraceLoggingXml("<a/>", "f"));
    EVENT("f\0\x01", "a\0\xac\x20\0\0", TraceLoggingWideString(u"a\u20ac", "f"));
    EVENT("f\0\x01", "a\0\0\0", TraceLoggingString16(u"a", "f"));
    EVENT("f\0\x01", "\0\0", TraceLoggingString16((const char16_t*)NULL, "f"));
    EVENT("f\0\x01g\0\x16", "\0\0\0\0", TraceLoggingWideString(NULL, "f"),
          TraceLoggingCountedWideString(NULL, 0, "g"));
    EVENT("f\0\x01", "\x3d\xd8\0\xde\0\0", TraceLoggingWideString(L"\U0001F600", "f"));
    EVENT("f\0\x17", "\x02\0ab", TraceLoggingCountedString("abc", 2, "f"));
    EVENT("f\0\x97\x23", "\x02\0ab", TraceLoggingCountedUtf8String("abc", 2, "f"));
    EVENT("f\0\x16", "\x04\0a\0b\0", TraceLoggingCountedWideString(u"abc", 2, "f"));
    EVENT("f\0\x16", "\x04\0a\0b\0", TraceLoggingCountedString16(u"abc", 2, "f"));
    EVENT("f\0\x16", "\x04\0a\0b\0", TraceLoggingCountedWideString(L"abc", 2, "f"));
    EVENT("f\0\x17", "\x02\0ab", TraceLoggingAnsiString(&ansi, "f"));
    EVENT("f\0\x16", "\x04\0a\0b\0", TraceLoggingUnicodeString(&unicode, "f"));
    EVENT("f\0\x17", "\0\0", TraceLoggingAnsiString((const ANSI_STRING*)NULL, "f"));
}

struct Buffer {
    const char* Buffer;
    size_t Length;
};

static void bytes(void) {
    static const struct Buffer buffer = {"wxyz", 4}, too_large = {"wxyz", 0x10004};
    static const uint8_t sid[] = {1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0};
    static const char address[] = "0123456789abcdef";
    EVENT("f\0\x0e", "\x03\0abc", TraceLoggingBinary("abc", 3, "f"));
    EVENT("f\0\x0e", "\0\0", TraceLoggingBinary(NULL, 0, "f"));
    EVENT("f\0\x8e\x09",
          "\x10\0"
          "0123456789abcdef",
          TraceLoggingBinaryEx(address, 16, 9, "f"));
    EVENT("f\0\x0e", "\x04\0wxyz", TraceLoggingBinaryBuffer(&buffer, struct Buffer, "f"));
    EVENT("f\0\x8e\x0a", "\x04\0wxyz", TraceLoggingBinaryBufferEx(&buffer, struct Buffer, 10, "f"));
    EVENT("&buffer\0\x0e", "\x04\0wxyz", TraceLoggingBinaryBuffer(&buffer, struct Buffer));
    EVENT("f\0\x0e", "\0\0", TraceLoggingBinaryBuffer((struct Buffer*)NULL, struct Buffer, "f"));
    TraceLoggingWrite(FIELDS_PROVIDER, "E",
                      TraceLoggingBinaryBuffer(&too_large, struct Buffer, "f"));
    expect_nothing();
    EVENT("f\0\x8e\x0a",
          "\x04\0"
          "0123",
          TraceLoggingSocketAddress(address, 4, "f"));
    EVENT("f\0\x8e\x09",
          "\x10\0"
          "0123456789abcdef",
          TraceLoggingIPv6Address(address, "f"));
    EVENT("f\0\x13", "\x01\x02\0\0\0\0\0\x05 \0\0\0 \x02\0\0", TraceLoggingSid(sid, "f"));
    EVENT("f\0\x13", "\x01\0\0\0\0\0\0\0", TraceLoggingSid(NULL, "f"));
}

static void groups(void) {
    EVENT(
        "s\0\x98\x02"
        "a\0\x04"
        "t\0\x98\x01"
        "b\0\x04"
        "c\0\x04",
        "\x01\x02\x03", TraceLoggingStruct(2, "s"), TraceLoggingUInt8(1, "a"),
        TraceLoggingStruct(1, "t"), TraceLoggingUInt8(2, "b"), TraceLoggingUInt8(3, "c"));
    EVENT(
        "s\0\xd8\x01"
        "a\0\x04",
        "\x02\0\x07\x08", TraceLoggingPackedStructArray(1, "s"), TraceLoggingPackedMetadata(4, "a"),
        TraceLoggingPackedData("\x02\0\x07\x08", 4));
    EVENT(
        "s\0\x98\x01"
        "a\0\x84\x03",
        "\x01", TraceLoggingPackedStruct(1, "s"), TraceLoggingPackedMetadataEx(4, 3, "a"),
        TraceLoggingPackedData("\x01", 1));
    EVENT("a\0\x06", "xy", TraceLoggingPackedMetadata(6, "a"), TraceLoggingPackedData("x", 1),
          TraceLoggingPackedDataEx("y", 1, EVENT_DATA_DESCRIPTOR_TYPE_NONE));
    EVENT("f\0\x06", "xy", TraceLoggingPackedField("xy", 2, 6, "f"));
    EVENT("f\0\x86\x04", "xy", TraceLoggingPackedFieldEx("xy", 2, 6, 4, "f"));
}

/* Names may be followed by a description, which costs nothing, and a tag of 28 bits. */
static void tags(void) {
    static const uint8_t two[2] = {1, 2};
    EVENT("f\0\x04", "\x01", TraceLoggingUInt8(1, "f", "words"));
    EVENT("f\0\x84\x80\x80\x80\xa4\x34", "\x01", TraceLoggingUInt8(1, "f", "words", 0x1234));
    EVENT("f\0\x84\x83\x80\x80\xa4\x34", "\x01", TraceLoggingBoolean(1, "f", "words", 0x1234));
    EVENT("f\0\x84\x80\xff\xff\xff\x7f", "\x01", TraceLoggingUInt8(1, "f", "", 0xFFFFFFF));
    EVENT("f\0\xa4\x80\x80\x80\x80\x01\x02\0", "\x01\x02",
          TraceLoggingUInt8FixedArray(two, 2, "f", "", 1));
}

/* A field without a name has that of its value, as the source has it. */
static void unnamed(void) {
    static const uint8_t two[2] = {1, 2};
    static const int16_t x = 1;
    EVENT("x + 1\0\x07", "\x02\0\0\0", TraceLoggingInt32(x + 1));
    EVENT("two\0\x44", "\x02\0\x01\x02", TraceLoggingUInt8Array(two, 2));
    EVENT("two\0\x24\x02\0", "\x01\x02", TraceLoggingUInt8FixedArray(two, 2));
    EVENT("\"a\"\0\x02", "a\0", TraceLoggingString("a"));
    EVENT("\"a\"\0\x82\x0c", "a\0", TraceLoggingJson("a"));
    EVENT("two\0\x0e", "\x02\0\x01\x02", TraceLoggingBinary(two, sizeof(two)));
    EVENT("two\0\x06", "\x01\x02", TraceLoggingPackedField(two, sizeof(two), 6));
    EVENT("x\0\x05y\0\x05", "\x01\0\x01\0", TraceLoggingValue(x), TraceLoggingValue(x, "y"));
}

static void custom(void) {
    EVENT("f\0\xee\x05\x03\0\x01\x02\x03", "\x02\0xy",
          TraceLoggingCustom("xy", 2, 5, (1, 2, 3), 3, "f"));
    EVENT("\"xy\"\0\xee\x05\x01\0\x09", "\x01\0x", TraceLoggingCustom("xy", 1, 5, (9), 1));
    EVENT("f\0\xee\x85\x80\x80\x80\x07\x01\0\x09", "\x01\0x",
          TraceLoggingCustom("xy", 1, 5, (9), 1, "f", "words", 7));
}

static void deduced(void) {
    char changeable[] = "ab";
    char16_t wide[] = u"a";
    const wchar_t* wider = L"\U0001F600";
    const void* none = NULL;
    static const GUID id = {1, 0, 0, {0}};
    static const FILETIME time = {1, 2};
    static const SYSTEMTIME date = {1, 0, 0, 0, 0, 0, 0, 2};
    EVENT("f\0\x84\x03", "\x01", TraceLoggingValue((bool)1, "f"));
    EVENT("f\0\x84\x02", "a", TraceLoggingValue((char)'a', "f"));
    EVENT("f\0\x03", "\xff", TraceLoggingValue((signed char)-1, "f"));
    EVENT("f\0\x04", "\xff", TraceLoggingValue((unsigned char)255, "f"));
    EVENT("f\0\x05", "\xff\xff", TraceLoggingValue((short)-1, "f"));
    EVENT("f\0\x06", "\x01\0", TraceLoggingValue((unsigned short)1, "f"));
    EVENT("f\0\x07", "\xff\xff\xff\xff", TraceLoggingValue(-1, "f"));
    EVENT("f\0\x08", "\x01\0\0\0", TraceLoggingValue(1u, "f"));
    EVENT("f\0\x09", "\x01\0\0\0\0\0\0\0", TraceLoggingValue(1l, "f"));
    EVENT("f\0\x0a", "\x01\0\0\0\0\0\0\0", TraceLoggingValue(1ul, "f"));
    EVENT("f\0\x09", "\x01\0\0\0\0\0\0\0", TraceLoggingValue(1ll, "f"));
    EVENT("f\0\x0a", "\x01\0\0\0\0\0\0\0", TraceLoggingValue(1ull, "f"));
    EVENT("f\0\x0b", "\0\0\x80\x3f", TraceLoggingValue(1.0f, "f"));
    EVENT("f\0\x0c", "\0\0\0\0\0\0\xf0\x3f", TraceLoggingValue(1.0, "f"));
    EVENT("f\0\x02", "ab\0", TraceLoggingValue("ab", "f"));
    EVENT("f\0\x02", "ab\0", TraceLoggingValue(changeable, "f"));
    EVENT("f\0\x02", "\0", TraceLoggingValue((const char*)NULL, "f"));
    EVENT("f\0\x01", "a\0\0\0", TraceLoggingValue(u"a", "f"));
    EVENT("f\0\x01", "a\0\0\0", TraceLoggingValue(wide, "f"));
    EVENT("f\0\x01", "\0\0", TraceLoggingValue((const char16_t*)NULL, "f"));
    EVENT("f\0\x01", "\x3d\xd8\0\xde\0\0", TraceLoggingValue(wider, "f"));
    EVENT("f\0\x01", "a\0\0\0", TraceLoggingValue(L"a", "f"));
    EVENT("f\0\x01", "\0\0", TraceLoggingValue((const wchar_t*)NULL, "f"));
    EVENT("f\0\x15", "\0\0\0\0\0\0\0\0", TraceLoggingValue(none, "f"));
    EVENT("f\0\x0f", "\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", TraceLoggingValue(id, "f"));
    EVENT("f\0\x11", "\x01\0\0\0\x02\0\0\0", TraceLoggingValue(time, "f"));
    EVENT("f\0\x12", "\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0", TraceLoggingValue(date, "f"));
    EVENT("f\0\x07", "\x01\0\0\0", TraceLoggingValue(1, "f", "words"));
    EVENT("f\0\x87\x80\x80\x80\xa4\x34", "\x01\0\0\0", TraceLoggingValue(1, "f", "", 0x1234));
    EVENT("f\0\x84\x83\x80\x80\x80\x01", "\x01", TraceLoggingValue((bool)1, "f", "", 1));
    EVENT("f\0\x82\x80\x80\x80\x80\x01", "x\0", TraceLoggingValue("x", "f", "", 1));
}

/* As WIL's macros are written. */
#define QUIET_WRITE(...)                                           \
    __pragma(warning(push)) __pragma(warning(disable : 4127)) do { \
        TraceLoggingWrite(__VA_ARGS__);                            \
    }                                                              \
    while (0) __pragma(warning(pop))

static void attributes(void) {
    static const GUID activity = {1, 2, 3, {4}}, related = {5, 6, 7, {8}};
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingLevel(2), TraceLoggingKeyword(0x80),
                      TraceLoggingKeyword(1), TraceLoggingOpcode(1), TraceLoggingId(77),
                      TraceLoggingChannel(9), TraceLoggingDescription("words"));
    expect_head(77, 9, 2, 1, 0x81, NULL, NULL);
    TraceLoggingWrite(FIELDS_PROVIDER, "E");
    expect_head(0, 11, 5, 0, 0, NULL, NULL);
    /* The last of several counts. */
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingLevel(WINEVENT_LEVEL_ERROR),
                      TraceLoggingLevel(TRACE_LEVEL_INFORMATION), TraceLoggingOpcode(1),
                      TraceLoggingOpcode(WINEVENT_OPCODE_STOP), TraceLoggingChannel(9),
                      TraceLoggingChannel(10), TraceLoggingCustomAttribute("key", "value"));
    expect_head(0, 10, 4, 2, 0, NULL, NULL);
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingLevel(0));
    expect_head(0, 11, 0, 0, 0, NULL, NULL);
    TraceLoggingWriteActivity(FIELDS_PROVIDER, "E", &activity, &related, TraceLoggingLevel(1));
    expect_head(0, 11, 1, 0, 0, &activity, &related);
    TraceLoggingWriteActivity(FIELDS_PROVIDER, "E", &activity, NULL);
    expect_head(0, 11, 5, 0, 0, &activity, NULL);
    QUIET_WRITE(FIELDS_PROVIDER, "E", TraceLoggingLevel(1));
    expect_head(0, 11, 1, 0, 0, NULL, NULL);
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingEventTag(0x1234));
    expect_tag("\x80\x80\xa4\x34");
    TraceLoggingWrite(g_of_storage, "Unregistered");
    expect_nothing();
}

static void options(void) {
    EXPECT(memcmp(g_bare.traits, "\x04\0A", 4) == 0);
    EXPECT(memcmp(g_bare2.traits, g_bare.traits, 4) == 0);
    EXPECT(memcmp(g_grouped.traits, "\x17\0A\0\x13\0\1\3\0\0\0\2\0\3\0", 15) == 0);
    EXPECT(memcmp(g_grouped2.traits, g_grouped.traits, 23) == 0);
    EXPECT(memcmp(g_grouped3.traits, g_grouped.traits, 23) == 0);
}

#ifdef __cplusplus
/* Text that is gone, and seen to be, when its owner is. */
class Owned {
public:
    explicit Owned(char fill) { memset(text_, fill, 3); }
    ~Owned() { memset(text_, '!', sizeof(text_)); }
    const char* text() const { return text_; }
    const char16_t* wide() const { return wide_; }

private:
    char text_[16] = {};
    char16_t wide_[2] = {u'w'};
};

/* What a value is made of lives until the event is written. */
static void temporaries() {
    EVENT("f\0\x02g\0\x02", "aaa\0bbb\0", TraceLoggingString(Owned('a').text(), "f"),
          TraceLoggingValue(Owned('b').text(), "g"));
    EVENT("f\0\x17g\0\x0e", "\x02\0cc\x01\0d", TraceLoggingCountedString(Owned('c').text(), 2, "f"),
          TraceLoggingBinary(Owned('d').text(), 1, "g"));
    EVENT("f\0\x44g\0\x24\x01\0", "\x01\0ef",
          TraceLoggingUInt8Array(reinterpret_cast<const uint8_t*>(Owned('e').text()), 1, "f"),
          TraceLoggingUInt8FixedArray(reinterpret_cast<const uint8_t*>(Owned('f').text()), 1, "g"));
    EVENT("f\0\x01g\0\x16", "w\0\0\0\x02\0w\0", TraceLoggingWideString(Owned('g').wide(), "f"),
          TraceLoggingCountedWideString(Owned('g').wide(), 1, "g"));
    EVENT("f\0\x04", "h", TraceLoggingPackedField(Owned('h').text(), 1, 4, "f"));
    const auto activity = [] { return GUID{1, 2, 3, {4}}; };
    const auto address = [](const GUID& id) { return &id; };
    const GUID expected = activity();
    TraceLoggingWriteActivity(FIELDS_PROVIDER, "E", address(activity()), NULL);
    expect_head(0, 11, 5, 0, 0, &expected, NULL);
}

class Flag { /* as an element of vector<bool> is */
public:
    operator bool() const { return where_[0] == nullptr; }

private:
    void* where_[2] = {};
};
enum Small : uint8_t { kSmall = 200 };
static int called() { return 0; }

/* The value is as large as its type says, whatever it comes from. */
static void converted() {
    struct {
        unsigned narrow : 3;
        signed signed_narrow : 5;
    } const bits = {5, -3};
    static volatile int changing = 7;
    const uintptr_t place = uintptr_t(&changing);
    const auto function = uintptr_t(&called);
    EVENT("f\0\x08g\0\x07", "\x05\0\0\0\xfd\xff\xff\xff", TraceLoggingValue(bits.narrow, "f"),
          TraceLoggingValue(bits.signed_narrow, "g"));
    EVENT("f\0\x84\x03", "\x01", TraceLoggingValue(Flag(), "f"));
    EVENT("f\0\x04", "\xc8", TraceLoggingValue(kSmall, "f"));
    EVENT("f\0\x86\x02g\0\x86\x02", "a\0b\0", TraceLoggingValue(L'a', "f"),
          TraceLoggingValue(u'b', "g"));
    SID sid = {1, 1, {{0, 0, 0, 0, 0, 22}}, {1000}};
    const SID* none = nullptr;
    EVENT("f\0\x13g\0\x13", "\1\1\0\0\0\0\0\x16\xe8\3\0\0\1\0\0\0\0\0\0\0",
          TraceLoggingValue(&sid, "f"), TraceLoggingValue(none, "g"));
    EVENT("f\0\x07", "\x07\0\0\0", TraceLoggingValue(changing, "f"));
    EVENT("f\0\x15", "\0\0\0\0\0\0\0\0", TraceLoggingValue(nullptr, "f"));
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingValue(&changing, "f"));
    expect_scalar("volatile pointer", 21, 0, 0, &place, sizeof(place));
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingValue(&called, "f"));
    expect_scalar("function", 21, 0, 0, &function, sizeof(function));
#ifdef __cpp_char8_t
    EVENT("f\0\x82\x23g\0\x82\x23", "a\0b\0", TraceLoggingUtf8String(u8"a", "f"),
          TraceLoggingValue(u8"b", "g"));
    EVENT("f\0\x07", "a\0\0\0", TraceLoggingValue(u8'a', "f"));
#endif
}

static GUID thread_activity() {
    GUID id;
    EventActivityIdControl(EVENT_ACTIVITY_CTRL_GET_ID, &id);
    return id;
}

static void activities() {
    GUID id;
    {
        TraceLoggingActivity<FIELDS_PROVIDER, 0x10, 3> outer;
        EXPECT(outer.Id() == nullptr && !outer.IsStarted() && outer.Provider() == FIELDS_PROVIDER);
        TraceLoggingWriteStart(outer, "E");
        expect_event_of("E", 3, 1, 0x10, outer.Id(), nullptr);
        EXPECT(outer.Id() != nullptr && outer.IsStarted());
        TraceLoggingWriteTagged(outer, "E", TraceLoggingLevel(2));
        expect_event_of("E", 2, 0, 0, outer.Id(), nullptr);

        TraceLoggingActivity<FIELDS_PROVIDER> inner;
        inner.SetRelatedActivity(outer);
        TraceLoggingWriteStart(inner, "E");
        expect_event_of("E", 5, 1, 0, inner.Id(), outer.Id());
        TraceLoggingWriteStop(inner, "E");
        expect_event_of("E", 5, 2, 0, inner.Id(), nullptr);
        EXPECT(!inner.IsStarted() && memcmp(inner.Id(), outer.Id(), sizeof(id)) != 0);

        id = *outer.Id();
        const TraceLoggingActivity<FIELDS_PROVIDER, 0x10, 3> owner(
            static_cast<TraceLoggingActivity<FIELDS_PROVIDER, 0x10, 3>&&>(outer));
        EXPECT(owner.IsStarted() && !outer.IsStarted() && outer.Id() == nullptr);
    }
    expect_event_of("ActivityStopped", 3, 2, 0x10, &id, nullptr);
    {
        TraceLoggingActivity<FIELDS_PROVIDER, 0, 6> unwanted; /* the session's level is 5 */
        TraceLoggingWriteStart(unwanted, "E");
        EXPECT(unwanted.IsStarted() && unwanted.Id() == nullptr);
    }
    expect_nothing();
}

/* Those of a thread are the ids of all its events, and nest. */
static void thread_activities() {
    const GUID before = {1, 2, 3, {4}};
    const TraceLoggingThreadActivityIdSetter setter(before);
    GUID outer_id;
    {
        TraceLoggingThreadActivity<FIELDS_PROVIDER> outer;
        TraceLoggingWriteStart(outer, "E");
        expect_event_of("E", 5, 1, 0, outer.Id(), &before);
        outer_id = *outer.Id();
        TraceLoggingThreadActivity<FIELDS_PROVIDER> inner;
        TraceLoggingWriteStart(inner, "E");
        expect_event_of("E", 5, 1, 0, inner.Id(), &outer_id);
        TraceLoggingWrite(FIELDS_PROVIDER, "E");
        expect_event_of("E", 5, 0, 0, inner.Id(), nullptr);
        TraceLoggingWriteStop(inner, "E");
        expect_event_of("E", 5, 2, 0, inner.Id(), nullptr);
        const GUID now = thread_activity();
        EXPECT(memcmp(&now, &outer_id, sizeof(now)) == 0);
    }
    expect_event_of("ActivityStopped", 5, 2, 0, &outer_id, nullptr);
    const GUID now = thread_activity();
    EXPECT(memcmp(&now, &before, sizeof(now)) == 0);
}

static void functions() {
    TraceLoggingWrite(FIELDS_PROVIDER, __FUNCTION__);
    expect_event_of("functions", 5, 0, 0, nullptr, nullptr);
    GUID id, none = {};
    {
        TraceLoggingFunction(FIELDS_PROVIDER, TraceLoggingKeyword(0x10), TraceLoggingLevel(3));
        id = thread_activity();
        EXPECT(memcmp(&id, &none, sizeof(id)) != 0);
        expect_event_of("functions", 3, 1, 0x10, &id, nullptr);
    }
    expect_event_of("functions", 3, 2, 0x10, &id, nullptr);
    const auto named_by_the_compiler = [](auto value) {
        TraceLoggingFunction(FIELDS_PROVIDER);
        return value;
    };
    named_by_the_compiler(1);
    EXPECT(taken() == 2);
    id = thread_activity();
    EXPECT(memcmp(&id, &none, sizeof(id)) == 0);
}
#endif

/* Text of any length that an event can hold arrives whole; what is longer is not cut. */
static void long_texts(void) {
    static wchar_t wide[40000];
    static char16_t units[40000];
    static char narrow[70000];
    size_t i;
    for (i = 0; i < 30000; ++i) wide[i] = L'w';
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingWideString(wide, "f"));
    expect_payload_size(60002);
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingValue(wide, "f"));
    expect_payload_size(60002);
    for (i = 0; i < 39999; ++i) wide[i] = L'w', units[i] = u'u';
    for (i = 0; i < 69999; ++i) narrow[i] = 'n';
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingWideString(wide, "f"));
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingWideString(units, "f"));
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingValue(wide, "f"));
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingCountedWideString(wide, 39999, "f"));
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingCountedString(narrow, 65536 + 2, "f"));
    TraceLoggingWrite(FIELDS_PROVIDER, "E", TraceLoggingBinary(narrow, 65536 + 2, "f"));
    TraceLoggingWrite(FIELDS_PROVIDER, "E",
                      TraceLoggingUInt8Array((uint8_t*)narrow, 65536 + 2, "f"));
    expect_nothing();
}

/* Annotated as Windows' sources are. */
static VOID NTAPI on_enable(_In_ LPCGUID source, _In_ ULONG is_enabled, _In_ UCHAR level,
                            _In_ ULONGLONG any, _In_ ULONGLONG all,
                            _In_opt_ PEVENT_FILTER_DESCRIPTOR filter, _Inout_opt_ PVOID context) {
    (void)source, (void)is_enabled, (void)level, (void)any, (void)all, (void)filter, (void)context;
}

/* As in the header that mc.exe makes of a manifest. */
EXTERN_C __declspec(selectany) const EVENT_DESCRIPTOR g_made_event = {0x64, 1, 0, 4, 2, 0, 0};
DECLSPEC_NOINLINE __inline ULONG __stdcall write_made(REGHANDLE handle) {
    return EventWriteTransfer(handle, &g_made_event, NULL, NULL, 0, NULL);
}
FORCEINLINE ULONG check_made(_Pre_cap_(1) const unsigned __int64* handle) {
    return write_made(*handle);
}
static void made(void) {
    const unsigned __int64 handle = FIELDS_PROVIDER->handle;
    EXPECT(check_made(&handle) == 0);
    EXPECT(taken() == 1);
}

void FIELDS_FUNCTION(void) {
    TraceLoggingRegisterEx(FIELDS_PROVIDER, on_enable, NULL);
    numbers();
    meanings();
    structures();
    texts();
    bytes();
    groups();
    tags();
    unnamed();
    custom();
    deduced();
    attributes();
    options();
    made();
#ifdef __cplusplus
    temporaries();
    converted();
    activities();
    thread_activities();
    functions();
#endif
    long_texts();
    TraceLoggingUnregister(FIELDS_PROVIDER);
}
