#include "host/recording/write_way.h"

namespace etw::host {

void WriteWay::Cost::add(double cost) noexcept {
    last_[writes_++ % last_.size()] = cost;
    auto sorted = last_;
    const size_t count = std::min(writes_, sorted.size());
    std::sort(sorted.begin(), sorted.begin() + ptrdiff_t(count));
    median_ = sorted[(count - 1) / 2];
}

void WriteWay::wrote(bool direct, size_t bytes, Clock::duration took, bool crowded,
                     Clock::time_point now) noexcept {
    const double cost = double(std::max<Clock::rep>(took.count(), 1)) / double(bytes);
    (direct ? disk_ : cache_).add(cost);
    if (!direct) return;
    look_again_at_ = now + kFirstPause;
    if (took <= kSlow || !crowded) {
        if (now - slow_at_ >= kLastPause) pause_ = {};
        return;
    }
    slow_at_ = now;
    pause_ = std::clamp<Clock::duration>(pause_ * 2, kFirstPause, kLastPause);
    not_before_ = now + pause_;
}

}  // namespace etw::host
