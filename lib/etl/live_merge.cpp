#include "etl/live_merge.h"

namespace etw::etl {

void LiveMerge::add(Buffer buffer) {
    auto& cpus = index_[buffer.stream];
    const auto known = cpus.find(buffer.cpu);
    uint32_t number = 0;
    if (known != cpus.end()) {
        number = known->second;
    } else {
        number = uint32_t(lanes_.size());
        cpus[buffer.cpu] = number;
        lanes_.emplace_back().peek.time = start_raw_;
    }
    Lane& lane = lanes_[number];
    const bool was_empty = lane.buffers.empty();
    held_ += buffer.records.size();
    lane.buffers.push_back(std::move(buffer));
    if (was_empty && settle(lane)) merge_.add(lane.peek.time, number);
}

// Makes the record at `pos`, or the first one behind it that makes sense, the current one.
bool LiveMerge::settle(Lane& lane) {
    while (!lane.buffers.empty()) {
        const Buffer& buffer = lane.buffers.front();
        const Bytes rest = Bytes(buffer.records).subspan(lane.pos);
        if (!rest.empty()) {
            const Found found = peek(rest.data(), rest.size(), lane.peek);
            if (found == Found::kRecord) return true;
            if (found == Found::kDamage) {
                damage_.buffer(buffer.number, rest.size(), "no record where one should be");
            }
        }
        held_ -= buffer.records.size();
        lane.buffers.pop_front();
        lane.pos = 0;
    }
    return false;
}

bool LiveMerge::advance(Lane& lane) {
    const size_t left = lane.buffers.front().records.size() - lane.pos;
    lane.pos += std::min(wire::align8(size_t{lane.peek.size}), left);
    return settle(lane);
}

bool LiveMerge::next(Record& record) {
    for (;;) {
        uint32_t best = 0;
        const uint32_t current = std::exchange(current_, kNone);
        if (current != kNone && advance(lanes_[current])) {
            best = merge_.best(lanes_[current].peek.time, current);
        } else if (!merge_.pop(best)) {
            return false;
        }
        const Lane& lane = lanes_[best];
        if (lane.peek.time > until_ && held_ <= kMaxHeldBack) {
            merge_.add(lane.peek.time, best);
            return false;
        }
        current_ = best;
        const Buffer& buffer = lane.buffers.front();
        if (fill(buffer.records.data() + lane.pos, lane.peek, record)) {
            record.cpu = buffer.cpu;
            return true;
        }
        damage_.record(buffer.number, lane.peek.size, "its parts run past its end");
    }
}

}  // namespace etw::etl
