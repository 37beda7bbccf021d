// Context switches as our program in the kernel (switch_program.h) leaves them: a ring of records
// for each processor, in memory that both map.
//
// A ring has one writer, the program, which runs with interrupts off on its own processor, and one
// reader. The program writes a record, then `head`; we read `head`, then records below it, and
// store `tail` when we are done with them. Each word has one writer, is aligned and grows only.
// Where the program runs (x86-64) stores are seen in their order; here acquire and release keep it.
// A record that finds the ring full is counted in `lost` by its only writer: exactly.
//
// The memory outlives the host that reads it, and the stream that its records go to does, too. So
// that a successor goes on where a killed reader stopped, the reader notes its way beside the ring:
//
//   Reader  R1 mark = how far the stream is written
//           R2 taking = taken + 1               a record is under way
//           R3 writes the record to the stream  the single store that commits it there
//           R4 taken = taking
//
// Killed where taking is taken, none was under way. Else the successor looks at the stream: as far
// as `mark` still, the record is not in it and is the next one to take; further, it is. What is
// told of `lost` goes the same way. No switch is told twice, none is left out.
#pragma once
#include "kernel/events/record_builder.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace etw::kernel {

// The kernel's sched_switch, whoever tells it.
struct Switch {
    int64_t time = 0;  // counter
    uint32_t cpu = 0;
    uint32_t old_thread = 0;
    uint32_t new_thread = 0;
    uint32_t old_priority = 0;  // the kernel's: 0 to 139
    uint32_t new_priority = 0;
    uint64_t old_state = 0;  // as the tracepoint reports it
};

struct SwitchRecord {
    int64_t time;
    uint32_t old_thread;
    uint32_t new_thread;
    uint8_t old_priority;
    uint8_t new_priority;
    uint16_t old_state;  // of task_struct: its state and exit state
    uint8_t preempted;
    uint8_t zero[3];
};
static_assert(sizeof(SwitchRecord) == 24);

// What sched_switch reports as prev_state; 0x100: preempted.
uint64_t reported_state(const SwitchRecord& record) noexcept;

// The reader's own, see above.
struct SwitchProgress {
    uint64_t taken;  // records
    uint64_t taking;
    uint64_t mark;
    uint64_t told;  // of `lost`
    uint64_t telling;
    uint64_t lost_mark;
    int64_t from;  // records before this time are none of the trace's
};

struct alignas(64) SwitchControl {
    uint64_t head;  // records that were written
    uint64_t lost;  // that found no room
    // Of the kernel's event that counts, see switch_program.cpp; set once, before all else.
    uint64_t reading_at;  // where, in the kernel, it keeps what the counter was when last read
    int64_t reading;      // what that was when it was found
    alignas(64) uint64_t tail;  // records whose room may be used again
    alignas(64) SwitchProgress reader;
};
static_assert(sizeof(SwitchControl) == 192);

class SwitchRings {
public:
    static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

    // Each processor's ring has `capacity` records, a power of two, behind those of the one before
    // it. The memory outlives the object.
    SwitchRings(SwitchControl* controls, const std::byte* records, uint32_t cpus,
                uint64_t capacity);

    // What was written up to now is there to be handed out. The program gets the room back of what
    // has been: then, or within some thousand records.
    void read() noexcept;
    // Earlier ones are none of the trace's, nor is what was lost until now.
    void begin_at(int64_t time);
    // The same by processor.
    void begin_at(const std::vector<int64_t>& times) noexcept;
    // On each processor those from its time on stay where they are; none: all are handed out again.
    void hold_back_from(const std::vector<int64_t>& times);
    // Where a predecessor that wrote to `sink` has stopped; before the first read().
    void go_on(const LastingSink& sink) noexcept;
    // What has not been written by now is none of the trace's, nor what is lost from now on.
    void end(LastingSink& sink);
    // Of the next record to hand out.
    int64_t next_time() const noexcept;
    // Hands out records up to `until`, in the order of time over all processors. `handle`,
    // bool(const Switch&), returns false to stop; that record will be the first of the next call.
    // Returns the time of the record that it stopped at.
    template <class F>
    std::optional<int64_t> for_each(int64_t until, F handle);
    // `handle` is about to write the record that it was called with to the sink, as one record: R1,
    // R2. R4 follows when it returns.
    void taking(uint32_t cpu, const LastingSink& sink) noexcept;
    // Tells the sink of the records that found no room, since the last call.
    void tell_lost(LastingSink& sink);
    // That were read and have not been handed out.
    uint64_t count() const noexcept;

private:
    struct Lane {
        uint64_t next = 0;       // not handed out
        uint64_t end = 0;        // read up to here
        int64_t until = kNever;  // of what may be handed out
        SwitchRecord record{};   // at `next`, if that is below `end`
    };
    void load(uint32_t cpu) noexcept;
    void take_up_to(uint32_t cpu, uint64_t next) noexcept;
    void advance(uint32_t cpu) noexcept;
    void give_back(uint32_t cpu) noexcept;

    SwitchControl* controls_;
    const std::byte* records_;
    uint64_t capacity_;
    bool ended_ = false;
    std::vector<Lane> lanes_;     // by CPU
    std::vector<int64_t> times_;  // of each lane's record; kNever: none
};

template <class F>
std::optional<int64_t> SwitchRings::for_each(int64_t until, F handle) {
    const auto cpus = uint32_t(lanes_.size());
    std::optional<int64_t> stopped_at;
    while (!stopped_at) {
        uint32_t first = 0;
        int64_t next_of_others = kNever;
        for (uint32_t cpu = 1; cpu < cpus; ++cpu) {
            if (times_[cpu] < times_[first]) {
                next_of_others = times_[first];
                first = cpu;
            } else if (times_[cpu] < next_of_others) {
                next_of_others = times_[cpu];
            }
        }
        if (times_[first] > until || times_[first] == kNever) break;
        // As long as this processor is ahead of the others, there is nothing to compare.
        do {
            const SwitchRecord& record = lanes_[first].record;
            if (!handle(Switch{record.time, first, record.old_thread, record.new_thread,
                               record.old_priority, record.new_priority, reported_state(record)})) {
                stopped_at = record.time;
                break;
            }
            advance(first);
        } while (times_[first] <= std::min(until, next_of_others) && times_[first] != kNever);
    }
    return stopped_at;
}

}  // namespace etw::kernel
