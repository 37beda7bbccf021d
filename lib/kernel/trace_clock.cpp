#include "kernel/trace_clock.h"

#include <ctime>

namespace etw::kernel {
namespace {

constexpr char kCounterClock[] = "x86-tsc";
constexpr char kRawClock[] = "mono_raw";
constexpr char kMonotonicClock[] = "mono";

int64_t now_ns(clockid_t clock) {
    timespec ts{};
    ::clock_gettime(clock, &ts);
    return int64_t(ts.tv_sec) * 1'000'000'000 + ts.tv_nsec;
}

}  // namespace

Result<TraceClock> TraceClock::set_up(const Instance& instance, const CounterSource& counter) {
    ETW_TRY(const std::string known, read_text(instance.folder() + "/trace_clock"));
    TraceClock out;
    out.hz_ = counter.hz;
    std::string name = kMonotonicClock;
    if (counter.is_hardware) {
        out.is_counter_ = known.find(kCounterClock) != std::string::npos;
        name = out.is_counter_ ? kCounterClock : kRawClock;
        if (!out.is_counter_) {
            const int64_t before = now_ns(CLOCK_MONOTONIC_RAW);
            out.counter_ = counter.now();
            out.time_ = before + (now_ns(CLOCK_MONOTONIC_RAW) - before) / 2;
        }
    } else {
        out.is_counter_ = false;
    }
    // Setting it empties the buffer, which a predecessor may have left something in.
    if (known.find("[" + name + "]") == std::string::npos) {
        ETW_CHECK(instance.set("trace_clock", name));
    }
    return out;
}

int64_t TraceClock::to_counter(uint64_t time) const noexcept {
    if (is_counter_) return int64_t(time);
    __extension__ using Wide = __int128;
    return counter_ + int64_t(Wide(int64_t(time) - time_) * Wide(hz_) / 1'000'000'000);
}

}  // namespace etw::kernel
