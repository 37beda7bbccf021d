#include "render/clock_text.h"

#include "base/filetime.h"
#include "base/platform.h"
#include "render/digits.h"

#include <algorithm>

namespace etw::render {
namespace {

constexpr int64_t kTicksPerSecond = 10'000'000;
constexpr int64_t kSecondsPerDay = 86'400;
constexpr int64_t kMaxFileTime = 2'650'467'743'999'999'999;  // 9999-12-31T23:59:59.9999999

// Zones change their offset at quarters of an hour at the finest.
constexpr int64_t kOffsetBlock = 900;  // seconds

// Days since 1601-01-01. The calendar repeats every 400 years, and 1601 begins such a period.
void civil_date(int64_t days, CivilTime& out) {
    constexpr int64_t kDaysPer400Years = 146'097;
    constexpr uint32_t kMonthDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const auto is_leap = [](int64_t y) { return y % 4 == 0 && (y % 100 != 0 || y % 400 == 0); };
    const int64_t era = days / kDaysPer400Years;
    int64_t rest = days % kDaysPer400Years;
    // Centuries of 36524 days but the last of a period, four years of 1461 but the last of a
    // century, years of 365 but the last of four: hence the limits of 3.
    const int64_t centuries = std::min<int64_t>(rest / 36'524, 3);
    rest -= centuries * 36'524;
    const int64_t fours = rest / 1'461;
    rest -= fours * 1'461;
    const int64_t years = std::min<int64_t>(rest / 365, 3);
    rest -= years * 365;
    const int64_t year = 1601 + era * 400 + centuries * 100 + fours * 4 + years;
    uint32_t month = 0;
    for (;; ++month) {
        const uint32_t length = kMonthDays[month] + (month == 1 && is_leap(year) ? 1u : 0u);
        if (rest < length) break;
        rest -= length;
    }
    out.year = uint32_t(year);
    out.month = month + 1;
    out.day = uint32_t(rest) + 1;
}

char* put_prefix_second(char* p, const CivilTime& t) {
    p = put_two(p, t.month);
    *p++ = '/';
    p = put_two(p, t.day);
    *p++ = '/';
    p = put_padded(p, t.year, 4);
    *p++ = '-';
    p = put_two(p, t.hour);
    *p++ = ':';
    p = put_two(p, t.minute);
    *p++ = ':';
    return put_two(p, t.second);
}

char* put_iso_second(char* p, const CivilTime& t) {
    p = put_padded(p, t.year, 4);
    *p++ = '-';
    p = put_two(p, t.month);
    *p++ = '-';
    p = put_two(p, t.day);
    *p++ = 'T';
    p = put_two(p, t.hour);
    *p++ = ':';
    p = put_two(p, t.minute);
    *p++ = ':';
    return put_two(p, t.second);
}

// "+05:30"; `offset` of less than a day, in 100 ns units.
char* put_zone(char* p, int64_t offset) {
    *p++ = offset < 0 ? '-' : '+';
    const auto minutes = uint32_t((offset < 0 ? -offset : offset) / kTicksPerSecond / 60);
    p = put_two(p, minutes / 60 % 100);
    *p++ = ':';
    return put_two(p, minutes % 60);
}

}  // namespace

CivilTime civil_time(int64_t filetime) noexcept {
    filetime = std::clamp<int64_t>(filetime, 0, kMaxFileTime);
    const int64_t seconds = filetime / kTicksPerSecond;
    CivilTime out{};
    civil_date(seconds / kSecondsPerDay, out);
    const auto of_day = uint32_t(seconds % kSecondsPerDay);
    out.hour = of_day / 3600;
    out.minute = of_day / 60 % 60;
    out.second = of_day % 60;
    out.ticks = uint32_t(filetime % kTicksPerSecond);
    return out;
}

CivilTime local_civil_time(int64_t filetime) noexcept {
    filetime = std::clamp<int64_t>(filetime, 0, kMaxFileTime);
    return civil_time(filetime + local_offset(filetime));
}

char* put_iso_time(char* p, int64_t filetime, bool local) noexcept {
    const CivilTime t = local ? local_civil_time(filetime) : civil_time(filetime);
    p = put_iso_second(p, t);
    *p++ = '.';
    p = put_padded(p, t.ticks, 7);
    if (!local) *p++ = 'Z';
    return p;
}

int64_t local_offset(int64_t filetime) noexcept {
    const int64_t seconds =
        (std::clamp<int64_t>(filetime, 0, kMaxFileTime) - kFileTimeOfUnixEpoch) / kTicksPerSecond;
    tm local{};
    if (!local_calendar_time(time_t(seconds), local)) return 0;
    // Back to seconds as if the local reading were UTC: the difference is the offset.
    int64_t days = 0;
    const int64_t years = local.tm_year + 1900 - 1601;
    days = years * 365 + years / 4 - years / 100 + years / 400 + local.tm_yday;
    const int64_t reading =
        days * kSecondsPerDay + local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec;
    return (reading - kFileTimeOfUnixEpoch / kTicksPerSecond - seconds) * kTicksPerSecond;
}

char* ClockText::put(char* p, int64_t filetime) noexcept {
    filetime = std::clamp<int64_t>(filetime, 0, kMaxFileTime);
    const int64_t second = filetime / kTicksPerSecond;
    if (second != second_) set_second(second);
    std::memcpy(p, text_, sizeof(text_));
    p += length_;
    const auto ticks = uint32_t(filetime - second * kTicksPerSecond);
    *p++ = '.';
    if (digits_ == 3) {
        p = put_padded(p, ticks / 10'000, 3);
    } else {
        p = put_padded(p, ticks, 7);
    }
    if (suffix_) {
        std::memcpy(p, zone_text_, sizeof(zone_text_));
        p += zone_length_;
    }
    return p;
}

void ClockText::set_second(int64_t second) noexcept {
    if (zone_ == Zone::kLocal && second / kOffsetBlock != offset_block_) {
        offset_block_ = second / kOffsetBlock;
        offset_ = local_offset(second * kTicksPerSecond);
        if (suffix_) zone_length_ = uint32_t(put_zone(zone_text_, offset_) - zone_text_);
    }
    const CivilTime t = civil_time(second * kTicksPerSecond + offset_);
    const char* const end =
        style_ == Style::kPrefix ? put_prefix_second(text_, t) : put_iso_second(text_, t);
    length_ = uint32_t(end - text_);
    second_ = second;
}

}  // namespace etw::render
