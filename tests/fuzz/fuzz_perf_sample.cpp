// Any bytes as a sample of perf, in each form: nothing is read outside, and what comes out is no
// more than went in. Input: the form, then the body.
#include "kernel/perf/perf_sample.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace etw;
    if (size == 0) return 0;
    const kernel::PerfForm form{uint32_t(data[0] & 7), (data[0] & 8) != 0, (data[0] & 16) != 0};
    const Bytes body = std::as_bytes(std::span(data + 1, size - 1));
    kernel::PerfSample sample;
    if (!kernel::parse_sample(body, form, sample)) return 0;
    if (sample.counters.size() != form.counters) std::abort();
    if (sample.stack.size() * sizeof(uint64_t) + sample.raw.size() > body.size()) std::abort();
    return 0;
}
