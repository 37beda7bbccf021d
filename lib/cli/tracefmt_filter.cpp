#include "cli/tracefmt_filter.h"

#include "render/clock_text.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cctype>
#include <limits>
#include <optional>

namespace etw::cli {
namespace {

constexpr int64_t kSecond = 10'000'000;  // in 100 ns units
constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;

// Reads the parts of a time off the front of a text.
class TimeReader {
public:
    explicit TimeReader(std::string_view text) : rest_(text) {}

    bool done() const { return rest_.empty(); }
    bool skip(std::string_view any_of) {
        if (rest_.empty() || any_of.find(rest_.front()) == std::string_view::npos) return false;
        rest_.remove_prefix(1);
        return true;
    }
    // A number of exactly `digits` digits, at most `maximum`.
    std::optional<int64_t> number(size_t digits, int64_t minimum, int64_t maximum) {
        if (rest_.size() < digits) return std::nullopt;
        int64_t value = 0;
        for (const char c : rest_.substr(0, digits)) {
            if (c < '0' || c > '9') return std::nullopt;
            value = value * 10 + (c - '0');
        }
        if (value < minimum || value > maximum) return std::nullopt;
        rest_.remove_prefix(digits);
        return value;
    }
    // Digits behind a decimal point, in 100 ns units; `unit` is what the last one counts.
    std::optional<int64_t> fraction(int64_t& unit) {
        int64_t value = 0;
        unit = kSecond;
        size_t digits = 0;
        while (digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9') {
            if (unit > 1) {
                unit /= 10;
                value += (rest_[digits] - '0') * unit;
            }
            ++digits;
        }
        if (digits == 0) return std::nullopt;
        rest_.remove_prefix(digits);
        return value;
    }
    char peek(size_t at) const { return at < rest_.size() ? rest_[at] : '\0'; }

private:
    std::string_view rest_;
};

bool is_leap(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int64_t days_of(int64_t year, int64_t month) {
    constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return kDays[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

// Days from 1601-01-01, the first day of a 400-year period of the calendar.
int64_t days_since_1601(int64_t year, int64_t month, int64_t day) {
    constexpr int kBefore[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    const int64_t years = year - 1601;
    return years * 365 + years / 4 - years / 100 + years / 400 + kBefore[month - 1] +
           (is_leap(year) && month > 2 ? 1 : 0) + day - 1;
}

struct Date {
    int64_t year, month, day;
};

// YYYY-MM-DD or MM/DD/YYYY.
std::optional<Date> read_date(TimeReader& in) {
    const bool iso = in.peek(4) == '-';
    std::optional<int64_t> year, month, day;
    if (iso) year = in.number(4, 1601, 9999);
    if (iso && !in.skip("-")) return std::nullopt;
    month = in.number(2, 1, 12);
    if (!in.skip(iso ? "-" : "/")) return std::nullopt;
    day = in.number(2, 1, 31);
    if (!iso && !in.skip("/")) return std::nullopt;
    if (!iso) year = in.number(4, 1601, 9999);
    if (!year || !month || !day || *day > days_of(*year, *month)) return std::nullopt;
    return Date{*year, *month, *day};
}

// HH:MM[:SS[.fraction]] in 100 ns units.
std::optional<int64_t> read_time_of_day(TimeReader& in, int64_t& unit) {
    const auto hour = in.number(2, 0, 23);
    if (!hour || !in.skip(":")) return std::nullopt;
    const auto minute = in.number(2, 0, 59);
    if (!minute) return std::nullopt;
    int64_t ticks = *hour * kHour + *minute * kMinute;
    unit = kMinute;
    if (!in.skip(":")) return ticks;
    const auto second = in.number(2, 0, 60);
    if (!second) return std::nullopt;
    ticks += *second * kSecond;
    unit = kSecond;
    if (!in.skip(".,")) return ticks;
    const auto fraction = in.fraction(unit);
    if (!fraction) return std::nullopt;
    return ticks + *fraction;
}

// Z or +hh:mm behind a time; what has to be taken off it to get UTC. Nothing where there is no
// zone.
std::optional<int64_t> read_zone(TimeReader& in) {
    if (in.skip("Zz")) return 0;
    const char sign = in.peek(0);
    if (!in.skip("+-")) return std::nullopt;
    const auto hours = in.number(2, 0, 14);
    in.skip(":");
    const auto minutes = in.number(2, 0, 59);
    if (!hours || !minutes) return std::nullopt;
    const int64_t offset = *hours * kHour + *minutes * kMinute;
    return sign == '-' ? -offset : offset;
}

int64_t local_to_utc(int64_t local) {
    const int64_t guess = local - render::local_offset(local);
    return local - render::local_offset(guess);
}

// Seconds from the first event.
std::optional<render::Moment> read_relative(std::string_view text) {
    if (text.starts_with('+')) text.remove_prefix(1);
    constexpr size_t kMaxDigits = 10;
    const size_t digits = std::min(text.find('.'), text.size());
    TimeReader in(text);
    const auto seconds = digits <= kMaxDigits
                             ? in.number(digits, 0, std::numeric_limits<int64_t>::max())
                             : std::nullopt;
    if (digits == 0 || !seconds) return std::nullopt;
    int64_t ticks = *seconds * kSecond;
    int64_t unit = 0;
    if (in.skip(".")) {
        const auto fraction = in.fraction(unit);
        if (!fraction) return std::nullopt;
        ticks += *fraction;
    }
    if (!in.done()) return std::nullopt;
    return render::Moment{ticks, true};
}

std::optional<render::Moment> read_absolute(std::string_view text, bool utc, bool end) {
    TimeReader in(text);
    const auto date = read_date(in);
    if (!date) return std::nullopt;
    int64_t ticks = days_since_1601(date->year, date->month, date->day) * kDay;
    int64_t unit = kDay;
    std::optional<int64_t> zone;
    if (in.skip("T- ")) {
        const auto time = read_time_of_day(in, unit);
        if (!time) return std::nullopt;
        ticks += *time;
    }
    if (!in.done()) zone = read_zone(in);
    if (!in.done()) return std::nullopt;
    if (end) ticks += unit - 1;
    if (zone) return render::Moment{ticks - *zone, false};
    return render::Moment{utc ? ticks : local_to_utc(ticks), false};
}

std::vector<std::string> split(const std::vector<std::string>& words) {
    std::vector<std::string> out;
    for (std::string_view word : words) {
        while (!word.empty()) {
            const size_t end = std::min(word.find(';'), word.size());
            if (end != 0) out.emplace_back(word.substr(0, end));
            word.remove_prefix(std::min(end + 1, word.size()));
        }
    }
    return out;
}

bool is_number(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }) ||
           text.starts_with("0x") || text.starts_with("0X");
}

Result<render::IdRange, UsageError> parse_ids(std::string_view text) {
    constexpr uint64_t kMaxId = std::numeric_limits<uint16_t>::max();
    const size_t dash = text.find('-');
    ETW_TRY(const uint64_t first, parse_number("id", text.substr(0, dash), kMaxId));
    uint64_t last = first;
    if (dash != std::string_view::npos) {
        ETW_TRY(last, parse_number("id", text.substr(dash + 1), kMaxId));
    }
    if (last < first) {
        return UsageError{fmt::format("-id: {} ends before it begins", text)};
    }
    return render::IdRange{uint16_t(first), uint16_t(last)};
}

Result<uint8_t, UsageError> parse_level(const std::string& text) {
    constexpr std::string_view kNames[] = {"always",  "critical",    "error",
                                           "warning", "information", "verbose"};
    const std::string name = to_lower(text);
    for (uint8_t level = 0; level < std::size(kNames); ++level) {
        // "info", "warn": three letters or more of it are enough.
        if (name.size() >= 3 && kNames[level].starts_with(name)) return level;
    }
    ETW_TRY(const uint64_t level, parse_number("level", text, 255));
    return uint8_t(level);
}

}  // namespace

void add_filter_options(CLI::App& app, FilterWords& words) {
    app.add_option("--from", words.from);
    app.add_option("--to", words.to);
    app.add_option("--level", words.level);
    app.add_option("--pid", words.processes);
    app.add_option("--provider", words.providers);
    app.add_option("--id", words.ids);
    app.add_option("--event", words.events);
}

Result<render::Moment, UsageError> parse_moment(std::string_view option, std::string_view text,
                                                bool utc, bool end) {
    if (const auto relative = read_relative(text)) return *relative;
    if (const auto absolute = read_absolute(text, utc, end)) return *absolute;
    return UsageError{
        fmt::format("-{}: '{}' is no time; give seconds from the first event (1.5), "
                    "2003-10-23T12:27:40.173, with Z for UTC, or 10/23/2003-12:27:40.173",
                    option, text)};
}

Result<render::FilterOptions, UsageError> parse_filters(const FilterWords& words, bool utc) {
    render::FilterOptions out;
    if (!words.from.empty()) {
        ETW_TRY(out.from, parse_moment("from", words.from, utc, false));
    }
    if (!words.to.empty()) {
        ETW_TRY(out.to, parse_moment("to", words.to, utc, true));
    }
    if (out.from && out.to && out.from->relative == out.to->relative &&
        out.to->ticks < out.from->ticks) {
        return UsageError{"-to lies before -from; nothing would be left"};
    }
    if (!words.level.empty()) {
        ETW_TRY(out.level, parse_level(words.level));
    }
    for (const std::string& process : split(words.processes)) {
        if (!is_number(process)) {
            out.process_names.push_back(process);
            continue;
        }
        ETW_TRY(const uint64_t id, parse_number("pid", process, UINT32_MAX));
        out.processes.push_back(uint32_t(id));
    }
    for (const std::string& provider : split(words.providers)) {
        std::string_view text = provider;
        if (text.starts_with('#')) text.remove_prefix(1);
        if (const auto guid = parse_guid(text)) {
            out.providers.push_back(*guid);
        } else {
            out.provider_names.push_back(provider);
        }
    }
    for (const std::string& id : split(words.ids)) {
        ETW_TRY(const render::IdRange range, parse_ids(id));
        out.ids.push_back(range);
    }
    out.events = split(words.events);
    return out;
}

}  // namespace etw::cli
