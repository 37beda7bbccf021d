// What PERF_RECORD_SAMPLE holds, for the values that are asked for here.
#pragma once
#include "etw/bytes.h"

#include <cstdint>
#include <vector>

namespace etw::kernel {

// Which of them an event's samples have, besides address, ids and time.
struct PerfForm {
    uint32_t counters = 0;  // PERF_SAMPLE_READ of a group with so many behind its leader
    bool stack = false;     // PERF_SAMPLE_CALLCHAIN
    bool raw = false;       // PERF_SAMPLE_RAW

    friend bool operator==(const PerfForm&, const PerfForm&) = default;
};

struct PerfSample {
    uint64_t address = 0;
    uint32_t process = 0;
    uint32_t thread = 0;
    uint64_t time = 0;
    std::vector<uint64_t> counters;
    std::vector<uint64_t> stack;  // innermost first, the kernel's part, then the program's
    std::vector<std::byte> raw;   // of a tracepoint: its event, as its format file has it
};

// What PERF_SAMPLE_CALLCHAIN adds to one: the addresses, without the marks between them.
Status read_stack(ByteReader& in, std::vector<uint64_t>& out);
// The body of a sample. False where it makes no sense.
bool parse_sample(Bytes body, const PerfForm& form, PerfSample& out);

}  // namespace etw::kernel
