#include "cli/tracefmt_input.h"

#include "cli/interrupt.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace etw::cli {
namespace {

constexpr size_t kNone = std::numeric_limits<size_t>::max();

}  // namespace

int64_t elapsed_between(int64_t first, int64_t last) noexcept {
    if (last <= first) return 0;
    const uint64_t ticks = uint64_t(last) - uint64_t(first);
    return int64_t(std::min<uint64_t>(ticks, std::numeric_limits<int64_t>::max()));
}

MergedLogs::MergedLogs(std::vector<etl::LogReader> readers, Order order)
    : readers_(std::move(readers)), order_(order), taken_(kNone) {
    if (readers_.size() == 1) return;
    heads_.resize(readers_.size());
    for (size_t i = 0; i < readers_.size(); ++i) advance(i);
}

bool MergedLogs::next(etl::Record& record, const etl::TimeConverter*& clock) {
    if (Interrupts::asked()) return false;
    size_t log = 0;
    if (heads_.empty()) {
        if (!readers_[0].next(record)) return false;
    } else {
        if (taken_ != kNone) advance(std::exchange(taken_, kNone));
        const auto earliest =
            std::min_element(heads_.begin(), heads_.end(), [](const Head& a, const Head& b) {
                if (a.valid != b.valid) return a.valid;
                if (a.time != b.time) return a.time < b.time;
                // Of one session, as its clock has them, which is finer; of others it is all one.
                return a.record.time_stamp < b.record.time_stamp;
            });
        if (!earliest->valid) return false;
        log = taken_ = size_t(earliest - heads_.begin());
        record = earliest->record;
    }
    clock = &readers_[log].time();
    if (last_clock_ == nullptr) first_time_ = clock->to_filetime(record.time_stamp);
    last_clock_ = clock;
    last_raw_ = record.time_stamp;
    return true;
}

void MergedLogs::advance(size_t log) {
    Head& head = heads_[log];
    head.valid = readers_[log].next(head.record);
    if (!head.valid) return;
    head.time = order_ == Order::kRaw ? head.record.time_stamp
                                      : readers_[log].time().to_filetime(head.record.time_stamp);
}

uint64_t MergedLogs::size_bytes() const noexcept {
    uint64_t total = 0;
    for (const auto& reader : readers_) total += reader.size_bytes();
    return total;
}

uint64_t MergedLogs::consumed_bytes() const noexcept {
    uint64_t total = 0;
    for (const auto& reader : readers_) total += reader.consumed_bytes();
    return total;
}

int64_t MergedLogs::last_time() const noexcept {
    return last_clock_ == nullptr ? 0 : last_clock_->to_filetime(last_raw_);
}

int64_t MergedLogs::elapsed() const noexcept { return elapsed_between(first_time_, last_time()); }

}  // namespace etw::cli
