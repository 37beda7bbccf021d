// Layout of the shared memory that carries events from providers to the host: one ring set for each
// (session, user id), one ring in it for each CPU. The protocol, its memory orders and the argument
// why a killed writer leaves nothing torn stand in ring/writer.h; this file is only the layout.
//
//   ring set:  [RingSetHeader page] [ring 0] [ring 1] ... [ring cpus-1]
//   ring:      [RingControl and filled[blocks], whole pages] [block 0] ... [block blocks-1]
//   block:     block_size bytes, laid out as an ETL buffer: 72 bytes that the host fills in from
//              its own memory when it writes the block out, then records on 8-byte boundaries
//
// Everything in the mapping can be written by any process of the user at any time. Neither side
// takes a geometry, a bound or an address from it: the geometry travels in the attach message.
#pragma once
#include "etw/etl_format.h"

#include <atomic>
#include <type_traits>

namespace etw::wire {

// A place in a ring: block number << 25 | byte offset in the block, so that positions of one ring
// compare as numbers and neither side divides by the block size. The block number rises forever
// (39 bits: 2 PiB through 4 KiB blocks); the block's index in memory is number % blocks.
using RingPosition = uint64_t;
constexpr uint32_t kRingOffsetBits = 25;
constexpr uint64_t kRingOffsetMask = (uint64_t{1} << kRingOffsetBits) - 1;
static_assert(kMaxBufferSize <= kRingOffsetMask, "an offset may equal the block size");

constexpr uint64_t block_of(RingPosition p) { return p >> kRingOffsetBits; }
constexpr uint32_t offset_of(RingPosition p) { return uint32_t(p & kRingOffsetMask); }
constexpr RingPosition ring_position(uint64_t block, uint32_t offset) {
    return block << kRingOffsetBits | offset;
}
constexpr uint32_t kRingFirstOffset = sizeof(BufferHeader);  // of the first record in a block

// Start of a ring set.
struct RingSetHeader {
    static constexpr uint64_t kMagic =
        0x5445534752575445;  // "ETWRGSET", for people with a hex dump
    uint64_t magic;
    uint32_t version;  // kRingVersion
    uint32_t reserved;
    // Futex word. The host stores n > 0 before it sleeps; a writer that has filled a block, so that
    // n or more of its ring are full, stores 0 and wakes it. A lost or false wake costs time, never
    // data: the host has a timer too.
    alignas(128) std::atomic<uint32_t> host_sleeps;
};
constexpr uint32_t kRingVersion = 3;
static_assert(offsetof(RingSetHeader, host_sleeps) == 128 && sizeof(RingSetHeader) == 256);

// Start of a ring. Each group has cache lines of its own.
struct RingControl {
    alignas(
        128) std::atomic<RingPosition> head;  // writers' committing store: below it all is whole
    alignas(128) std::atomic<RingPosition> tail;  // host, release: below it writers may reuse
    alignas(128) std::atomic<uint64_t> lost;      // writers: events refused, counted on their CPU
    // u32 filled[blocks] follows: where the data of a block ends, valid once head has left it.
};
static_assert(offsetof(RingControl, tail) == 128 && offsetof(RingControl, lost) == 256);
static_assert(sizeof(RingControl) == 384);
static_assert(std::atomic<RingPosition>::is_always_lock_free);

constexpr size_t kRingPage = 4096;
constexpr size_t kRingSetHeaderSize = kRingPage;
constexpr size_t kRingFilledOffset = sizeof(RingControl);

enum RingFlag : uint32_t {
    kRingOverwrite = 1,  // buffered sessions: never refuse, reuse the oldest block
    // Trace messages are numbered: in the session, or in all sessions that say so. Of no concern
    // to the ring itself; it stands here because it is fixed for the same time.
    kRingLocalNumbers = 2,
    kRingGlobalNumbers = 4,
};

// What both sides must agree on; fixed for the life of a ring set.
struct RingGeometry {
    uint32_t cpus;        // 1..kMaxCpus
    uint32_t blocks;      // per ring, 2..kMaxBlocks
    uint32_t block_size;  // bytes, kMinBufferSize..kMaxBufferSize, a multiple of 1024
    uint32_t flags;       // RingFlag

    static constexpr uint32_t kMaxCpus = 2048;  // a buffer's processor index has 11 bits
    static constexpr uint32_t kMaxBlocks = 1u << 20;

    friend bool operator==(const RingGeometry&, const RingGeometry&) = default;

    constexpr bool valid() const {
        return cpus >= 1 && cpus <= kMaxCpus && blocks >= 2 && blocks <= kMaxBlocks &&
               block_size >= kMinBufferSize && block_size <= kMaxBufferSize &&
               block_size % 1024 == 0;
    }
    constexpr size_t control_size() const {
        return (kRingFilledOffset + size_t{blocks} * sizeof(uint32_t) + kRingPage - 1) / kRingPage *
               kRingPage;
    }
    constexpr size_t ring_size() const {
        const size_t data = size_t{blocks} * block_size;
        return control_size() + (data + kRingPage - 1) / kRingPage * kRingPage;
    }
    constexpr size_t ring_offset(uint32_t cpu) const {
        return kRingSetHeaderSize + cpu * ring_size();
    }
    constexpr size_t set_size() const { return ring_offset(cpus); }
};
static_assert(sizeof(RingGeometry) == 16);

// Behind the RingSetHeader: what whoever finds a ring set in a core file, a debugger or a process
// that outlived its host needs to make a log of it. Written by the host when it makes the set, read
// by neither side of the protocol. Readers treat it as they treat all else here: as untrusted.
struct RingSetDescription {
    uint32_t size;           // of this struct
    uint32_t uid;            // whose processes write here; ~0: the host, for all
    uint64_t session_epoch;  // of the SessionKey
    uint32_t session_slot;   // its logger id is one more
    uint32_t log_file_mode;
    RingGeometry geometry;
    uint32_t clock_type;      // ClockType
    uint32_t controller_pid;  // who started the session
    int64_t start_counter;    // one instant: on the counter ...
    int64_t start_filetime;   // ... and on the wall clock
    uint64_t counter_hz;
    int64_t boot_filetime;
    char boot_id[40];           // NUL-terminated, as all of these
    char session_name[1024];    // UTF-8; longer ones are cut
    char runtime_folder[1024];  // of the host
};
static_assert(sizeof(RingSetDescription) == 2168);
static_assert(std::is_trivially_copyable_v<RingSetDescription>);
constexpr size_t kRingDescriptionOffset = sizeof(RingSetHeader);
static_assert(kRingDescriptionOffset + sizeof(RingSetDescription) <= kRingPage);

}  // namespace etw::wire
