// The records of one processor from several rings, the newest first: cpu_merger.h the other way
// round, for what is read while it is being overwritten. See snapshot.h.
#pragma once
#include "host/recording/record.h"
#include "host/session/session_clock.h"
#include "ring/ring_set.h"

#include <optional>
#include <vector>

namespace etw::host {

// One ring, block by block.
class BackwardReader {
public:
    // Records before `from` or later than `until` (counter) are left out.
    BackwardReader(const ring::RingSet& rings, uint32_t cpu, wire::RingPosition from,
                   int64_t until);

    bool has_record() const noexcept { return !records_.empty(); }
    // Of the current record, which has_record(). Never rises from one record to the next.
    int64_t time() const noexcept { return records_.back().time; }
    uint32_t size() const noexcept { return records_.back().shape.size; }
    // Into `out`, of align8(size()) bytes, with `raw_time` as its time.
    void copy(std::span<std::byte> out, int64_t raw_time) const;
    void pop();

    uint32_t damaged() const noexcept { return damaged_; }
    // How many blocks there were to read.
    uint64_t blocks() const noexcept { return blocks_; }
    // Of what was there at the instant all has been overwritten before any of it was read.
    bool overtaken() const noexcept { return overtaken_ && !until_reached_; }

private:
    struct Item {
        uint32_t offset;  // in block_
        RecordShape shape;
        int64_t time;
    };
    void load();
    bool load_block(uint64_t block);
    wire::RingPosition oldest() const noexcept;
    void index();

    const ring::RingSet* rings_;
    uint32_t cpu_;
    wire::RingPosition from_;
    int64_t until_;
    uint64_t next_block_;  // its number, counting down
    uint64_t blocks_;
    uint64_t blocks_left_;          // that may still be read
    bool until_reached_ = false;    // a record not later than `until_` has been seen
    bool overtaken_ = false;        // blocks were overwritten, or have later records only
    std::vector<std::byte> block_;  // a copy: the ring's may change under our hands
    std::vector<Item> records_;     // of block_, those not yet taken
    uint32_t damaged_ = 0;
};

class BackwardMerger {
public:
    BackwardMerger(std::vector<BackwardReader> readers, const SessionClock& clock,
                   size_t buffer_size);

    // As many of the newest records as fit a buffer, in the order of time; empty: there are none
    // left. Valid until the next call.
    Bytes next_buffer();
    uint32_t damaged() const noexcept;
    bool overtaken() const noexcept;   // any ring, see BackwardReader
    uint64_t blocks() const noexcept;  // to read, of all rings
    // How many buffers there can be.
    uint64_t most_buffers() const noexcept;

private:
    BackwardReader* latest();

    std::vector<BackwardReader> readers_;
    SessionClock clock_;
    std::vector<std::byte> buffer_;
};

}  // namespace etw::host
