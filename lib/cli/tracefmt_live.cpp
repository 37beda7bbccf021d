#include "cli/tracefmt_live.h"

#include "cli/tracefmt_input.h"

namespace etw::cli {

bool LiveEvents::ready() {
    if (holds_ || ended_) return true;
    const auto got = consumer_.next(held_, std::chrono::milliseconds(0));
    holds_ = got == session::Consumer::Next::kRecord;
    ended_ = got == session::Consumer::Next::kEnded;
    return holds_ || ended_;
}

bool LiveEvents::next(etl::Record& record, const etl::TimeConverter*& clock) {
    while (!holds_ && !ended_) {
        const auto got = consumer_.next(held_, std::chrono::hours(1));
        holds_ = got == session::Consumer::Next::kRecord;
        ended_ = got == session::Consumer::Next::kEnded;
    }
    if (!holds_) return false;
    holds_ = false;
    record = held_;
    if (names_ != nullptr) names_->learn(record);
    clock = &consumer_.time();
    last_time_ = clock->to_filetime(record.time_stamp);
    if (first_time_ == 0) first_time_ = last_time_;
    return true;
}

void LiveEvents::count(FormatTotals& totals) const {
    totals.buffers = consumer_.buffers();
    totals.events_lost = consumer_.events_lost();
    totals.buffers_lost = consumer_.buffers_lost();
    totals.damaged_buffers = consumer_.damage().buffers;
    totals.damaged_records = consumer_.damage().records;
    totals.elapsed = elapsed_between(first_time_, last_time_);
}

}  // namespace etw::cli
