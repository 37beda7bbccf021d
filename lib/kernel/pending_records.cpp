#include "kernel/pending_records.h"

#include <algorithm>
#include <utility>

namespace etw::kernel {

void PendingRecords::sort() {
    pending_.erase(pending_.begin(), pending_.begin() + ptrdiff_t(std::exchange(next_, 0)));
    std::stable_sort(pending_.begin(), pending_.end(),
                     [](const Pending& a, const Pending& b) { return a.time < b.time; });
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
