// Adds to records what the session wants with them: the stack of the event that they tell of, in a
// record of its own right behind, and what was counted, in their headers. The converters know
// nothing of it.
#pragma once
#include "kernel/events/record_builder.h"
#include "kernel/events/tasks.h"
#include "kernel/progress.h"
#include "kernel/tracing.h"

#include <span>
#include <unordered_map>
#include <vector>

namespace etw::kernel {

class ImageEvents;

class TracedSink final : public RecordSink {
public:
    TracedSink(RecordSink& sink, Tasks& tasks) : sink_(sink), tasks_(tasks) {}

    // What comes from now on, as it is and beside the streams; null: to these again.
    void divert_to(RecordSink* other) noexcept { diverted_ = other; }

    void set(const Tracing& tracing);
    // Stacks end from now on where they leave what processes have mapped to run.
    void end_stacks_by(const ImageEvents& images) noexcept { images_ = &images; }

    // What came with the event that is being converted; valid until clear().
    struct With {
        RecordIds ids;                       // whose stack it is
        std::span<const uint64_t> stack;     // innermost first
        std::span<const uint64_t> counters;  // as many as the session counts
    };
    void begin(const With& with) noexcept { with_ = with; }
    void clear() noexcept { with_ = {}; }
    const With& with() const noexcept { return with_; }

    // Of a CPU's records so far, the latest.
    int64_t last_time(uint32_t cpu) const noexcept {
        return cpu < last_.size() ? last_[cpu].record : 0;
    }

    // Counts events that were read and have not been handed out, where a successor finds them.
    void count_in(Progress& progress) noexcept { progress_ = &progress; }
    void set_under_way(uint64_t events) noexcept { kernel::set(progress_->under_way, events); }
    void add_under_way(uint64_t events) noexcept { set_under_way(progress_->under_way + events); }
    // One of them has become what it becomes.
    void done_with_one() noexcept {
        if (progress_->under_way != 0) set_under_way(progress_->under_way - 1);
    }

    bool has_room(uint32_t cpu) override { return sink_.has_room(cpu); }
    // No stream goes back: what would is as late as the record before. And no two events of a
    // processor that are to have stacks are of one time: by it, a log's readers tell whose a stack
    // is.
    void append(uint32_t cpu, Bytes record, uint32_t time_offset, int64_t time) override;
    std::optional<int64_t> waiting_since() override { return sink_.waiting_since(); }
    void add_lost(uint64_t count) override { sink_.add_lost(count); }

private:
    using Addresses = std::vector<uint64_t>;
    // Of the latest, of whatever kind and of those that are to have stacks.
    struct Times {
        int64_t record = 0;
        int64_t with_stack = -1;
    };
    int64_t next_time(uint32_t cpu, int64_t time, bool has_stack);
    void append_next(uint32_t cpu, Bytes record, uint32_t time_offset, int64_t time);
    void append_counted(uint32_t cpu, Bytes record, uint32_t time_offset, int64_t time);
    void append_told_stack(uint32_t cpu, Bytes payload);
    void append_stack(uint32_t cpu, int64_t time, RecordIds ids, std::span<const uint64_t> stack);
    void append_switched_to(uint32_t cpu, Bytes payload, int64_t time);

    RecordSink& sink_;
    RecordSink* diverted_ = nullptr;
    Tasks& tasks_;
    const ImageEvents* images_ = nullptr;
    std::vector<uint16_t> stack_events_;    // sorted
    std::vector<uint16_t> counter_events_;  // sorted
    With with_;
    Progress own_{};
    Progress* progress_ = &own_;
    std::vector<Times> last_;                       // by CPU
    std::unordered_map<uint32_t, Addresses> left_;  // where a thread that does not run waits
};

}  // namespace etw::kernel
