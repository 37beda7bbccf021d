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

int64_t raw_now_ns() noexcept {
    timespec ts{};
    ::clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
    return int64_t(ts.tv_sec) * 1'000'000'000 + ts.tv_nsec;
}

}  // namespace

// Of a few tries the one that took least time has the two closest together: this thread may be made
// to wait between two looks.
RawInstant read_both(const CounterSource& counter) noexcept {
    constexpr int kTries = 4;
    RawInstant best;
    int64_t shortest = 0;
    for (int i = 0; i < kTries; ++i) {
        const int64_t begin = counter.now();
        const int64_t raw = raw_now_ns();
        const int64_t took = counter.now() - begin;
        if (i != 0 && took >= shortest) continue;
        shortest = took;
        best = {begin + took / 2, raw};
    }
    return best;
}

Result<TraceClock> TraceClock::set_up(const Instance& instance, const CounterSource& counter) {
    ETW_TRY(const std::string known, read_text(instance.folder() + "/trace_clock"));
    TraceClock out;
    out.hz_ = counter.hz;
    std::string name = kMonotonicClock;
    if (counter.is_hardware) {
        out.is_counter_ = known.find(kCounterClock) != std::string::npos;
        name = out.is_counter_ ? kCounterClock : kRawClock;
        if (!out.is_counter_) out.related_at_ = read_both(counter);
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
    const RawInstant best = read_both(counter_);
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
    const Wide since = Wide(int64_t(time) - related_at_.raw_ns);
    return related_at_.counter + int64_t(since * Wide(hz_) / 1'000'000'000);
}

}  // namespace etw::kernel
