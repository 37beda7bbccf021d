// The host's side of the rings: makes a ring set, takes records out of it. Everything that is read
// from the mapping is treated as hostile: bounded before use, read once.
#pragma once
#include "base/mapping.h"
#include "ring/ring_view.h"

namespace etw::ring {

// Owns the mapping and the descriptor of one ring set.
class RingSet {
public:
    // A memory file with all its memory allocated (so that no writer ever meets SIGBUS), sealed
    // against shrinking and growing, initialised. kNoSystemResources when there is no memory.
    static Result<RingSet> create(const wire::RingGeometry& geometry);
    // Maps a ring set that was handed over. Fails with kInvalidParameter unless it is a memory file
    // sealed against shrinking that holds geometry.set_size() bytes. The contents stay as they are.
    static Result<RingSet> adopt(UniqueFd fd, const wire::RingGeometry& geometry);

    const wire::RingGeometry& geometry() const noexcept { return geometry_; }
    const UniqueFd& fd() const noexcept { return fd_; }
    std::atomic<uint32_t>& host_sleeps() noexcept;  // futex word, see wire::RingSetHeader

    // Events that writers of `cpu` had to refuse so far.
    uint64_t lost(uint32_t cpu) const noexcept;
    // They have been counted for good: whoever is handed the set later counts from zero. Nobody
    // writes to it any more.
    void forget_lost() noexcept;

    // What the set says of itself; untrusted where others can write to it.
    void describe(const wire::RingSetDescription& description) noexcept;
    wire::RingSetDescription description() const noexcept;

    // The next run at or after `tail`, the reader's own idea of where it is (the one in the mapping
    // is only for the writers). Nothing new: false. A head that no writer could have left there
    // (hostile or damaged) sets *damaged and gives a run without records whose `end` is where to go
    // on.
    // Overwrite rings: starts no earlier than oldest(). What a caller copied from a run is sound if
    // run.begin >= oldest() still holds after the copy.
    bool next(uint32_t cpu, wire::RingPosition tail, Run& run, bool* damaged) const noexcept;
    // Where the next record will stand; anything at all in a hostile ring.
    wire::RingPosition head(uint32_t cpu) const noexcept;
    // Overwrite rings: the first position that no writer can be overwriting.
    wire::RingPosition oldest(uint32_t cpu) const noexcept;

    // Lets writers reuse everything below `end` (store-release).
    void release(uint32_t cpu, wire::RingPosition end) noexcept;
    // The tail that was last published; for a host that adopts rings without a checkpoint.
    wire::RingPosition published_tail(uint32_t cpu) const noexcept;
    // Full blocks that wait to be drained, 0..blocks.
    uint32_t pending_blocks(uint32_t cpu, wire::RingPosition tail) const noexcept;

private:
    RingSet(UniqueFd fd, Mapping memory, const wire::RingGeometry& geometry) noexcept;
    RingView view() const noexcept { return RingView(memory_.get(), geometry_); }

    UniqueFd fd_;
    Mapping memory_;
    wire::RingGeometry geometry_{};
};

}  // namespace etw::ring
