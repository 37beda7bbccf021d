// Records that are made before their turn, and handed out in the order of time.
#pragma once
#include "kernel/events/traced_sink.h"

#include <limits>
#include <memory>
#include <optional>
#include <vector>

namespace etw::kernel {

// Whose doing a record tells of, and how it came to that.
struct Caller {
    RecordIds ids;
    std::vector<uint64_t> stack;  // innermost first
};

class PendingRecords final : public RecordSink {
public:
    static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

    bool has_room(uint32_t) override { return true; }
    void append(uint32_t cpu, Bytes record, uint32_t time_offset, int64_t time) override {
        pending_.push_back(
            {time, cpu, time_offset, {record.begin(), record.end()}, caller_, follows_});
        if (!follows_) ++events_;
    }
    std::optional<int64_t> waiting_since() override { return std::nullopt; }
    void add_lost(uint64_t) override {}

    // Of the records that are appended from now on; null: without a stack.
    void set_caller(std::shared_ptr<const Caller> caller) { caller_ = std::move(caller); }
    // Those that are appended from now on tell more of the one before them: one event.
    void set_follows(bool follows) noexcept { follows_ = follows; }
    // After records were appended; those of one time stay in the order in which they came.
    void sort();
    // Up to when all has been appended that happened.
    int64_t complete_until() const noexcept { return complete_until_; }
    void complete(int64_t until) noexcept { complete_until_ = until; }
    // Whether what happened up to `now` is to be appended. Not while too much waits to be handed
    // out: what the kernel has no room for then is counted, while here the host's memory would
    // fill. Unless none of it may be handed out before more is there.
    bool wants(int64_t now) const noexcept {
        const bool is_full = events_ > kMaxEvents;
        return complete_until_ < now && !(is_full && next_time() <= complete_until_);
    }
    // Of the next record to hand out.
    int64_t next_time() const noexcept {
        return next_ < pending_.size() ? pending_[next_].time : kNever;
    }
    // Returns the time of the record that the sink had no room for; the rest stays.
    std::optional<int64_t> hand_out(TracedSink& sink, int64_t until);
    // Events that have not been handed out.
    uint64_t count() const noexcept { return events_; }
    // What is appended must not be earlier.
    int64_t handed_out() const noexcept { return handed_out_; }
    void begin_at(int64_t time) noexcept { handed_out_ = time; }

private:
    static constexpr uint64_t kMaxEvents = 64 * 1024;

    struct Pending {
        int64_t time = 0;
        uint32_t cpu = 0;
        uint32_t time_offset = 0;
        std::vector<std::byte> record;
        std::shared_ptr<const Caller> caller;
        bool follows = false;
    };
    std::vector<Pending> pending_;
    size_t sorted_ = 0;    // what was appended since stands behind these
    size_t next_ = 0;      // not handed out
    uint64_t events_ = 0;  // from there on
    std::shared_ptr<const Caller> caller_;
    bool follows_ = false;
    int64_t handed_out_ = 0;
    int64_t complete_until_ = 0;
};

}  // namespace etw::kernel
