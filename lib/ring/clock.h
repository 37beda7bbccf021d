// The time stamp counter that every event carries, and its relation to wall time. x86-64: the TSC
// where it is invariant; AArch64: the virtual counter.
#pragma once
#include <cstdint>

namespace etw::ring {

#if defined(__x86_64__)
inline int64_t read_counter() noexcept { return int64_t(__builtin_ia32_rdtsc()); }
#elif defined(__aarch64__)
inline int64_t read_counter() noexcept {
    uint64_t value;
    asm volatile("mrs %0, cntvct_el0" : "=r"(value));
    return int64_t(value);
}
#else
#error "openetw: the rings need x86-64 or AArch64"
#endif

// False where the counter stops, changes its rate or differs between processors; then providers
// send their events by socket and the host stamps CLOCK_MONOTONIC.
bool counter_is_usable() noexcept;

// Hz. From perf's conversion factors where the kernel gives them, else measured against
// CLOCK_MONOTONIC_RAW. Measured once a process; up to 10 ms the first time.
uint64_t counter_frequency() noexcept;

// One instant on all clocks, read as close together as can be.
struct ClockSample {
    int64_t counter;       // read_counter()
    int64_t unix_ns;       // CLOCK_REALTIME
    int64_t monotonic_ns;  // CLOCK_MONOTONIC
};
ClockSample sample_clocks() noexcept;

}  // namespace etw::ring
