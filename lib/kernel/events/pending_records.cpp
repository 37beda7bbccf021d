#include "kernel/events/pending_records.h"

#include <algorithm>
#include <utility>

namespace etw::kernel {

void PendingRecords::sort() {
    const auto by_time = [](const Pending& a, const Pending& b) { return a.time < b.time; };
    const auto at = [this](size_t index) { return pending_.begin() + ptrdiff_t(index); };
    std::stable_sort(at(sorted_), pending_.end(), by_time);
    if (sorted_ < pending_.size()) {
        // Of what was there before, little is later as a rule.
        const auto meet = std::upper_bound(at(next_), at(sorted_), *at(sorted_), by_time);
        std::inplace_merge(meet, at(sorted_), pending_.end(), by_time);
    }
    pending_.erase(pending_.begin(), at(std::exchange(next_, 0)));
    sorted_ = pending_.size();
}

std::optional<int64_t> PendingRecords::hand_out(TracedSink& sink, int64_t until) {
    for (; next_ < pending_.size() && pending_[next_].time <= until; ++next_) {
        const Pending& p = pending_[next_];
        if (!sink.has_room(p.cpu)) return p.time;
        if (p.caller) sink.begin({p.caller->ids, p.caller->stack, {}});
        sink.append(p.cpu, p.record, p.time_offset, p.time);
        sink.clear();
        if (p.follows) continue;
        sink.done_with_one();
        --events_;
    }
    handed_out_ = std::max(handed_out_, until);
    return std::nullopt;
}

}  // namespace etw::kernel
