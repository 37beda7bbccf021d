#include "render/clock_text.h"

#include "base/filetime.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace etw::render {
namespace {

constexpr int64_t kSecond = 10'000'000;

int64_t filetime(int64_t unix_seconds, int64_t ticks = 0) {
    return unix_seconds * kSecond + kFileTimeOfUnixEpoch + ticks;
}

std::string iso(int64_t time) {
    char text[kMaxClockText];
    return {text, put_iso_time(text, time)};
}

std::string put(ClockText& clock, int64_t time) {
    char text[kMaxClockText];
    return {text, clock.put(text, time)};
}

TEST(ClockText, KnowsTheCalendar) {
    EXPECT_EQ(iso(0), "1601-01-01T00:00:00.0000000Z");
    EXPECT_EQ(iso(filetime(0)), "1970-01-01T00:00:00.0000000Z");
    EXPECT_EQ(iso(filetime(951'782'400)), "2000-02-29T00:00:00.0000000Z");
    EXPECT_EQ(iso(filetime(1'709'251'199)), "2024-02-29T23:59:59.0000000Z");
    EXPECT_EQ(iso(filetime(4'107'542'400)),
              "2100-03-01T00:00:00.0000000Z");  // 2100 is no leap year
    EXPECT_EQ(iso(filetime(1'735'689'599, 9'999'999)), "2024-12-31T23:59:59.9999999Z");
}

TEST(ClockText, ShowsTimesOutsideTheCalendarAsItsEnds) {
    EXPECT_EQ(iso(-1), "1601-01-01T00:00:00.0000000Z");
    EXPECT_EQ(iso(std::numeric_limits<int64_t>::max()), "9999-12-31T23:59:59.9999999Z");
}

TEST(ClockText, CutsTheFractionAndNeverRoundsUp) {
    ClockText clock(ClockText::Style::kPrefix, ClockText::Zone::kUtc, 3);
    EXPECT_EQ(put(clock, filetime(1'066'912'060, 1'739'999)), "10/23/2003-12:27:40.173");
    EXPECT_EQ(put(clock, filetime(1'066'912'060, 9'999'999)), "10/23/2003-12:27:40.999");
}

TEST(ClockText, GivesSevenDigitsWhereAsked) {
    ClockText clock(ClockText::Style::kPrefix, ClockText::Zone::kUtc, 7);
    EXPECT_EQ(put(clock, filetime(1'066'912'060, 1'739'999)), "10/23/2003-12:27:40.1739999");
}

TEST(ClockText, FollowsTimesInAnyOrder) {
    ClockText clock(ClockText::Style::kIso, ClockText::Zone::kUtc, 7, true);
    for (const int64_t s : {100, 5, 5, 100'000'000, 100})
        EXPECT_EQ(put(clock, filetime(s)), iso(filetime(s)));
}

}  // namespace
}  // namespace etw::render
