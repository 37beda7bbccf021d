#include "host/session/session_clock.h"

#include "ring/clock.h"

#include <algorithm>
#include <limits>

namespace etw::host {
namespace {

// a * b / c without overflow in between; c > 0. The result saturates.
int64_t scale(int64_t a, int64_t b, int64_t c) noexcept {
    __extension__ using Wide = __int128;
    const Wide exact = Wide(a) * b / c;
    constexpr Wide kMax = std::numeric_limits<int64_t>::max() / 2;
    return int64_t(std::clamp(exact, -kMax, kMax));
}

int64_t counter_of_monotonic(int64_t ns) noexcept {
    return scale(ns, int64_t(ring::counter_frequency()), 1'000'000'000);
}

}  // namespace

int64_t counter_now() noexcept {
    static const bool usable = ring::counter_is_usable();
    return usable ? ring::read_counter() : counter_of_monotonic(ring::sample_clocks().monotonic_ns);
}

int64_t counter_at(int64_t monotonic_ns) noexcept {
    const ring::ClockSample now = ring::sample_clocks();
    // From now backwards: the two clocks drift, over the life of an event they do not.
    const int64_t age = std::max<int64_t>(0, now.monotonic_ns - std::max<int64_t>(0, monotonic_ns));
    return counter_now() - counter_of_monotonic(age);
}

int64_t SessionClock::to_filetime(int64_t counter) const noexcept {
    const int64_t ticks = int64_t(uint64_t(counter) - uint64_t(start_counter));
    return start_filetime + scale(ticks, 10'000'000, int64_t(counter_hz));
}

}  // namespace etw::host
