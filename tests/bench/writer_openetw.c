// Our side of the side-by-side benchmarks.
#include "bench_writer.h"

#include <TraceLoggingProvider.h>

#define WPP_CONTROL_GUIDS                                                             \
    WPP_DEFINE_CONTROL_GUID(OpenetwBench, (4d8be6c0, 36c5, 4a5c, 8d0e, 0f1d1ff3b7a2), \
                            WPP_DEFINE_BIT(MESSAGES))
#include <etw/trace_message.h>

// {4d8be6c0-36c5-4a5c-8d0e-0f1d1ff3b7a1}
TRACELOGGING_DEFINE_PROVIDER(g_provider, "Openetw.Bench",
                             (0x4d8be6c0, 0x36c5, 0x4a5c, 0x8d, 0x0e, 0x0f, 0x1d, 0x1f, 0xf3, 0xb7,
                              0xa1));

static void write_one(uint64_t n) {
    TraceLoggingWrite(g_provider, "one", TraceLoggingLevel(4),
                      TraceLoggingUInt32((uint32_t)n, "v"));
}

static void write_three(uint64_t n) {
    TraceLoggingWrite(g_provider, "three", TraceLoggingLevel(4), TraceLoggingUInt64(n, "a"),
                      TraceLoggingFloat64((double)n * 0.5, "b"), TraceLoggingString(kText16, "c"));
}

static void write_message(uint64_t n) {
    DoTraceMessage(MESSAGES, "%d of %d", (int)n, (int)(n >> 1));
}

int main(int argc, char** argv) {
    TraceLoggingRegister(g_provider);
    WPP_INIT_TRACING("OpenetwBench");
    const int result = bench_writer_main(argc, argv);
    WPP_CLEANUP();
    TraceLoggingUnregister(g_provider);
    return result;
}
