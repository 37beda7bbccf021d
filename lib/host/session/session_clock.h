// The time stamps of a session's log, from the counter that every ring carries.
#pragma once
#include "etw/log_file_mode.h"

#include <cstdint>

namespace etw::host {

// The counter now; where it is unusable, CLOCK_MONOTONIC in nanoseconds.
int64_t counter_now() noexcept;
// Its rate. Of the stand-in it is fixed: measured anew by the host that follows a kill it would be
// a little different, and that times the machine's uptime is how far all times would jump.
uint64_t counter_hz() noexcept;
// The counter at a recent instant of CLOCK_MONOTONIC; never later than now.
int64_t counter_at(int64_t monotonic_ns) noexcept;

struct SessionClock {
    ClockType type = ClockType::kPerfCounter;
    int64_t start_counter = 0;
    int64_t start_filetime = 0;  // the same instant
    uint64_t counter_hz = 1;

    // Rings count ticks; a log in system time has every record's time rewritten on the way.
    bool rewrites() const noexcept { return type == ClockType::kSystemTime; }
    int64_t to_raw(int64_t counter) const noexcept {
        return rewrites() ? to_filetime(counter) : counter;
    }
    // Linear, so never falling; saturates where a hostile count lies centuries away.
    int64_t to_filetime(int64_t counter) const noexcept;
};

}  // namespace etw::host
