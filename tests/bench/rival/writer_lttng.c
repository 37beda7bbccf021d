// The rival's side of the side-by-side benchmarks: lttng-ust, the same events, the same loop.
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "../bench_writer.h"
#include "lttng_events.h"

static void write_one(uint64_t n) { lttng_ust_tracepoint(rival, one, (uint32_t)n); }

static void write_three(uint64_t n) {
    lttng_ust_tracepoint(rival, three, n, (double)n * 0.5, kText16);
}

static void write_message(uint64_t n) {
    lttng_ust_tracepoint(rival, message, (int32_t)n, (int32_t)(n >> 1));
}

int main(int argc, char** argv) { return bench_writer_main(argc, argv); }
