// The drain's way to consumers.
#include "base/testpoint.h"
#include "host/recording/drain.h"
#include "ring/clock.h"

#include <algorithm>

namespace etw::host {
namespace {

// A record's time is taken some instructions before the record is committed, on another CPU. What
// is younger than this waits for the next delivery.
constexpr int64_t kSlackPerSecond = 5000;  // 200 us

}  // namespace

void Drain::start_feed(DeliveryRing ring) {
    // Numbers go on: a consumer of a former ring sees by them what it has lost.
    if (ring.id() != progress_.delivery.ring) {
        progress_.delivery.head = progress_.delivery.backlog = 0;
    }
    const bool from_now = progress_.delivery.ring == 0 && log_;
    progress_.delivery.ring = ring.id();
    if (from_now) {
        for (size_t i = 0; i < streams_.size(); ++i) {
            if (streams_[i] == nullptr) continue;
            for (uint32_t cpu = 0; cpu < saved_.geometry.cpus; ++cpu) {
                CpuProgress& lane = at(i, cpu);
                lane.delivered = std::max(lane.delivered, lane.tail);
                ring::Run run{};
                bool damaged = false;
                uint64_t budget = uint64_t{streams_[i]->rings.geometry().blocks} + 1;
                while (budget-- > 0 &&
                       streams_[i]->rings.next(cpu, lane.delivered, run, &damaged)) {
                    lane.delivered = run.end;
                }
            }
        }
    }
    feed_ = std::make_unique<Feed>(std::move(ring), clock_, saved_.geometry.block_size);
    commit();
}

void Drain::end_feed(wire::DeliveryState state) {
    if (!feed_) return;
    if (state == wire::DeliveryState::kEnded) deliver(Depth::kFinal);
    feed_->finish(state);
    feed_.reset();
    progress_.delivery.ring = 0;
    commit();
}

uint64_t Drain::add_consumer(ConsumerEnd consumer) {
    const uint64_t number = feed_->add(std::move(consumer), progress_.delivery);
    commit();
    return number;
}

void Drain::remove_consumer(uint64_t id) {
    if (!feed_) return;
    feed_->remove(id, progress_.delivery);
    commit();
}

bool Drain::deliver(Depth depth) {
    if (!feed_ || awaits_log()) return false;
    const int64_t until = collect(depth);  // before any head is looked at
    const bool any = deliver_lanes(depth, until);
    if (any) publish_feed();
    if (!log_) {
        if (!any) commit();  // what was lost, or skipped as damaged
        publish_tails();
    }
    feed_->complete_until(until - int64_t(saved_.counter_hz) / kSlackPerSecond);
    return any;
}

bool Drain::deliver_lanes(Depth depth, int64_t until) {
    bool any = false;
    for (size_t i = 0; i < streams_.size(); ++i) {
        if (streams_[i] == nullptr) continue;
        for (uint32_t cpu = 0; cpu < saved_.geometry.cpus; ++cpu) {
            CpuProgress& lane = at(i, cpu);
            const Feed::Taken taken = feed_->take(*streams_[i], cpu, lane, progress_.delivery,
                                                  until, depth == Depth::kFinal);
            any |= taken.bytes != 0;
            if (!log_) {
                lane.tail = lane.delivered;
                progress_.record_bytes += taken.bytes;
                progress_.buffers_lost += taken.damaged;  // with a log, the log's to count
            }
            // Many users' full rings are more than the delivery ring holds.
            if (feed_->unpublished(progress_.delivery) > feed_->ring().capacity() / 4) {
                publish_feed();
            }
        }
    }
    return any;
}

void Drain::publish_feed() {
    ETW_TESTPOINT("drain.delivered");
    commit();                                           // D2, D3
    feed_->publish(progress_.delivery, events_lost());  // D4
    if (!log_) publish_tails();
}

uint64_t Drain::backlog_size() const {
    uint64_t buffers = 1;  // the header's
    feed_->ring().for_each(progress_.delivery.backlog, progress_.delivery,
                           [&](uint16_t, Bytes) { ++buffers; });
    const uint64_t size = buffers * saved_.geometry.block_size;
    const uint64_t limit = limit_bytes(saved_.properties);
    return limit == 0 ? size : std::min(size, limit);
}

// In the order in which it came; each CPU's buffers are in order of time.
Status Drain::write_backlog(etl::LogWriter& log) {
    const int64_t now = std::max(clock_.to_raw(counter_now()), progress_.last_buffer_time);
    Status status = Ok{};
    feed_->ring().for_each(progress_.delivery.backlog, progress_.delivery,
                           [&](uint16_t cpu, Bytes records) {
                               const etl::BufferData buffer{cpu, now, records};
                               if (status) status = log.write({&buffer, 1});
                           });
    progress_.last_buffer_time = now;
    // A log too small for it all has the oldest; what follows meets the limit as always.
    if (!status && status.error().code == Code::kMoreData) return Ok{};
    return status;
}

}  // namespace etw::host
