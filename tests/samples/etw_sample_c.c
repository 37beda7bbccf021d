/* The smallest provider, in C: one event with every argument of the program. */
#include <TraceLoggingProvider.h>
#include <stdio.h>

/* {5c3a1c0e-94b5-4a1f-8a52-6f1f7d0b9a44} */
TRACELOGGING_DEFINE_PROVIDER(g_sample, "OpenEtw.SampleC",
                             (0x5c3a1c0e, 0x94b5, 0x4a1f, 0x8a, 0x52, 0x6f, 0x1f, 0x7d, 0x0b, 0x9a,
                              0x44));

int main(int argc, char** argv) {
    TraceLoggingRegister(g_sample);
    for (int i = 0; i < argc; ++i) {
        TraceLoggingWrite(g_sample, "Argument", TraceLoggingLevel(4), TraceLoggingValue(i, "index"),
                          TraceLoggingValue(argv[i], "text"));
    }
    TraceLoggingUnregister(g_sample);
    printf("written %d\n", argc);
    return 0;
}
