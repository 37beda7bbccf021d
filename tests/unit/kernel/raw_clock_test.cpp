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

// Which is made to wait the first time.
int64_t interrupted_counter() noexcept {
    static bool waited = false;
    const int64_t now = raw_ns();
    if (!waited) {
        waited = true;
        while (raw_ns() < now + 20'000'000) {
        }
    }
    return now;
}

TEST(RawClock, IsNotReadByALookThatWasInterrupted) {
    const RawInstant both = read_both({&interrupted_counter, 1'000'000'000, true});
    EXPECT_NEAR(double(both.counter), double(both.raw_ns), 1'000'000);
}

}  // namespace
}  // namespace etw::kernel
