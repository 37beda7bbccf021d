// How far tracefmt is, for a person who waits: one line on the terminal, written over and over.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace etw::cli {

// "63%  2100000 events/s  4 s left"
std::string progress_text(uint64_t events, uint64_t done_bytes, uint64_t all_bytes, double seconds);
// "63%  looking through the log  4 s left": what comes before the first event.
std::string looking_text(uint64_t done, uint64_t all, double seconds);

class Progress {
public:
    Progress();

    void update(uint64_t events, uint64_t done_bytes, uint64_t all_bytes);
    void looking(uint64_t done, uint64_t all);  // of one log after the other
    void clear() const;

private:
    using Clock = std::chrono::steady_clock;
    bool is_due();
    double seconds() const;
    void draw(const std::string& text);

    bool shown_;
    bool drawn_ = false;
    uint64_t looked_at_ = 0;
    Clock::time_point start_ = Clock::now();
    Clock::time_point last_ = start_;
};

}  // namespace etw::cli
