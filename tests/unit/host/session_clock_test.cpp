#include "host/session/session_clock.h"

#include "ring/clock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <vector>

namespace etw::host {
namespace {

int64_t monotonic_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int64_t median(std::vector<int64_t> of) {
    std::nth_element(of.begin(), of.begin() + ptrdiff_t(of.size() / 2), of.end());
    return of[of.size() / 2];
}

// What a program has stamped is not moved by the time that it takes to find out.
TEST(SessionClock, AnInstantIsWhereItWas) {
    std::vector<int64_t> errors, costs;
    for (int i = 0; i < 1001; ++i) {
        const int64_t before = counter_now();
        const int64_t ns = monotonic_ns();
        const int64_t after = counter_now();
        const int64_t at = counter_at(ns);
        costs.push_back(counter_now() - after);
        errors.push_back(std::abs(at - (before + (after - before) / 2)));
    }
    EXPECT_LT(median(errors), std::max<int64_t>(median(costs) / 8, 1));
}

TEST(SessionClock, NoInstantIsInTheFuture) {
    const int64_t at = counter_at(monotonic_ns() + 3'600'000'000'000);
    EXPECT_LE(at, counter_now());
    EXPECT_GT(at, 0);
}

}  // namespace
}  // namespace etw::host
