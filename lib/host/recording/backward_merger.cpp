#include "host/recording/backward_merger.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

namespace etw::host {

using wire::block_of;
using wire::kRingFirstOffset;
using wire::ring_position;

// --- one ring --------------------------------------------------------------------------------

BackwardReader::BackwardReader(const ring::RingSet& rings, uint32_t cpu, wire::RingPosition from,
                               int64_t until)
    : rings_(&rings),
      cpu_(cpu),
      from_(from),
      until_(until),
      next_block_(block_of(rings.head(cpu))) {  // S2
    const uint64_t first = block_of(oldest());
    const uint64_t there = next_block_ < first ? 0 : next_block_ - first + 1;
    blocks_ = blocks_left_ = std::min<uint64_t>(there, rings.geometry().blocks);
    load();
}

wire::RingPosition BackwardReader::oldest() const noexcept {
    const bool overwrites = (rings_->geometry().flags & wire::kRingOverwrite) != 0;
    return overwrites ? std::max(from_, rings_->oldest(cpu_)) : from_;
}

// Makes the newest block that has records, of those not yet read, the current one.
void BackwardReader::load() {
    while (records_.empty() && blocks_left_ > 0) {
        --blocks_left_;
        const bool more = load_block(next_block_) && next_block_ > 0;
        if (!more) blocks_left_ = 0;
        --next_block_;
    }
}

// False: this block and all older ones are not to be had.
bool BackwardReader::load_block(uint64_t block) {
    const wire::RingPosition first = std::max(ring_position(block, kRingFirstOffset), oldest());
    if (block_of(first) != block) {
        overtaken_ = overtaken_ || oldest() > from_;
        return false;
    }
    ring::Run run{};
    bool damaged = false;
    if (!rings_->next(cpu_, first, run, &damaged)) return true;
    if (damaged) ++damaged_;
    if (damaged || block_of(run.begin) != block) return true;  // nothing in it that makes sense
    block_.assign(run.records.begin(), run.records.end());     // S3
    std::atomic_thread_fence(std::memory_order_acquire);
    if (oldest() > run.begin) {  // S4
        overtaken_ = true;
        return false;
    }
    index();
    return true;
}

// Finds the records of the block's copy, those that are late enough and those that make sense.
void BackwardReader::index() {
    for (size_t at = 0; at < block_.size();) {
        const auto shape = shape_of(Bytes(block_).subspan(at), block_.size() - at);
        if (!shape) {
            ++damaged_;
            break;
        }
        records_.push_back({uint32_t(at), *shape, 0});
        at += wire::align8(size_t{shape->size});
    }
    // From the newest on: times never rise, whatever a hostile writer has stored there. A record
    // without a time has that of its successor.
    for (size_t i = records_.size(); i-- > 0;) {
        Item& item = records_[i];
        int64_t time = until_;
        if (item.shape.time_offset != 0) {
            std::memcpy(&time, block_.data() + item.offset + item.shape.time_offset, sizeof(time));
        }
        if (!until_reached_ && time > until_) {  // written after the instant
            records_.pop_back();
            overtaken_ = true;
            continue;
        }
        until_reached_ = true;
        until_ = item.time = std::min(time, until_);
    }
}

void BackwardReader::copy(std::span<std::byte> out, int64_t raw_time) const {
    const Item& item = records_.back();
    std::memcpy(out.data(), block_.data() + item.offset, item.shape.size);
    std::fill(out.begin() + ptrdiff_t(item.shape.size), out.end(), std::byte{0});
    if (item.shape.time_offset != 0) {
        std::memcpy(out.data() + item.shape.time_offset, &raw_time, sizeof(raw_time));
    }
}

void BackwardReader::pop() {
    records_.pop_back();
    if (records_.empty()) load();
}

// --- several ---------------------------------------------------------------------------------

BackwardMerger::BackwardMerger(std::vector<BackwardReader> readers, const SessionClock& clock,
                               size_t buffer_size)
    : readers_(std::move(readers)), clock_(clock), buffer_(buffer_size - kRingFirstOffset) {}

BackwardReader* BackwardMerger::latest() {
    BackwardReader* best = nullptr;
    for (BackwardReader& reader : readers_) {
        if (reader.has_record() && (best == nullptr || reader.time() > best->time())) {
            best = &reader;
        }
    }
    return best;
}

Bytes BackwardMerger::next_buffer() {
    size_t begin = buffer_.size();
    while (BackwardReader* reader = latest()) {
        const size_t size = wire::align8(size_t{reader->size()});
        if (size > begin) break;
        begin -= size;
        reader->copy(std::span(buffer_).subspan(begin, size), clock_.to_raw(reader->time()));
        reader->pop();
    }
    return Bytes(buffer_).subspan(begin);
}

bool BackwardMerger::overtaken() const noexcept {
    return std::any_of(readers_.begin(), readers_.end(),
                       [](const BackwardReader& reader) { return reader.overtaken(); });
}

uint64_t BackwardMerger::blocks() const noexcept {
    uint64_t blocks = 0;
    for (const BackwardReader& reader : readers_) blocks += reader.blocks();
    return blocks;
}

uint64_t BackwardMerger::most_buffers() const noexcept {
    // One ring's records fit as many buffers as blocks, wherever the cuts are. Those of several are
    // merged anew: any two buffers in a row hold more than one block.
    return readers_.size() == 1 ? blocks() : 2 * blocks() + 1;
}

uint32_t BackwardMerger::damaged() const noexcept {
    uint32_t damaged = 0;
    for (const BackwardReader& reader : readers_) damaged += reader.damaged();
    return damaged;
}

}  // namespace etw::host
