#include "kernel/programs/switch_ring.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <utility>

namespace etw::kernel {
namespace {

// Records of a way through a ring after which the program gets the room of these back.
constexpr uint64_t kGiveBackEvery = 4096;

uint64_t acquire(uint64_t& word) noexcept {
    return std::atomic_ref(word).load(std::memory_order_acquire);
}

// Behind whatever was stored before, for who looks at it after a kill.
void release(uint64_t& word, uint64_t value) noexcept {
    std::atomic_ref(word).store(value, std::memory_order_release);
}

}  // namespace

// As __trace_sched_switch_state() of the kernel does: of several bits the highest.
uint64_t reported_state(const SwitchRecord& record) noexcept {
    constexpr uint32_t kReported = 0x7F;
    constexpr uint32_t kUninterruptible = 0x02;
    constexpr uint32_t kIdle = 0x0402;      // TASK_IDLE
    constexpr uint32_t kLockWait = 0x1000;  // TASK_RTLOCK_WAIT
    constexpr uint32_t kFrozen = 0x8000;    // TASK_FROZEN
    constexpr uint64_t kReportedIdle = 0x80;
    constexpr uint64_t kPreempted = 0x100;
    if (record.preempted != 0) return kPreempted;
    const uint32_t state = record.old_state;
    if ((state & (kLockWait | kFrozen)) != 0) return kUninterruptible;
    if ((state & kIdle) == kIdle) return kReportedIdle;
    return std::bit_floor(state & kReported);
}

SwitchRings::SwitchRings(SwitchControl* controls, const std::byte* records, uint32_t cpus,
                         uint64_t capacity)
    : controls_(controls),
      records_(records),
      capacity_(capacity),
      lanes_(cpus),
      times_(cpus, kNever) {
    ETW_ASSERT(std::has_single_bit(capacity));
}

void SwitchRings::load(uint32_t cpu) noexcept {
    Lane& lane = lanes_[cpu];
    while (lane.next != lane.end) {
        const uint64_t at = cpu * capacity_ + lane.next % capacity_;
        std::memcpy(&lane.record, records_ + at * sizeof(SwitchRecord), sizeof(SwitchRecord));
        times_[cpu] = lane.record.time < lane.until ? lane.record.time : kNever;
        if (lane.record.time >= controls_[cpu].reader.from) return;
        take_up_to(cpu, lane.next + 1);
    }
    times_[cpu] = kNever;
}

void SwitchRings::take_up_to(uint32_t cpu, uint64_t next) noexcept {
    lanes_[cpu].next = next;
    release(controls_[cpu].reader.taken, next);
}

void SwitchRings::advance(uint32_t cpu) noexcept {
    take_up_to(cpu, lanes_[cpu].next + 1);  // R4
    if (lanes_[cpu].next % kGiveBackEvery == 0) give_back(cpu);
    load(cpu);
}

void SwitchRings::give_back(uint32_t cpu) noexcept {
    std::atomic_ref tail(controls_[cpu].tail);
    const uint64_t next = lanes_[cpu].next;
    if (tail.load(std::memory_order_relaxed) != next) tail.store(next, std::memory_order_release);
}

void SwitchRings::taking(uint32_t cpu, const LastingSink& sink) noexcept {
    SwitchProgress& reader = controls_[cpu].reader;
    release(reader.mark, sink.written(cpu));       // R1
    release(reader.taking, lanes_[cpu].next + 1);  // R2
}

void SwitchRings::go_on(const LastingSink& sink) noexcept {
    for (uint32_t cpu = 0; cpu < lanes_.size(); ++cpu) {
        SwitchProgress& reader = controls_[cpu].reader;
        if (reader.taking > reader.taken) {
            const bool is_written = sink.written(cpu) != reader.mark;
            release(is_written ? reader.taken : reader.taking,
                    is_written ? reader.taking : reader.taken);
        }
        if (reader.telling > reader.told) {
            const bool is_told = sink.lost() != reader.lost_mark;
            release(is_told ? reader.told : reader.telling, is_told ? reader.telling : reader.told);
        }
        lanes_[cpu].next = lanes_[cpu].end = reader.taken;
    }
}

void SwitchRings::end(LastingSink& sink) {
    if (ended_) return;
    read();
    tell_lost(sink);
    ended_ = true;
}

void SwitchRings::read() noexcept {
    if (ended_) return;
    for (uint32_t cpu = 0; cpu < lanes_.size(); ++cpu) {
        Lane& lane = lanes_[cpu];
        const bool was_empty = lane.next == lane.end;
        const uint64_t head = acquire(controls_[cpu].head);
        if (head - lane.next > capacity_) take_up_to(cpu, head);  // no ring of the program's is so
        lane.end = head;
        if (was_empty || lane.next == head) load(cpu);
        give_back(cpu);
    }
}

void SwitchRings::begin_at(int64_t time) { begin_at(std::vector<int64_t>(lanes_.size(), time)); }

void SwitchRings::hold_back_from(const std::vector<int64_t>& times) {
    for (uint32_t cpu = 0; cpu < lanes_.size(); ++cpu) {
        lanes_[cpu].until = times.empty() ? kNever : times[cpu];
        load(cpu);
    }
}

void SwitchRings::begin_at(const std::vector<int64_t>& times) noexcept {
    for (uint32_t cpu = 0; cpu < lanes_.size(); ++cpu) {
        SwitchProgress& reader = controls_[cpu].reader;
        reader.from = times[cpu];
        release(reader.told, acquire(controls_[cpu].lost));
    }
}

int64_t SwitchRings::next_time() const noexcept {
    return *std::min_element(times_.begin(), times_.end());
}

void SwitchRings::tell_lost(LastingSink& sink) {
    if (ended_) return;
    for (uint32_t cpu = 0; cpu < lanes_.size(); ++cpu) {
        SwitchProgress& reader = controls_[cpu].reader;
        const uint64_t lost = acquire(controls_[cpu].lost);
        if (lost <= reader.told) continue;
        release(reader.lost_mark, sink.lost());
        release(reader.telling, lost);
        sink.add_lost(lost - reader.told);
        release(reader.told, lost);
    }
}

uint64_t SwitchRings::count() const noexcept {
    uint64_t sum = 0;
    for (const Lane& lane : lanes_) sum += lane.end - lane.next;
    return sum;
}

}  // namespace etw::kernel
