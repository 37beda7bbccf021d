#include "host/write_way.h"

#include <algorithm>

namespace etw::host {

void WriteWay::wrote(bool direct, size_t bytes, Clock::duration took, bool crowded,
                     Clock::time_point now) noexcept {
    constexpr double kWeight = 0.25;  // of the newest
    const double cost = double(std::max<Clock::rep>(took.count(), 1)) / double(bytes);
    double& mean = direct ? direct_cost_ : cache_cost_;
    mean = mean == 0 ? cost : mean + (cost - mean) * kWeight;
    if (!direct) return;
    if (took <= kSlow || !crowded) {
        pause_ = {};
        return;
    }
    pause_ = std::clamp<Clock::duration>(pause_ * 2, kFirstPause, kLastPause);
    not_before_ = now + pause_;
}

}  // namespace etw::host
