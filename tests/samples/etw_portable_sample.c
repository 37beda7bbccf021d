/* A provider for both systems: the same source compiles against Windows' headers and against those
 * of this project. Self-describing events and, of another provider, events of a manifest.
 *
 *   cc etw_portable_sample.c -letw-provider -o etw-portable-sample     (Windows: -ladvapi32)
 *   tracelog -start Demo -f demo.etl -guid Openetw.Portable -level 5 */
#include <windows.h>
/* which the next need */
#include <TraceLoggingProvider.h>
#include <evntprov.h>
#include <stdio.h>

/* The GUID is the hash of the name, as tools compute it. */
TRACELOGGING_DEFINE_PROVIDER(g_portable, "Openetw.Portable",
                             (0xdc8e46a3, 0x037d, 0x576a, 0x81, 0xea, 0x77, 0x75, 0x75, 0xef, 0x7d,
                              0x90));

/* Openetw.Portable.Manifest */
static const GUID kManifestProvider = {
    0x6c5bd0d3, 0x3b35, 0x4c0a, {0x8f, 0x5e, 0x5d, 0x1d, 0x7b, 0x0a, 0x42, 0x11}};
static REGHANDLE g_manifest;
static UCHAR g_level; /* of the session, told by the callback */

static VOID NTAPI on_control(LPCGUID source, ULONG is_enabled, UCHAR level, ULONGLONG any,
                             ULONGLONG all, PEVENT_FILTER_DESCRIPTOR filter, PVOID context) {
    (void)source, (void)any, (void)all, (void)filter, (void)context;
    g_level = is_enabled != 0 ? level : (UCHAR)0;
}

static ULONG write_manifest_event(ULONG number, const char* text, ULONG size) {
    EVENT_DESCRIPTOR descriptor;
    EVENT_DATA_DESCRIPTOR data[2];
    EventDescCreate(&descriptor, 7, 1, 0, 4, 0, 0, 0x1);
    EventDataDescCreate(&data[0], &number, sizeof(number));
    EventDataDescCreate(&data[1], text, size);
    return EventWrite(g_manifest, &descriptor, 2, data);
}

int main(void) {
    static const WCHAR kWide[] = {'w', 'i', 'd', 'e', 0};
    static const UINT32 kList[] = {1, 2, 3};
    const FILETIME time = {0xD53E8000, 0x019DB1DE}; /* 1970 */
    ULONG errors = 0;
    if (EventRegister(&kManifestProvider, on_control, NULL, &g_manifest) != ERROR_SUCCESS) return 1;
    if (FAILED(TraceLoggingRegister(g_portable))) return 1;
    for (LONG i = 0; i < 3; ++i) {
        TraceLoggingWrite(g_portable, "Tick", TraceLoggingLevel(4), TraceLoggingKeyword(0x2),
                          TraceLoggingValue(i, "index"), TraceLoggingValue("narrow", "text"),
                          TraceLoggingWideString(kWide, "wide"),
                          TraceLoggingUInt32Array(kList, 3, "list"),
                          TraceLoggingValue(kManifestProvider, "guid"),
                          TraceLoggingFileTime(time, "time"), TraceLoggingHexUInt64(1, "hex"));
        errors += write_manifest_event((ULONG)i, "text", 5) != ERROR_SUCCESS;
    }
    TraceLoggingUnregister(g_portable);
    EventUnregister(g_manifest);
    printf("written 6, errors %lu, level %u\n", (unsigned long)errors, (unsigned)g_level);
    return errors != 0;
}
