/* The smallest provider, in C: one event with every argument of the program.
 *
 *   cc etw_sample_c.c -letw-provider -o etw-sample-c
 *   tracelog -start Demo -f demo.etl -guid Openetw.SampleC -level 5 */
#include <TraceLoggingProvider.h>
#include <stdio.h>

/* The GUID is the hash of the name, as tools compute it. */
TRACELOGGING_DEFINE_PROVIDER(g_sample, "Openetw.SampleC",
                             (0x5e50297c, 0x3f7a, 0x5574, 0xfc, 0xdb, 0xf1, 0xa9, 0xe5, 0x96, 0x0d,
                              0x63));

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
