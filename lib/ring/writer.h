// The provider's side of the rings: appends records to the ring of the CPU it runs on.
//
// Shared words (layout: wire/ring.h) and who writes them:
//   head       the writers of one CPU, only by the committing store of the write section
//   filled[b]  the same writers, inside the section, before they leave block b
//   lost       the same writers, by the committing store of the count section
//   tail       the host
//   host_sleeps the host stores a number of blocks, a writer stores 0 inside the wake section
// A section is a restartable sequence of the kernel (rseq): a thread that is preempted, migrated or
// interrupted by a signal inside it goes on at its abort address, which starts it over. So on one
// CPU no two sections interleave, whatever process, thread or signal handler they belong to.
//
// Write   W1 generation of the map == the caller's, else the session is gone: leave
//         W2 cpu_id -> ring; head relaxed (only this CPU's sections write it)
//         W3 does the record end within the block? If not, take the next block: tail acquire, leave
//            if the block is not free yet; filled[old block] = where its data ends
//         W4 copy the record, and into it the counter, which is read anywhere in the section
//         W5 head release: the commit, and the section's last instruction
// Quick   The same for what nearly all events are, once and only in the block that the head is in:
//         Q1 the source's session is the one that the event's state speaks of, else leave; read
//            after all that the source says of this session, so that this belongs together
//         Q2 as W2
//         Q3 does the record end within the block, with room behind it? If not, leave
//         then W1, W4, W5. Who leaves, or is interrupted, goes on with EventSource::rest, which has
//         the event written by the other section, or as its session wants it.
// Host    R1 head     acquire   pairs with W5: who sees head sees the records below it and the
//                               filled[] of every block below it
//         R2 tail     release   pairs with W3: who may reuse a block knows that it has been read
//
// Order of time: the counter is read inside the section, so each ring's times never fall.
// Killed before W5: nothing a reader looks at has changed; what was copied, and a filled[] that was
//         stored too early, is overwritten by the next section on that CPU (filled[b] counts only
//         once head has left b, and whoever makes head leave b stores it anew).
// Killed after W5: the record is whole. There is no state in between and no lock to be left held.
// Signal handler: the interrupted section restarts after it, or the event goes on with `rest`.
// Nothing
//         waits, so nothing deadlocks.
// Hostile memory: another process of the user may store anything at any time. The index of a block
//         is taken modulo `blocks`, the record's end is compared with `block_size`, both from
//         private memory, so a store never leaves the mapping. All else is a wrong count.
// Detach: all accesses to the mapping are inside sections and behind W1. So after
//         generation = 0 and membarrier(PRIVATE_EXPEDITED_RSEQ), which restarts every section
//         that is under way, no thread can be in the mapping, nor enter it: it may be unmapped.
// Tests:  tests/unit/ring/writer_test.cpp, writer_section_test.cpp, writer_kill_test.cpp.
//
// Runs inside traced programs: no library but libc, no exceptions, no allocation,
// async-signal-safe.
#pragma once
#include "etw/provider_types.h"
#include "ring/rseq.h"
#include "ring/writer_layout.h"
#include "wire/ring.h"

#include <cstddef>
#include <cstdint>

namespace etw::ring {

// One ring set as this process maps it. Private memory: the writer believes it.
struct WriterMap {
    std::atomic<uint64_t> generation{0};  // 0: detached. Published last, withdrawn first
    std::byte* rings = nullptr;           // of CPU 0; CPU n's is n * ring_size further
    uint64_t ring_size = 0;
    uint64_t reciprocal = 0;  // floor(2^64 / blocks) + 1: a multiplication in place of a division
    // Below 2^32, as wide as what the sections calculate with them.
    uint64_t blocks = 0;
    uint64_t block_size = 0;
    uint64_t data_offset = 0;  // of block 0 in a ring
    uint32_t cpus = 0;
    uint32_t overwrite = 0;
    // For quick sections. A block's number & the mask is its index, and a record that ends at this
    // offset of a block at most has room behind it, where the number of blocks is a power of two;
    // else the latter is 0, so that they look closer.
    uint64_t block_mask = 0;
    uint64_t quick_end = 0;

    // Writers count down the blocks that they begin; whoever makes it 0 calls `blocks_used_up`,
    // which must be async-signal-safe and is set before a limit is.
    static constexpr uint32_t kNoLimit = ~0u;
    std::atomic<uint32_t> blocks_to_use{kNoLimit};
    std::atomic<void (*)() noexcept> blocks_used_up{nullptr};

    // Fills in all but the generation and the limit, for a mapping of geometry.set_size() bytes at
    // `set`.
    void describe(std::byte* set, const wire::RingGeometry& geometry) noexcept;
};

// As applications hand over the values of an event (etw_data), so that nothing is copied twice.
struct [[gnu::may_alias]] Piece {
    const void* data;
    uint32_t size;
    uint32_t reserved;
};

// What to append: the staged bytes, then the pieces back to back, then zeros up to `size` where the
// pieces end in the middle of its last 8 bytes.
struct Record {
    WriterMap* map;
    uint64_t generation;   // that the caller read from the map
    const void* staged;    // any alignment
    const Piece* pieces;   // null if piece_count is 0
    uint32_t staged_size;  // a multiple of 8
    uint32_t piece_count;
    uint32_t size;               // of it all, a multiple of 8, at most 64 KiB
    uint32_t time_stamp_offset;  // in the staged bytes
};

// Sixteen bytes of an event header, in a register.
using HeaderPart [[gnu::vector_size(16)]] = uint64_t;

// What quick sections take of whoever writes events, and where to. Private memory as well; each
// word may change at any time. Who changes what belongs to a session sets the state to kNone
// before (and releases that before the first change), and to one that it never had after (release).
struct EventSource {
    std::atomic<uint64_t> state;
    // Of the session that takes the events:
    std::atomic<std::byte*> rings;  // as in the map: the ring is known one load sooner
    std::atomic<uint64_t> ring_size;
    std::atomic<WriterMap*> map;       // never null
    std::atomic<uint64_t> generation;  // of the map

    etw_guid provider_id;
    std::atomic<uint32_t> traits_size;  // of the item that follows in memory, a multiple of 8
    uint32_t reserved;
    // Where a section goes on that has not written, with its arguments.
    uint32_t (*rest)(const EventSource* source, const void* head, uint64_t state,
                     const Piece* pieces, uint64_t extent, uint32_t described,
                     HeaderPart activity) noexcept;

    static constexpr uint64_t kNone = 1;  // no event's state
};

enum class Outcome : uint32_t {
    kWritten = ETW_OUTCOME_WRITTEN,
    kFull = ETW_OUTCOME_FULL,          // counted in `lost`
    kTooBig = ETW_OUTCOME_TOO_BIG,     // for a block; counted in `lost`
    kDetached = ETW_OUTCOME_DETACHED,  // the session is gone or another has the slot
    kNoCpu = ETW_OUTCOME_NO_CPU,       // no restartable sequences here, or a CPU without a ring
};

// The sections (writer_<processor>.S).
// etw_ring_write returns an outcome and above it, when the record was written and began a new
// block, how many blocks of the ring are full. The quick ones return 0 or what the source's `rest`
// makes of the event: no way leads back here, so that their caller needs to keep nothing.
// etw_ring_write_event writes an event header (size, identity, time stamp, the source's provider
// id, descriptor, no processor times, activity) and the pieces; etw_ring_write_described has the
// source's traits item and the item behind the descriptor in front of the pieces.
// state       as it was before the event was found to be wanted: what one session's filter has let
//             pass must not go to the next session
// extent      in the upper 32 bits how many pieces there are, which only `rest` asks; in the lower
//             the size of all but the traits, exactly
// identity    thread and process, in its lower half
// claim_wake  the futex word if the host sleeps until a ring has `full` blocks and this call has
//             taken it upon itself to wake it, else null
extern "C" {
uint32_t etw_ring_write(const Record* record, RseqArea* rseq);
uint32_t etw_ring_write_event(const EventSource* source, const etw_descriptor* descriptor,
                              uint64_t state, const Piece* pieces, uint64_t extent, RseqArea* rseq,
                              HeaderPart activity, HeaderPart identity);
uint32_t etw_ring_write_described(const EventSource* source, const etw_event* event, uint64_t state,
                                  const Piece* pieces, uint64_t extent, RseqArea* rseq,
                                  HeaderPart activity, HeaderPart identity);
uint32_t etw_ring_count_lost(WriterMap* map, RseqArea* rseq, uint64_t generation);
int32_t* etw_ring_claim_wake(WriterMap* map, RseqArea* rseq, uint64_t generation, uint32_t full);
}

// What is left to do for a record that was refused or that filled a block: `result` is a section's.
[[gnu::cold]] Outcome settle(WriterMap& map, uint64_t generation, uint32_t result) noexcept;

// Appends one record; wakes the host when it waits for as many full blocks. Preserves errno.
inline Outcome write_record(const Record& record) noexcept {
    const uint32_t result = etw_ring_write(&record, rseq_area());
    if (__builtin_expect(result == 0, true)) return Outcome::kWritten;
    return settle(*record.map, record.generation, result);
}

// Counts an event that could not even be staged.
void count_lost(WriterMap& map, uint64_t generation) noexcept;

// True if this thread can run restartable sequences; registers them where libc did not.
bool sequences_usable() noexcept;

// Must succeed once before a mapping may ever be unmapped: on kernels before 5.10 it does not, and
// a mapping must be kept for the life of the process.
bool prepare_detach() noexcept;

// After this no thread of the process is in the mapping or will enter it. False: it may not be
// unmapped (see prepare_detach).
bool detach(WriterMap& map) noexcept;

static_assert(offsetof(WriterMap, generation) == ETW_MAP_GENERATION);
static_assert(offsetof(WriterMap, rings) == ETW_MAP_RINGS);
static_assert(offsetof(WriterMap, ring_size) == ETW_MAP_RING_SIZE);
static_assert(offsetof(WriterMap, reciprocal) == ETW_MAP_RECIPROCAL);
static_assert(offsetof(WriterMap, blocks) == ETW_MAP_BLOCKS);
static_assert(offsetof(WriterMap, block_size) == ETW_MAP_BLOCK_SIZE);
static_assert(offsetof(WriterMap, cpus) == ETW_MAP_CPUS);
static_assert(offsetof(WriterMap, data_offset) == ETW_MAP_DATA_OFFSET);
static_assert(offsetof(WriterMap, overwrite) == ETW_MAP_OVERWRITE);
static_assert(offsetof(WriterMap, block_mask) == ETW_MAP_BLOCK_MASK);
static_assert(offsetof(WriterMap, quick_end) == ETW_MAP_QUICK_END);
static_assert(offsetof(EventSource, state) == ETW_SOURCE_STATE);
static_assert(offsetof(EventSource, rings) == ETW_SOURCE_RINGS);
static_assert(offsetof(EventSource, ring_size) == ETW_SOURCE_RING_SIZE);
static_assert(offsetof(EventSource, map) == ETW_SOURCE_MAP);
static_assert(offsetof(EventSource, generation) == ETW_SOURCE_GENERATION);
static_assert(offsetof(EventSource, provider_id) == ETW_SOURCE_PROVIDER_ID);
static_assert(offsetof(EventSource, traits_size) == ETW_SOURCE_TRAITS_SIZE);
static_assert(offsetof(EventSource, rest) == ETW_SOURCE_REST);
static_assert(sizeof(EventSource) == ETW_SOURCE_TRAITS);
static_assert(offsetof(etw_event, descriptor) == 0 && sizeof(etw_event) == ETW_DESCRIBED_ITEM);
static_assert(offsetof(etw_event, item_size) == ETW_DESCRIBED_ITEM_SIZE);
static_assert(offsetof(Record, map) == ETW_RECORD_MAP);
static_assert(offsetof(Record, generation) == ETW_RECORD_GENERATION);
static_assert(offsetof(Record, staged) == ETW_RECORD_STAGED);
static_assert(offsetof(Record, pieces) == ETW_RECORD_PIECES);
static_assert(offsetof(Record, staged_size) == ETW_RECORD_STAGED_SIZE);
static_assert(offsetof(Record, piece_count) == ETW_RECORD_PIECE_COUNT);
static_assert(offsetof(Record, size) == ETW_RECORD_SIZE);
static_assert(offsetof(Record, time_stamp_offset) == ETW_RECORD_TIME_STAMP);
static_assert(offsetof(Piece, data) == ETW_PIECE_DATA && offsetof(Piece, size) == ETW_PIECE_SIZE);
static_assert(sizeof(Piece) == ETW_PIECE_STRIDE);
static_assert(offsetof(wire::EventHeader, thread_id) == ETW_EVENT_IDENTITY);
static_assert(offsetof(wire::EventHeader, time_stamp) == ETW_EVENT_TIME_STAMP);
static_assert(offsetof(wire::EventHeader, provider_id) == ETW_EVENT_PROVIDER_ID);
static_assert(offsetof(wire::EventHeader, descriptor) == ETW_EVENT_DESCRIPTOR);
static_assert(offsetof(wire::EventHeader, kernel_time) == ETW_EVENT_TIMES);
static_assert(offsetof(wire::EventHeader, activity_id) == ETW_EVENT_ACTIVITY);
static_assert(sizeof(wire::EventHeader) == ETW_EVENT_HEADER_SIZE);
static_assert(uint64_t{wire::RingGeometry::kMaxBlocks} << ETW_RESULT_BLOCKS_SHIFT < 1ull << 32);
static_assert(offsetof(wire::RingControl, head) == ETW_RING_HEAD);
static_assert(offsetof(wire::RingControl, tail) == ETW_RING_TAIL);
static_assert(offsetof(wire::RingControl, lost) == ETW_RING_LOST);
static_assert(wire::kRingFilledOffset == ETW_RING_FILLED);
static_assert(wire::kRingOffsetBits == ETW_RING_OFFSET_BITS);
static_assert(wire::kRingFirstOffset == ETW_RING_FIRST_OFFSET);
static_assert(wire::kRingSetHeaderSize == ETW_RING_SET_HEADER_SIZE);
static_assert(offsetof(wire::RingSetHeader, host_sleeps) == ETW_RING_HOST_SLEEPS);

}  // namespace etw::ring
