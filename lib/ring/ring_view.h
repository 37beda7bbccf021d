// Reads one ring set where it is mapped: what the host and, for its private session, a traced
// program have in common. libc only, no allocation. Everything that is read from the mapping is
// treated as hostile: bounded before use, read once.
#pragma once
#include "etw/bytes.h"
#include "wire/ring.h"

#include <new>

namespace etw::ring {

// A run of whole records of one block, in the order they were committed. The bytes stay in the
// ring (and may be scribbled over by a hostile writer at any time) until release() passes `end`.
struct Run {
    Bytes records;             // a whole number of 8-byte units, within one block
    wire::RingPosition begin;  // of records
    wire::RingPosition end;    // tail after these records
};

// Owns nothing. `cpu` is always below geometry.cpus.
class RingView {
public:
    RingView(std::byte* base, const wire::RingGeometry& geometry) noexcept
        : base_(base), geometry_(geometry) {}

    // Fills in what a fresh, zeroed mapping needs.
    void initialise() const noexcept {
        auto* header = new (base_) wire::RingSetHeader{};
        header->magic = wire::RingSetHeader::kMagic;
        header->version = wire::kRingVersion;
        for (uint32_t cpu = 0; cpu < geometry_.cpus; ++cpu) {
            auto* fresh = new (base_ + geometry_.ring_offset(cpu)) wire::RingControl{};
            const auto first = wire::ring_position(0, wire::kRingFirstOffset);
            fresh->head.store(first, std::memory_order_relaxed);
            fresh->tail.store(first, std::memory_order_relaxed);
        }
    }

    std::atomic<uint32_t>& host_sleeps() const noexcept {
        return reinterpret_cast<wire::RingSetHeader*>(base_)->host_sleeps;
    }
    wire::RingControl& control(uint32_t cpu) const noexcept {
        return *reinterpret_cast<wire::RingControl*>(base_ + geometry_.ring_offset(cpu));
    }
    std::atomic<uint32_t>& filled(uint32_t cpu, uint64_t block) const noexcept {
        auto* first = reinterpret_cast<std::atomic<uint32_t>*>(
            reinterpret_cast<std::byte*>(&control(cpu)) + wire::kRingFilledOffset);
        return first[block % geometry_.blocks];
    }
    std::byte* block(uint32_t cpu, uint64_t block) const noexcept {
        return reinterpret_cast<std::byte*>(&control(cpu)) + geometry_.control_size() +
               block % geometry_.blocks * geometry_.block_size;
    }

    // No more than there can have been, so that a sum over all rings is one whatever a writer's
    // memory says.
    uint64_t lost(uint32_t cpu) const noexcept {
        constexpr uint64_t kMost = uint64_t{1} << 44;  // 20 days of 10 million each second
        const uint64_t count = control(cpu).lost.load(std::memory_order_relaxed);
        return count < kMost ? count : kMost;
    }
    wire::RingPosition head(uint32_t cpu) const noexcept {
        return control(cpu).head.load(std::memory_order_acquire);
    }
    bool next(uint32_t cpu, wire::RingPosition tail, Run& run, bool* damaged) const noexcept;
    wire::RingPosition oldest(uint32_t cpu) const noexcept {
        // The memory after the head's block may already be under a writer's hands.
        const uint64_t first = wire::block_of(head(cpu)) + 2;
        return wire::ring_position(first > geometry_.blocks ? first - geometry_.blocks : 0,
                                   wire::kRingFirstOffset);
    }
    void release(uint32_t cpu, wire::RingPosition end) const noexcept {
        control(cpu).tail.store(end, std::memory_order_release);  // R2
    }
    uint32_t pending_blocks(uint32_t cpu, wire::RingPosition tail) const noexcept {
        const auto head = control(cpu).head.load(std::memory_order_acquire);
        if (head <= tail) return 0;
        const uint64_t pending = wire::block_of(head) - wire::block_of(tail);
        return uint32_t(pending < geometry_.blocks ? pending : geometry_.blocks);
    }

private:
    std::byte* base_;
    wire::RingGeometry geometry_;
};

// Steps R1 and R2 of ring/writer.h. A hostile head, tail or filled[] gives at worst a wrong run
// inside the mapping; every call that returns true moves on towards head, over at most `blocks`
// blocks.
inline bool RingView::next(uint32_t cpu, wire::RingPosition tail, Run& run,
                           bool* damaged) const noexcept {
    *damaged = false;
    const auto head = control(cpu).head.load(std::memory_order_acquire);  // R1
    if (head == tail) return false;
    const auto whole = [this](uint32_t offset) {
        return offset >= wire::kRingFirstOffset && offset <= geometry_.block_size &&
               offset % 8 == 0;
    };
    const auto give_up = [&](wire::RingPosition end) {
        *damaged = true;
        run = {{}, tail, end};
        return true;
    };
    const uint64_t head_block = wire::block_of(head);
    if (head < tail || !whole(wire::offset_of(head))) return give_up(head);
    if ((geometry_.flags & wire::kRingOverwrite) != 0) {
        const auto first = oldest(cpu);
        if (tail < first) tail = first;
        if (tail > head)
            return false;  // overtaken while we looked: the next call sees the new head
    } else if (head_block - wire::block_of(tail) >= geometry_.blocks) {
        return give_up(head);
    }
    while (tail != head) {
        const uint64_t number = wire::block_of(tail);
        const bool open = number == head_block;
        const auto after = open ? head : wire::ring_position(number + 1, wire::kRingFirstOffset);
        const uint32_t begin = wire::offset_of(tail);
        const uint32_t end =
            open ? wire::offset_of(head) : filled(cpu, number).load(std::memory_order_relaxed);
        if (!whole(begin) || !whole(end) || end < begin) return give_up(after);
        if (end > begin) {
            run = {Bytes(block(cpu, number) + begin, end - begin), tail, after};
            return true;
        }
        tail = after;
    }
    return false;
}

}  // namespace etw::ring
