// How far tracefmt is, for a person who waits: one line on the terminal, written over and over.
#pragma once
#include "cli/tracefmt_input.h"

#include <chrono>

namespace etw::cli {

// "63%  2100000 events/s  4 s left"
std::string progress_text(uint64_t events, uint64_t done_bytes, uint64_t all_bytes, double seconds);

class Progress {
public:
    explicit Progress(const MergedLogs& logs);

    void update(uint64_t events);
    void clear() const;

private:
    using Clock = std::chrono::steady_clock;
    const MergedLogs& logs_;
    bool shown_;
    bool drawn_ = false;
    Clock::time_point start_ = Clock::now();
    Clock::time_point last_ = start_;
};

}  // namespace etw::cli
