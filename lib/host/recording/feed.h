// Delivers a session's events to its consumers: copies what writers have committed into the
// delivery ring, wakes the consumers, and counts what each of them came too late for. Belongs to
// the session's thread; what it has delivered is committed with the drain's checkpoint.
#pragma once
#include "host/recording/checkpoint.h"
#include "host/recording/cpu_merger.h"
#include "host/recording/delivery_ring.h"
#include "host/recording/stream.h"

#include <memory>
#include <vector>

namespace etw::host {

// The host's end of one consumer.
struct ConsumerEnd {
    uint64_t id = 0;  // in this host
    UniqueFd socket;  // see session/consume.h
    ConsumerPageMapping page;
    // Of one that goes on after a crash: its position, and the number it waits for.
    bool resumes = false;
    uint64_t ring = 0;
    uint64_t position = 0;
    uint64_t number = 0;
};

class Feed {
public:
    Feed(DeliveryRing ring, const SessionClock& clock, uint32_t block_size);

    const DeliveryRing& ring() const noexcept { return ring_; }
    size_t consumers() const noexcept { return consumers_.size(); }

    // The page gets the consumer's position. Returns the number of the chunk there.
    uint64_t add(ConsumerEnd consumer, DeliveryProgress& at);
    void remove(uint64_t id, DeliveryProgress& at);

    // Copies what stands in one CPU's ring behind `delivered`, which moves on. `until` and `last`
    // are CpuMerger's limits, for a clock that is converted.
    struct Taken {
        uint64_t bytes = 0;    // of records
        uint32_t damaged = 0;  // places where no records were
    };
    Taken take(const Stream& stream, uint32_t cpu, CpuProgress& lane, DeliveryProgress& at,
               int64_t until, bool last);
    // Bytes behind what publish() has shown.
    uint64_t unpublished(const DeliveryProgress& at) const { return at.head - published_; }
    // After the checkpoint: consumers may read up to at.head.
    void publish(const DeliveryProgress& at, uint64_t events_lost);
    // Everything up to this time (counter) has been published.
    void complete_until(int64_t counter);
    void finish(wire::DeliveryState state);
    // Where the furthest consumer is; for the checkpoint.
    void note_backlog(DeliveryProgress& at) const;

private:
    void evicted(DeliveryProgress& at, uint64_t chunk, uint64_t behind, uint64_t number);
    Taken take_as_it_is(const Stream& stream, uint32_t cpu, CpuProgress& lane,
                        DeliveryProgress& at);
    Taken take_converted(const Stream& stream, uint32_t cpu, CpuProgress& lane,
                         DeliveryProgress& at, CpuMerger::Limits limits);
    void put(const Stream& stream, uint32_t cpu, Bytes records, DeliveryProgress& at);
    void wake();

    DeliveryRing ring_;
    SessionClock clock_;
    std::vector<std::byte> converted_;
    std::vector<ConsumerEnd> consumers_;
    uint64_t published_ = 0;
    bool published_since_ = false;  // since the last complete_until()
    bool wake_again_ = false;
    int64_t newest_ = 0;  // counter: no record that was published is later
    // Chunk numbers that were lost while nobody was connected, and are counted.
    uint64_t counted_from_ = 0;
    uint64_t counted_to_ = 0;
};

}  // namespace etw::host
