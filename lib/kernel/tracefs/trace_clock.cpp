#include "kernel/tracefs/trace_clock.h"

#include <cstdlib>
#include <ctime>
#include <utility>

namespace etw::kernel {
namespace {

constexpr char kCounterClock[] = "x86-tsc";
constexpr char kRawClock[] = "mono_raw";
constexpr char kMonotonicClock[] = "mono";
constexpr int64_t kLineNs = 1'000'000'000;

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

void RawClock::sample() {
    // Of a few tries the one that took least time has the two closest together.
    constexpr int kTries = 4;
    Instant best;
    int64_t shortest = 0;
    for (int i = 0; i < kTries; ++i) {
        const int64_t begin = counter_.now();
        const int64_t raw = now_ns(CLOCK_MONOTONIC_RAW);
        const int64_t took = counter_.now() - begin;
        if (i != 0 && took >= shortest) continue;
        shortest = took;
        best = {begin + took / 2, raw};
    }
    last_ = best;
    if (before_.raw_ns == 0) before_ = next_ = best;
    if (best.raw_ns - next_.raw_ns >= kLineNs) before_ = std::exchange(next_, best);
}

int64_t RawClock::to_counter(uint64_t time) const noexcept {
    __extension__ using Wide = __int128;
    const int64_t since = int64_t(time) - last_.raw_ns;
    const int64_t span_ns = last_.raw_ns - before_.raw_ns;
    // A line that is short does not go far: then the rate that is known is the better one.
    const bool line = span_ns > 0 && (span_ns >= kLineNs || std::abs(since) <= span_ns);
    const Wide rise = line ? Wide(last_.counter - before_.counter) : Wide(counter_.hz);
    const Wide run = line ? Wide(span_ns) : Wide(1'000'000'000);
    return last_.counter + int64_t(Wide(since) * rise / run);
}

int64_t TraceClock::to_counter(uint64_t time) const noexcept {
    if (is_counter_) return int64_t(time);
    __extension__ using Wide = __int128;
    return counter_ + int64_t(Wide(int64_t(time) - time_) * Wide(hz_) / 1'000'000'000);
}

}  // namespace etw::kernel
