#include "host/session/session_clock.h"

#include "ring/clock.h"

#include <algorithm>
#include <ctime>
#include <limits>

namespace etw::host {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

// a * b / c without overflow in between; c > 0. The result saturates.
int64_t scale(int64_t a, int64_t b, int64_t c) noexcept {
    __extension__ using Wide = __int128;
    const Wide exact = Wide(a) * b / c;
    constexpr Wide kMax = std::numeric_limits<int64_t>::max() / 2;
    return int64_t(std::clamp(exact, -kMax, kMax));
}

bool has_counter() noexcept {
    static const bool usable = ring::counter_is_usable();
    return usable;
}

int64_t counter_of_monotonic(int64_t ns) noexcept {
    return scale(ns, int64_t(counter_hz()), kNsPerSecond);
}

int64_t monotonic_now() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return int64_t{now.tv_sec} * kNsPerSecond + now.tv_nsec;
}

}  // namespace

int64_t counter_now() noexcept { return has_counter() ? ring::read_counter() : monotonic_now(); }

uint64_t counter_hz() noexcept { return has_counter() ? ring::counter_frequency() : kNsPerSecond; }

int64_t counter_at(int64_t monotonic_ns) noexcept {
    const int64_t then = std::max<int64_t>(0, monotonic_ns);
    if (!has_counter()) return counter_of_monotonic(std::min(then, monotonic_now()));
    // From now backwards: the two clocks drift, over the life of an event they do not. By one look
    // at both: between two, this thread may be made to wait.
    const ring::ClockSample now = ring::sample_clocks();
    return now.counter - counter_of_monotonic(std::max<int64_t>(0, now.monotonic_ns - then));
}

int64_t SessionClock::to_filetime(int64_t counter) const noexcept {
    const int64_t ticks = int64_t(uint64_t(counter) - uint64_t(start_counter));
    return start_filetime + scale(ticks, 10'000'000, int64_t(counter_hz));
}

}  // namespace etw::host
