#include "base/filetime.h"
#include "base/wide.h"
#include "etw/log_reader.h"

#include <algorithm>
#include <limits>

namespace etw::etl {
namespace {

constexpr uint64_t kFileTimePerSecond = 10'000'000;
constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

// Times that 64 bits of nanoseconds do not reach become the nearest that they do.
int64_t saturated_unix_ns(int64_t filetime) {
    constexpr int64_t kReach = std::numeric_limits<int64_t>::max() / 100;
    constexpr int64_t kFirst = kFileTimeOfUnixEpoch - kReach;
    constexpr int64_t kLast = kFileTimeOfUnixEpoch + kReach;
    return unix_ns_from_filetime(std::clamp(filetime, kFirst, kLast));
}

uint64_t frequency_of(const LogHeader& header) {
    const auto& fixed = header.fixed;
    switch (fixed.clock_type) {
        case uint32_t(ClockType::kSystemTime):
            return 0;
        case uint32_t(ClockType::kCpuCycle):
            return uint64_t{fixed.cpu_mhz} * 1'000'000;
        case 0:  // before Vista the field did not tell system time from the counter
            if (header.start_raw == fixed.start_time) return 0;
            [[fallthrough]];
        default:
            return fixed.perf_frequency > 0 ? uint64_t(fixed.perf_frequency) : 0;
    }
}

}  // namespace

TimeConverter::TimeConverter(const LogHeader& header)
    : raw0_(header.start_raw),
      filetime0_(header.fixed.start_time),
      frequency_(frequency_of(header)) {}

int64_t TimeConverter::to_filetime(int64_t raw) const noexcept {
    return frequency_ == 0 ? raw : convert(raw, filetime0_, kFileTimePerSecond);
}

int64_t TimeConverter::to_unix_ns(int64_t raw) const noexcept {
    const int64_t origin = saturated_unix_ns(frequency_ == 0 ? raw : filetime0_);
    return frequency_ == 0 ? origin : convert(raw, origin, kNanosecondsPerSecond);
}

// The time of `raw` in `units` per second, where that of raw0_ is `origin`.
int64_t TimeConverter::convert(int64_t raw, int64_t origin, uint64_t units) const noexcept {
    // Whole seconds and the rest apart: two 64-bit divisions, and 128 bits only where they are
    // needed.
    const auto delta = uint64_t(raw) - uint64_t(raw0_);
    const bool before = raw < raw0_;
    const uint64_t distance = before ? 0 - delta : delta;
    const uint64_t seconds = distance / frequency_;
    const Wide scaled = Wide{distance % frequency_} * units;
    const Wide round_up =
        before ? frequency_ - 1 : 0;  // a time before the start is rounded down too
    const bool simple = frequency_ <= std::numeric_limits<uint64_t>::max() / (units + 1);
    const Wide rest =
        simple ? Wide{uint64_t(scaled + round_up) / frequency_} : (scaled + round_up) / frequency_;
    const Wide distance_units = Wide{seconds} * units + rest;
    const Wide time = before ? origin - distance_units : origin + distance_units;
    if (time > std::numeric_limits<int64_t>::max()) return std::numeric_limits<int64_t>::max();
    if (time < std::numeric_limits<int64_t>::min()) return std::numeric_limits<int64_t>::min();
    return int64_t(time);
}

}  // namespace etw::etl
