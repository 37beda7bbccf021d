#include "host/recording/stream.h"

#include "host/session/session_clock.h"

#include <linux/futex.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

namespace etw::host {

using wire::block_of;
using wire::kRingFirstOffset;
using wire::offset_of;
using wire::ring_position;
using wire::RingPosition;

bool is_allocated(const UniqueFd& memory, uint64_t size) noexcept {
    constexpr uint64_t kStatBlock = 512;  // of st_blocks
    struct stat st {};
    return ::fstat(memory.get(), &st) == 0 && uint64_t(st.st_blocks) * kStatBlock >= size;
}

Result<std::shared_ptr<Stream>> Stream::make(uint32_t uid, ring::RingSet rings) {
    ETW_TRY(const auto identity, identity_of(rings.fd().get()));
    return std::make_shared<Stream>(Stream{uid, identity, std::move(rings)});
}

Result<StreamWriter> StreamWriter::over(const Stream& stream, std::optional<int64_t> not_before) {
    const wire::RingGeometry& geometry = stream.rings.geometry();
    ETW_TRY(Mapping memory,
            Mapping::of(stream.rings.fd(), geometry.set_size(), "socket stream: mmap"));
    return StreamWriter(std::move(memory), geometry, not_before.value_or(counter_now()));
}

StreamWriter::StreamWriter(Mapping memory, const wire::RingGeometry& geometry,
                           int64_t not_before) noexcept
    : memory_(std::move(memory)), geometry_(geometry), last_time_(geometry.cpus, not_before) {}

wire::RingControl& StreamWriter::control(uint32_t cpu) const noexcept {
    return *reinterpret_cast<wire::RingControl*>(memory_.get() + geometry_.ring_offset(cpu));
}

bool StreamWriter::append(uint32_t cpu, Bytes record, uint32_t time_offset, int64_t time) {
    if (try_append(cpu, record, time_offset, time)) return true;
    control(cpu).lost.fetch_add(1, std::memory_order_relaxed);
    return false;
}

bool StreamWriter::overwrites() const noexcept {
    return (geometry_.flags & wire::kRingOverwrite) != 0;
}

bool StreamWriter::has_room(uint32_t cpu, size_t record_size) noexcept {
    ETW_ASSERT(cpu < geometry_.cpus);
    const wire::RingControl& ring = control(cpu);
    const RingPosition at = ring.head.load(std::memory_order_relaxed);
    const size_t size = wire::align8(record_size);
    if (size > geometry_.block_size - kRingFirstOffset) return false;
    if (size <= geometry_.block_size - offset_of(at) || overwrites()) return true;
    const uint64_t tail_block = block_of(ring.tail.load(std::memory_order_acquire));
    if (block_of(at) + 1 - tail_block < geometry_.blocks) return true;
    wake_host(geometry_.blocks);
    return false;
}

bool StreamWriter::try_append(uint32_t cpu, Bytes record, uint32_t time_offset, int64_t time) {
    if (!has_room(cpu, record.size())) return false;
    wire::RingControl& ring = control(cpu);
    const auto size = uint32_t(wire::align8(record.size()));
    RingPosition at = ring.head.load(std::memory_order_relaxed);
    uint64_t full = 0;  // blocks of this ring, once the record has begun another
    if (size > geometry_.block_size - offset_of(at)) {
        const uint64_t next = block_of(at) + 1;
        const uint64_t tail_block = block_of(ring.tail.load(std::memory_order_acquire));
        auto* filled = reinterpret_cast<std::atomic<uint32_t>*>(
            reinterpret_cast<std::byte*>(&ring) + wire::kRingFilledOffset);
        filled[block_of(at) % geometry_.blocks].store(offset_of(at), std::memory_order_relaxed);
        at = ring_position(next, kRingFirstOffset);
        full = overwrites() ? 1 : next - tail_block;
    }
    std::byte* out = reinterpret_cast<std::byte*>(&ring) + geometry_.control_size() +
                     (block_of(at) % geometry_.blocks) * geometry_.block_size + offset_of(at);
    std::memcpy(out, record.data(), record.size());
    std::memset(out + record.size(), 0, size - record.size());
    if (time_offset != 0) {
        last_time_[cpu] = std::max(last_time_[cpu], time);
        std::memcpy(out + time_offset, &last_time_[cpu], sizeof(int64_t));
    }
    ring.head.store(at + size, std::memory_order_release);
    if (full != 0) wake_host(full);
    return true;
}

void StreamWriter::add_lost(uint64_t count) {
    control(0).lost.fetch_add(count, std::memory_order_release);
}

RingPosition StreamWriter::head(uint32_t cpu) const noexcept {
    return control(cpu).head.load(std::memory_order_relaxed);
}

uint64_t StreamWriter::lost() const noexcept {
    return control(0).lost.load(std::memory_order_relaxed);
}

bool StreamWriter::is_new() const noexcept {
    for (uint32_t cpu = 0; cpu < geometry_.cpus; ++cpu) {
        if (head(cpu) != ring_position(0, kRingFirstOffset)) return false;
    }
    return true;
}

void StreamWriter::wake_host(uint64_t full) noexcept {
    auto& sleeps = reinterpret_cast<wire::RingSetHeader*>(memory_.get())->host_sleeps;
    std::atomic_thread_fence(std::memory_order_seq_cst);  // the head first, as in the wake section
    const uint32_t enough = sleeps.load(std::memory_order_relaxed);
    if (enough == 0 || full < enough) return;
    if (sleeps.exchange(0) != 0) ::syscall(SYS_futex, &sleeps, FUTEX_WAKE, INT_MAX, 0, 0, 0);
}

}  // namespace etw::host
