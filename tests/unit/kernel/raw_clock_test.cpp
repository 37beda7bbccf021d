#include "kernel/tracefs/trace_clock.h"

#include <gtest/gtest.h>

#include <ctime>

namespace etw::kernel {
namespace {

int64_t raw_ns() {
    timespec ts{};
    ::clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
    return int64_t(ts.tv_sec) * 1'000'000'000 + ts.tv_nsec;
}

// A counter that runs at a third of what its frequency says: the lines are to find its true rate.
int64_t slow_counter() noexcept { return raw_ns() / 3; }

TEST(RawClock, FollowsTheCounterWhateverItsRateIs) {
    RawClock clock({&slow_counter, 1'000'000'000, true});
    const int64_t begin = raw_ns();
    while (raw_ns() < begin + 2'000'000) {
    }
    const int64_t asked = raw_ns();
    clock.sample();
    EXPECT_NEAR(double(clock.to_counter(uint64_t(asked))), double(asked / 3), 100'000);
    EXPECT_NEAR(double(clock.to_counter(uint64_t(begin))), double(begin / 3), 100'000);
}

}  // namespace
}  // namespace etw::kernel
