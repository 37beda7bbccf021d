// Reads the pages of all CPUs of an instance, or of several, and hands out their events in the
// order of time.
#pragma once
#include "kernel/dispatch.h"
#include "kernel/tracefs/page_walker.h"
#include "kernel/tracefs/trace_clock.h"

#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

namespace etw::kernel {

class TraceReader {
public:
    // That instance is source 0.
    static Result<TraceReader> open(const Instance& instance, TraceClock clock, uint32_t cpus);
    // One more, with the same clock. What it wrote before the last time that was read up to is out
    // of order.
    Status add(const Instance& instance, uint32_t cpus, uint8_t source);
    // No longer; what was read and not handed out is dropped.
    void drop(uint8_t source);

    std::vector<int> fds() const;

    // Reads what the kernel has, up to a bound. `look`: is shown every event of a page that is
    // read, by CPU, before any of them is handed out; may be empty. `taken`: is called for
    // each event, with its source, as soon as the kernel has it no longer. Returns the time up to
    // which everything has been read, at most `now`, which was taken before the call.
    using Taken = std::function<void(uint8_t source)>;
    int64_t read(int64_t now, const Dispatch* look, const Taken& taken = {});
    bool has_more() const noexcept { return has_more_; }  // the bound was met
    // Events that were read and have not been handed out.
    uint64_t count() const noexcept;

    // Hands out events up to `until`, in order. `handle` returns false to stop; that event will be
    // the first of the next call. Returns the time of the event it stopped at.
    template <class F>
    std::optional<int64_t> for_each(int64_t until, F handle);

    // Pages since the last call whose rest made no sense.
    uint64_t take_damaged() noexcept { return std::exchange(damaged_, 0); }
    // Events that were read or can be and have not been handed out. They are dropped.
    uint64_t count_rest();
    void close() { lanes_.clear(); }

private:
    struct Page {
        std::unique_ptr<std::byte[]> bytes;
        size_t size = 0;
    };
    struct Lane {
        UniqueFd pipe;
        uint32_t cpu = 0;
        uint8_t source = 0;
        bool is_there = true;    // the processor has run since the instance was made
        std::deque<Page> pages;  // the first is being handed out
        uint64_t count = 0;      // events that are to be handed out
        std::optional<PageWalker> walker;
        RawEvent event;  // next of this CPU
        bool has_event = false;
        int64_t last_time = 0;  // of this CPU's events, as handed out: never falls
        int64_t read_to = std::numeric_limits<int64_t>::min();  // of the newest that was read
    };
    bool read_page(Lane& lane, const Dispatch* look, const Taken& taken);
    int64_t end_of(const Lane& lane) const;
    void advance(Lane& lane);
    Lane* earliest(int64_t until, int64_t& next_of_others);

    TraceClock clock_;
    size_t page_size_ = 4096;
    std::vector<Lane> lanes_;
    std::vector<std::unique_ptr<std::byte[]>> free_;
    bool has_more_ = false;
    uint64_t damaged_ = 0;
};

template <class F>
std::optional<int64_t> TraceReader::for_each(int64_t until, F handle) {
    int64_t next_of_others = 0;
    while (Lane* lane = earliest(until, next_of_others)) {
        // As long as this CPU is ahead of the others, there is nothing to compare.
        do {
            if (!handle(lane->event)) return lane->event.time;
            --lane->count;
            advance(*lane);
        } while (lane->has_event && lane->event.time <= next_of_others);
    }
    return std::nullopt;
}

}  // namespace etw::kernel
