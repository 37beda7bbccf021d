#include "host/recording/feed.h"

#include "base/unix_socket.h"
#include "host/session/session_clock.h"

#include <sys/socket.h>

#include <algorithm>
#include <limits>

namespace etw::host {

using wire::DeliveryState;

namespace {

// A hostile page may change under every one of these.
constexpr int kEvictTries = 4;

}  // namespace

Feed::Feed(DeliveryRing ring, const SessionClock& clock, uint32_t block_size)
    : ring_(std::move(ring)),
      clock_(clock),
      converted_(clock.rewrites() ? block_size - wire::kRingFirstOffset : 0),
      published_(ring_.header().head.load(std::memory_order_relaxed)) {}

// --- consumers -------------------------------------------------------------------------------

uint64_t Feed::add(ConsumerEnd consumer, DeliveryProgress& at) {
    const uint64_t oldest = ring_.oldest();
    const uint64_t oldest_number = ring_.number_at(oldest, at).value_or(at.next_number);
    uint64_t position = at.head;
    uint64_t number = at.next_number;
    if (consumer.resumes) {
        const bool has_it = consumer.ring == ring_.id() && consumer.position >= oldest &&
                            consumer.position <= at.head && consumer.number <= at.next_number;
        position = has_it ? consumer.position : oldest;
        number = has_it ? consumer.number : oldest_number;
        if (consumer.number < number) {
            const uint64_t from = std::max(consumer.number, counted_from_);
            const uint64_t to = std::min(number, counted_to_);
            at.buffers_lost += uint32_t(number - consumer.number - (from < to ? to - from : 0));
        }
        counted_from_ = counted_to_ = 0;
    } else if (consumers_.empty()) {
        const auto first = ring_.number_at(at.backlog, at);
        position = first ? at.backlog : oldest;
        number = first.value_or(oldest_number);
    }
    consumer.page.page().position.store(position, std::memory_order_release);
    consumers_.push_back(std::move(consumer));
    return number;
}

void Feed::remove(uint64_t id, DeliveryProgress& at) {
    note_backlog(at);
    std::erase_if(consumers_, [id](const ConsumerEnd& c) { return c.id == id; });
}

void Feed::note_backlog(DeliveryProgress& at) const {
    for (const ConsumerEnd& consumer : consumers_) {
        const uint64_t position = consumer.page.page().position.load(std::memory_order_relaxed);
        if (position % wire::kDeliveryAlignment == 0) {
            at.backlog = std::max(at.backlog, std::min(position, at.head));
        }
    }
}

void Feed::evicted(DeliveryProgress& at, uint64_t chunk, uint64_t behind, uint64_t number) {
    for (const ConsumerEnd& consumer : consumers_) {
        std::atomic<uint64_t>& position = consumer.page.page().position;
        uint64_t is = position.load(std::memory_order_acquire);
        for (int i = 0; i < kEvictTries && is < behind; ++i) {
            if (position.compare_exchange_strong(is, behind, std::memory_order_acq_rel)) {
                ++at.buffers_lost;
                break;
            }
        }
    }
    if (!consumers_.empty() || at.backlog > chunk) return;
    ++at.buffers_lost;
    at.backlog = behind;
    if (counted_to_ != number) counted_from_ = number;
    counted_to_ = number + 1;
}

void Feed::wake() {
    constexpr std::byte kSomething[1] = {};
    for (const ConsumerEnd& consumer : consumers_) {
        if (consumer.page.page().sleeps.exchange(0, std::memory_order_seq_cst) != 1) continue;
        // Never waits: a consumer whose socket is full has been told. One that is gone shows as a
        // hang-up on the main thread.
        ::send(consumer.socket.get(), kSomething, sizeof(kSomething), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

// --- delivery --------------------------------------------------------------------------------

Feed::Taken Feed::take(const Stream& stream, uint32_t cpu, CpuProgress& lane, DeliveryProgress& at,
                       int64_t until, bool last) {
    lane.delivered = std::max(lane.delivered, lane.tail);
    if (clock_.rewrites()) return take_converted(stream, cpu, lane, at, {until, last});
    return take_as_it_is(stream, cpu, lane, at);
}

Feed::Taken Feed::take_as_it_is(const Stream& stream, uint32_t cpu, CpuProgress& lane,
                                DeliveryProgress& at) {
    Taken taken;
    ring::Run run{};
    bool damaged = false;
    uint64_t budget = uint64_t{stream.rings.geometry().blocks} + 1;
    while (budget-- > 0 && stream.rings.next(cpu, lane.delivered, run, &damaged)) {
        lane.delivered = run.end;
        if (damaged) ++taken.damaged;
        if (!run.records.empty()) put(stream, cpu, run.records, at);
        taken.bytes += run.records.size();
    }
    return taken;
}

Feed::Taken Feed::take_converted(const Stream& stream, uint32_t cpu, CpuProgress& lane,
                                 DeliveryProgress& at, CpuMerger::Limits limits) {
    Taken taken;
    CpuMerger merger(cpu, {{&stream.rings, lane.delivered}}, clock_, lane.last_delivered, limits);
    uint64_t budget = uint64_t{stream.rings.geometry().blocks} + 1;
    for (bool full = true; full && budget-- > 0;) {
        const CpuMerger::Filled filled = merger.fill(converted_);
        full = filled.full;
        lane.delivered = merger.tail(0);
        lane.last_delivered = merger.last_raw();
        if (filled.size != 0) put(stream, cpu, Bytes(converted_).first(filled.size), at);
        taken.bytes += filled.size;
    }
    taken.damaged = merger.damaged();
    return taken;
}

void Feed::put(const Stream& stream, uint32_t cpu, Bytes records, DeliveryProgress& at) {
    const auto out =
        ring_.reserve(at, stream.rings_identity.inode, uint16_t(cpu), uint32_t(records.size()),
                      [&](uint64_t chunk, uint64_t behind, uint64_t number) {
                          evicted(at, chunk, behind, number);
                      });
    std::memcpy(out.data(), records.data(), records.size());
}

void Feed::publish(const DeliveryProgress& at, uint64_t events_lost) {
    ring_.header().events_lost.store(events_lost, std::memory_order_relaxed);
    if (at.head == published_) return;
    published_ = at.head;
    published_since_ = true;
    newest_ = counter_now();
    ring_.publish(at);
}

void Feed::complete_until(int64_t counter) {
    ring_.header().complete_until.store(clock_.to_raw(counter), std::memory_order_seq_cst);
    // Again after the last of a burst, until its newest records are covered: consumers hold those
    // back, and sleep.
    if (published_since_ || wake_again_) wake();
    wake_again_ = counter < newest_;
    published_since_ = false;
}

void Feed::finish(DeliveryState state) {
    ring_.header().complete_until.store(std::numeric_limits<int64_t>::max());
    ring_.header().state.store(state, std::memory_order_seq_cst);
    wake();
}

}  // namespace etw::host
