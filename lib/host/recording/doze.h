// How long a session's thread dozes after activity: it looks again by itself, after pauses that
// double, and writers wake it only when a ring gets crowded, since to wake a thread costs as much
// as hundreds of events. After the last pause the first full block wakes it. The pauses also find
// blocks of writers that were killed before they could wake anybody.
#pragma once
#include <chrono>
#include <cstdint>

namespace etw::host {

class Doze {
public:
    using Clock = std::chrono::steady_clock;

    static constexpr std::chrono::milliseconds kFirst{10};
    static constexpr std::chrono::milliseconds kLast{640};
    // Where much comes: what piles up in a pause is room that is missing when the disk hesitates.
    static constexpr std::chrono::milliseconds kBusy{2};
    static constexpr uint64_t kBusyRate = 400'000;  // bytes per ms

    // After a look that found something to do, or did not; `bytes`: all records that were drained
    // so far.
    void looked(bool found, uint64_t bytes, Clock::time_point now) noexcept {
        using Ms = std::chrono::duration<double, std::milli>;
        const bool busy =
            double(bytes - bytes_) >= double(kBusyRate) * Ms(now - looked_at_).count();
        pause_ = found && busy    ? kBusy
                 : found          ? kFirst
                 : pause_ < kLast ? pause_ * 2
                                  : Clock::duration::zero();
        bytes_ = bytes;
        looked_at_ = now;
    }

    // Zero: nothing has happened for long, the thread sleeps.
    Clock::duration pause() const noexcept { return pause_; }
    explicit operator bool() const noexcept { return pause_ != Clock::duration::zero(); }

private:
    Clock::duration pause_{};
    uint64_t bytes_ = 0;
    Clock::time_point looked_at_{};
};

}  // namespace etw::host
