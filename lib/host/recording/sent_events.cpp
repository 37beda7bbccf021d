#include "host/recording/sent_events.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace etw::host {

void SentEvents::add(uint32_t cpu, Bytes record, uint32_t time_offset, int64_t time) {
    if (records_.size() + record.size() > kMaxBytes) release_all();
    held_.push_back({time, records_.size(), record.size(), cpu, time_offset});
    records_.insert(records_.end(), record.begin(), record.end());
}

void SentEvents::release(int64_t until) {
    // Stable: of one time, in the order in which they came.
    std::stable_sort(held_.begin(), held_.end(),
                     [](const Held& a, const Held& b) { return a.time < b.time; });
    const auto later = std::find_if(held_.begin(), held_.end(),
                                    [until](const Held& held) { return held.time > until; });
    for (auto held = held_.begin(); held != later; ++held) {
        writer_.append(held->cpu, record_of(*held), held->time_offset, held->time);
    }
    held_.erase(held_.begin(), later);
    const std::vector<std::byte> before = std::exchange(records_, {});
    for (Held& held : held_) {
        const auto begin = before.begin() + ptrdiff_t(held.begin);
        held.begin = records_.size();
        records_.insert(records_.end(), begin, begin + ptrdiff_t(held.size));
    }
}

void SentEvents::release_all() { release(std::numeric_limits<int64_t>::max()); }

}  // namespace etw::host
