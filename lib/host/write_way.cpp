#include "host/write_way.h"

#include <algorithm>

namespace etw::host {

void WriteWay::wrote(bool direct, size_t bytes, Clock::duration took, bool crowded,
                     Clock::time_point now) noexcept {
    const double cost = double(took.count()) / double(bytes);
    if (!direct) {
        cache_known_ = true;
        cache_cost_ = cost;
        return;
    }
    direct_cost_ = cost;
    if (took <= kSlow || !crowded) {
        pause_ = {};
        return;
    }
    pause_ = std::clamp<Clock::duration>(pause_ * 2, kFirstPause, kLastPause);
    not_before_ = now + pause_;
}

}  // namespace etw::host
