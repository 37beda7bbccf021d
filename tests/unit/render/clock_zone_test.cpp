// Times of zones whose rules the environment says, as it can with POSIX only.
#include "base/filetime.h"
#include "render/clock_text.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace etw::render {
namespace {

constexpr int64_t kSecond = 10'000'000;

int64_t filetime(int64_t unix_seconds) { return unix_seconds * kSecond + kFileTimeOfUnixEpoch; }

std::string put(ClockText& clock, int64_t time) {
    char text[kMaxClockText];
    return {text, clock.put(text, time)};
}

class Zone {
public:
    explicit Zone(const char* name) {
        ::setenv("TZ", name, 1);
        ::tzset();
    }
    ~Zone() {
        ::unsetenv("TZ");
        ::tzset();
    }
};

TEST(ClockZone, UsesTheOffsetOfTheMoment) {
    const Zone zone("CET-1CEST,M3.5.0,M10.5.0/3");
    ClockText clock(ClockText::Style::kPrefix, ClockText::Zone::kLocal, 3);
    EXPECT_EQ(put(clock, filetime(1'711'846'799)), "03/31/2024-01:59:59.000");
    EXPECT_EQ(put(clock, filetime(1'711'846'800)), "03/31/2024-03:00:00.000");
    EXPECT_EQ(put(clock, filetime(1'729'990'799)), "10/27/2024-02:59:59.000");
    EXPECT_EQ(put(clock, filetime(1'729'990'800)), "10/27/2024-02:00:00.000");
}

TEST(ClockZone, KnowsZonesOfHalfHours) {
    const Zone zone("IST-5:30");
    EXPECT_EQ(local_offset(filetime(0)), 19'800 * kSecond);
    const Zone west("NST3:30");
    EXPECT_EQ(local_offset(filetime(0)), -12'600 * kSecond);
}

}  // namespace
}  // namespace etw::render
