// Whether a session's next write goes past the page cache. That costs a third of the CPU or less,
// and leaves the memory of the machine to others; but the thread waits for the disk, while the
// cache takes what comes at the speed of memory and waits for the disk in its place. So the disk
// is written to as long as it is quick, by sessions whose rings can wait for it.
#pragma once
#include "wire/ring.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>

namespace etw::host {

class WriteWay {
public:
    using Clock = std::chrono::steady_clock;

    // Rings below this size go through the cache: a disk's hiccup must not fill them.
    static constexpr size_t kEnoughRing = size_t{4} << 20;
    // Less than this in a write is not worth a wait.
    static constexpr size_t kEnoughBytes = size_t{128} << 10;
    // A write that took longer, and left a ring crowded, sends the next ones through the cache, for
    // a while that doubles: there are disks that hesitate every few seconds, and each time may be
    // more than the rings hold. One that did not for kLastPause begins anew.
    static constexpr std::chrono::milliseconds kSlow{50};
    static constexpr std::chrono::seconds kFirstPause{1};
    static constexpr std::chrono::seconds kLastPause{64};

    explicit WriteWay(const wire::RingGeometry& geometry)
        : rings_can_wait_(size_t{geometry.blocks} * geometry.block_size >= kEnoughRing) {}

    // Of `bytes` in all. `crowded`: a ring is half full; then the way is taken that was quicker
    // lately, but for a look now and then at a disk that was not. The first write of all goes
    // through the cache, to know that.
    bool direct(size_t bytes, bool crowded, Clock::time_point now) const noexcept {
        if (!rings_can_wait_ || bytes < kEnoughBytes || cache_.cost() == 0) return false;
        if (!crowded) return now >= not_before_;
        return disk_.cost() <= cache_.cost() || now >= std::max(not_before_, look_again_at_);
    }

    // What a write of `bytes` > 0 took, and whether a ring is crowded after it.
    void wrote(bool direct, size_t bytes, Clock::duration took, bool crowded,
               Clock::time_point now) noexcept;

private:
    // What a byte cost in the last few writes: the median, which one hiccup does not move.
    class Cost {
    public:
        double cost() const noexcept { return median_; }  // 0: there was none yet
        void add(double cost) noexcept;

    private:
        std::array<double, 5> last_{};
        size_t writes_ = 0;
        double median_ = 0;
    };

    bool rings_can_wait_;
    Cost disk_;
    Cost cache_;
    Clock::duration pause_{};
    Clock::time_point slow_at_{};
    Clock::time_point not_before_{};
    Clock::time_point look_again_at_{};
};

}  // namespace etw::host
