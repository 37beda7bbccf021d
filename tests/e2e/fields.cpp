// Writes one event for each kind of field, with values that do not change, for test_fields.py.
#include <TraceLoggingProvider.h>

#include <cstdio>

// {6a0b4f0d-6d0c-4b7a-8f6e-0c2f7d9d1a55}
TRACELOGGING_DEFINE_PROVIDER(g_provider, "Openetw.Test.Fields",
                             (0x6a0b4f0d, 0x6d0c, 0x4b7a, 0x8f, 0x6e, 0x0c, 0x2f, 0x7d, 0x9d, 0x1a,
                              0x55));

namespace {

constexpr uint64_t kCode = 0x7f0012345678;

// A value, an array whose length is told at run time, and one of constant length.
#define FIELDS(macro, type, a, b)                                                      \
    do {                                                                               \
        static const type values[] = {a, b};                                           \
        TraceLoggingWrite(g_provider, #macro, TraceLogging##macro(values[1], "value"), \
                          TraceLogging##macro##Array(values, 2, "counted"),            \
                          TraceLogging##macro##FixedArray(values, 2, "fixed"));        \
    } while (0)

void write_numbers() {
    FIELDS(Int8, int8_t, 1, -128);
    FIELDS(UInt8, uint8_t, 1, 255);
    FIELDS(Int16, int16_t, 1, -32768);
    FIELDS(UInt16, uint16_t, 1, 65535);
    FIELDS(Int32, int32_t, 1, -2147483647);
    FIELDS(UInt32, uint32_t, 1, 4294967295u);
    FIELDS(Int64, int64_t, 1, -9223372036854775807);
    FIELDS(UInt64, uint64_t, 1, 18446744073709551615u);
    FIELDS(IntPtr, intptr_t, 1, -1);
    FIELDS(UIntPtr, uintptr_t, 1, 2);
    FIELDS(Float32, float, 1, -0.5f);
    FIELDS(Float64, double, 1, 1e100);
    FIELDS(Boolean, BOOLEAN, 0, 1);
    FIELDS(Bool, BOOL, 0, 1);
    FIELDS(HexInt8, int8_t, 1, -1);
    FIELDS(HexUInt8, uint8_t, 1, 255);
    FIELDS(HexInt16, int16_t, 1, -1);
    FIELDS(HexUInt16, uint16_t, 1, 65535);
    FIELDS(HexInt32, int32_t, 1, -1);
    FIELDS(HexUInt32, uint32_t, 1, 255);
    FIELDS(HexInt64, int64_t, 1, -1);
    FIELDS(HexUInt64, uint64_t, 1, 255);
}

void write_meanings() {
    FIELDS(Char, char, 'a', 'b');
    FIELDS(Char16, char16_t, u'a', u'\u20ac');
    FIELDS(Pointer, uintptr_t, 1, kCode);
    FIELDS(CodePointer, uintptr_t, 1, kCode);
    FIELDS(Pid, uint32_t, 1, 4321);
    FIELDS(Tid, uint32_t, 1, 4321);
    FIELDS(Port, uint16_t, 1, 0x5000);
    FIELDS(IPv4Address, uint32_t, 0x01010101, 0x0100007F);
    FIELDS(WinError, uint32_t, 5, 1450);
    FIELDS(NTStatus, uint32_t, 0, 0xC0000022u);
    FIELDS(HResult, int32_t, 0, -2147024891);
    static const GUID guids[] = {{}, {1, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}}};
    FIELDS(Guid, GUID, guids[0], guids[1]);
    static const FILETIME times[] = {{0xD53E8000, 0x019DB1DE}, {0x7C9A4000, 0x01DC0000}};
    FIELDS(FileTime, FILETIME, times[0], times[1]);
    FIELDS(FileTimeUtc, FILETIME, times[0], times[1]);
    static const SYSTEMTIME dates[] = {{1999, 12, 5, 31, 23, 59, 59, 999},
                                       {2026, 1, 4, 2, 3, 4, 5, 6}};
    FIELDS(SystemTime, SYSTEMTIME, dates[0], dates[1]);
    FIELDS(SystemTimeUtc, SYSTEMTIME, dates[0], dates[1]);
}

void write_texts() {
    static const char zero_to_f[] = "0123456789abcdef";
    TraceLoggingWrite(
        g_provider, "Texts", TraceLoggingString("text", "ansi"),
        TraceLoggingUtf8String("\xe2\x82\xac", "utf8"), TraceLoggingWideString(u"\u20ac", "wide"),
        TraceLoggingWideString(L"\U0001F600", "wider"), TraceLoggingString(nullptr, "null"),
        TraceLoggingJson("{\"a\":1}", "json"), TraceLoggingXml("<a/>", "xml"),
        TraceLoggingCountedString("textual", 4, "counted"),
        TraceLoggingCountedUtf8String("\xe2\x82\xac!", 3, "countedUtf8"),
        TraceLoggingCountedWideString(u"wider", 4, "countedWide"));
    static const uint8_t sid[] = {1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0};
    static const uint8_t local6[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    static const uint8_t address[16] = {2, 0, 0, 80, 127, 0, 0, 1};
    TraceLoggingWrite(g_provider, "Bytes", TraceLoggingBinary(zero_to_f, 16, "binary"),
                      TraceLoggingBinary(nullptr, 0, "none"), TraceLoggingSid(sid, "sid"),
                      TraceLoggingIPv6Address(local6, "ipv6"),
                      TraceLoggingSocketAddress(address, sizeof(address), "socket"));
}

void write_groups() {
    static const uint8_t pairs[] = {2, 0, 1, 2, 3, 4};
    TraceLoggingWrite(g_provider, "Groups", TraceLoggingStruct(2, "outer"),
                      TraceLoggingInt32(1, "a"), TraceLoggingStruct(1, "inner"),
                      TraceLoggingString("deep", "b"), TraceLoggingInt32(3, "after"),
                      TraceLoggingPackedStructArray(2, "pairs"), TraceLoggingPackedMetadata(4, "x"),
                      TraceLoggingPackedMetadata(4, "y"),
                      TraceLoggingPackedData(pairs, sizeof(pairs)),
                      TraceLoggingInt32(4, "last", "words", 0x1234));
    char changeable[] = "changeable";
    TraceLoggingWrite(g_provider, "Deduced", TraceLoggingValue(true, "bool"),
                      TraceLoggingValue('c', "char"), TraceLoggingValue(-1, "int"),
                      TraceLoggingValue(1.5, "double"), TraceLoggingValue(changeable, "text"),
                      TraceLoggingValue(u"wide", "wide"), TraceLoggingValue(L"wider", "wider"),
                      TraceLoggingValue(7, "tagged", "words", 1), TraceLoggingEventTag(0x4321));
    TraceLoggingWrite(g_provider, "NoFields");
}

}  // namespace

int main() {
    TraceLoggingRegister(g_provider);
    write_numbers();
    write_meanings();
    write_texts();
    write_groups();
    TraceLoggingUnregister(g_provider);
    return 0;
}
