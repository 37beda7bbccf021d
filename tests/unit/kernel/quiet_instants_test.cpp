#include "kernel/quiet_instants.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <ctime>

namespace etw::kernel {
namespace {

int64_t now_ns() noexcept {
    timespec ts{};
    ::clock_gettime(CLOCK_MONOTONIC, &ts);
    return int64_t(ts.tv_sec) * 1'000'000'000 + ts.tv_nsec;
}

TEST(QuietInstants, AreOneForEachProcessorWhileTheyAreLookedFor) {
    // Processors that are not there have one all the same.
    const auto cpus = uint32_t(::sysconf(_SC_NPROCESSORS_CONF)) + 2000;
    const int64_t before = now_ns();
    const auto instants = quiet_instants(cpus, {&now_ns, 1'000'000'000, false});
    const int64_t after = now_ns();
    ASSERT_EQ(instants.size(), cpus);
    for (const int64_t instant : instants) {
        EXPECT_GE(instant, before);
        EXPECT_LE(instant, after);
    }
}

}  // namespace
}  // namespace etw::kernel
