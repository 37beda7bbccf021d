// The clock of a kernel trace and the counter that every other event carries.
#pragma once
#include "kernel/tracefs/tracefs.h"

#include <cstdint>

namespace etw::kernel {

// The counter as the host reads it.
struct CounterSource {
    int64_t (*now)() noexcept = nullptr;
    uint64_t hz = 1;
    // It is the processor's own; else it is CLOCK_MONOTONIC in these units.
    bool is_hardware = true;
};

// An instant on two clocks, read as close together as can be.
struct RawInstant {
    int64_t counter = 0;
    int64_t raw_ns = 0;  // CLOCK_MONOTONIC_RAW
};
RawInstant read_both(const CounterSource& counter) noexcept;

class TraceClock {
public:
    // Has the instance stamp its events with the counter itself where the kernel can (x86-tsc).
    // Elsewhere with a clock that runs at the same rate: CLOCK_MONOTONIC_RAW, which nothing slews,
    // related to the counter at one instant; or CLOCK_MONOTONIC where that is the counter.
    static Result<TraceClock> set_up(const Instance& instance, const CounterSource& counter);

    int64_t to_counter(uint64_t time) const noexcept;

private:
    bool is_counter_ = true;
    RawInstant related_at_;
    uint64_t hz_ = 1;
};

// The counter at a time of CLOCK_MONOTONIC_RAW, which perf's records have: by a straight line
// between instants at which both were read, so that neither's rate need be known. The two are a
// second apart or more as soon as they can be: reading two clocks takes some time, and the longer
// the line, the less its slope suffers from that. Exact to the time that reading takes.
class RawClock {
public:
    explicit RawClock(const CounterSource& counter) : counter_(counter) { sample(); }

    void sample();  // before times up to now are converted
    int64_t to_counter(uint64_t time) const noexcept;

private:
    CounterSource counter_;
    RawInstant before_;  // the line is from here to `last_`
    RawInstant next_;    // will be `before_`
    RawInstant last_;
};

}  // namespace etw::kernel
