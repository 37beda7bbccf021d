// Layout of the shared memory that carries a session's events from the host to its consumers: one
// delivery ring for each session, written by the host alone and mapped read-only by the consumers,
// and one page for each consumer, which both sides write.
//
//   ring:   [DeliveryHeader page] [capacity bytes of chunks]
//   chunk:  DeliveryChunk, then whole records of one lane, in the order of their times; padded to
//           kDeliveryAlignment. A lane is a provider ring of one CPU. No chunk is cut by the end of
//           the ring: a chunk of kind kPadding fills what would be too short.
//
// Positions count bytes from the beginning of the session and never fall; a position's place in
// memory is position % capacity. The host never waits for anybody: where a new chunk needs room it
// evicts the oldest ones. The steps, for one chunk (host) and for one read (consumer):
//
//   Host      P1 for each chunk that has to go: oldest = behind it          release
//             P2 ... and for each consumer: position: it -> behind it       CAS, counts as lost
//             P3 write chunk header and records behind head                 plain
//             P4 commit the checkpoint (lib/host/recording/checkpoint.h)
//             P5 head = behind the new chunks                               release, pairs with C1
//   Consumer  C1 head, own position                                         acquire
//             C2 copy header and records of the chunk at position
//             C3 oldest <= position?                                        after an acquire fence
//             C4 position: chunk -> behind it                               CAS, release
//
// Whether a chunk was delivered or lost is decided by one word: who wins P2 or C4. So the host's
// count of lost buffers and the consumer's agree exactly. C3 is for the time after a host was
// killed: its successor has no page of the consumer until that has connected again.
#pragma once
#include "etw/etl_format.h"

#include <atomic>

namespace etw::wire {

enum class DeliveryState : uint32_t {
    kRunning = 0,
    kEnded = 1,   // the session was stopped: what lies below head is all
    kCutOff = 2,  // the session goes on without consumers
};

struct DeliveryHeader {
    static constexpr uint64_t kMagic = 0x3156494c45575445;  // "ETWELIV1"; changes with the layout
    uint64_t magic;
    uint64_t id;                                // random, of this ring
    uint64_t capacity;                          // bytes, a power of two
    alignas(128) std::atomic<uint64_t> oldest;  // position of the first chunk that is whole
    alignas(128) std::atomic<uint64_t> head;    // position: chunks below it are whole
    // Raw time of the session's clock: every event up to it stands below `head`. Read it first.
    std::atomic<int64_t> complete_until;
    std::atomic<uint64_t> events_lost;  // by the session so far
    std::atomic<DeliveryState> state;
};
constexpr size_t kDeliveryHeaderSize = 4096;
static_assert(sizeof(DeliveryHeader) <= kDeliveryHeaderSize);
static_assert(std::atomic<int64_t>::is_always_lock_free);

enum class DeliveryKind : uint16_t { kRecords = 0, kPadding = 1 };

struct DeliveryChunk {
    uint64_t number;  // rises by one from chunk to chunk of the session; padding: 0
    uint64_t stream;  // names the provider ring set: lane = (stream, cpu)
    uint32_t size;    // bytes that follow
    uint16_t cpu;
    DeliveryKind kind;
    uint64_t reserved;
};
constexpr uint64_t kDeliveryAlignment = 32;
static_assert(sizeof(DeliveryChunk) == kDeliveryAlignment);

constexpr uint64_t delivery_step(uint32_t size) {
    return (sizeof(DeliveryChunk) + size + kDeliveryAlignment - 1) / kDeliveryAlignment *
           kDeliveryAlignment;
}

// The page of one consumer.
struct ConsumerPage {
    std::atomic<uint64_t> position;  // of the next chunk that the consumer will take
    // The consumer stores 1 before it sleeps; the host that finds 1 stores 0 and sends one byte.
    alignas(128) std::atomic<uint32_t> sleeps;
};
constexpr size_t kConsumerPageSize = 4096;
static_assert(sizeof(ConsumerPage) <= kConsumerPageSize);

constexpr uint64_t kMinDeliveryCapacity = uint64_t{1} << 16;
constexpr uint64_t kMaxDeliveryCapacity = uint64_t{1} << 30;

}  // namespace etw::wire
