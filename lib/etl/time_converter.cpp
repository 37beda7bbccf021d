#include "etw/log_reader.h"

#include <limits>

namespace etw::etl {
namespace {

constexpr uint64_t kFileTimePerSecond = 10'000'000;
// Up to here (frequency - 1) * kFileTimePerSecond + frequency fits 64 bits.
constexpr uint64_t kMaxSimple = std::numeric_limits<uint64_t>::max() / (kFileTimePerSecond + 1);

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
    if (frequency_ == 0) return raw;
    __extension__ using Wide = __int128;
    // Whole seconds and the rest apart: two 64-bit divisions, and 128 bits only where they are
    // needed.
    const auto delta = uint64_t(raw) - uint64_t(raw0_);
    const bool before = raw < raw0_;
    const uint64_t distance = before ? 0 - delta : delta;
    const uint64_t seconds = distance / frequency_;
    const Wide scaled = Wide{distance % frequency_} * kFileTimePerSecond;
    const Wide round_up =
        before ? frequency_ - 1 : 0;  // a time before the start is rounded down too
    const Wide rest = frequency_ <= kMaxSimple ? Wide{uint64_t(scaled + round_up) / frequency_}
                                               : (scaled + round_up) / frequency_;
    const Wide units = Wide{seconds} * kFileTimePerSecond + rest;
    const Wide time = before ? filetime0_ - units : filetime0_ + units;
    if (time > std::numeric_limits<int64_t>::max()) return std::numeric_limits<int64_t>::max();
    if (time < std::numeric_limits<int64_t>::min()) return std::numeric_limits<int64_t>::min();
    return int64_t(time);
}

}  // namespace etw::etl
