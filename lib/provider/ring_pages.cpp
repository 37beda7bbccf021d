#include "provider/ring_pages.h"

#include <sys/mman.h>

#include <algorithm>

namespace etw::provider {

namespace {

constexpr uint64_t kFirst = 64u << 20;  // bytes of all rings together when a session comes: 3 ms
// Of a ring that is being filled: a burst of a million events.
constexpr uint64_t kAhead = 128u << 20;
constexpr uint64_t kSlice = 2u << 20;  // 0.1 ms

uint64_t data_size(const wire::RingGeometry& geometry) noexcept {
    return uint64_t{geometry.blocks} * geometry.block_size;
}

uint64_t first_of_each(const wire::RingGeometry& geometry) noexcept {
    return std::min(data_size(geometry), kFirst / geometry.cpus);
}

// False: this kernel cannot.
bool map_pages(std::byte* from, uint64_t size) noexcept {
#ifndef MADV_POPULATE_WRITE
    constexpr int MADV_POPULATE_WRITE = 23;
#endif
    const auto begin = reinterpret_cast<uintptr_t>(from) & ~(wire::kRingPage - 1);
    const uintptr_t end = reinterpret_cast<uintptr_t>(from) + size;
    return ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_POPULATE_WRITE) == 0;
}

}  // namespace

void map_first_pages(std::byte* set, const wire::RingGeometry& geometry) noexcept {
    for (uint32_t cpu = 0; cpu < geometry.cpus; ++cpu) {
        const uint64_t size = geometry.control_size() + first_of_each(geometry);
        if (!map_pages(set + geometry.ring_offset(cpu), size)) return;
    }
}

void RingPages::begin(ring::WriterMap& map, std::byte* set, const wire::RingGeometry& geometry,
                      void (*wanted)() noexcept) noexcept {
    void* memory = ::mmap(nullptr, geometry.cpus * sizeof(Range), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    ranges_ = static_cast<Range*>(memory);
    set_ = set;
    geometry_ = geometry;
    for (uint32_t cpu = 0; cpu < geometry.cpus; ++cpu) {
        const uint64_t at = head(cpu);
        ranges_[cpu] = {at, at};
    }
    map.blocks_used_up.store(wanted, std::memory_order_release);
    map.blocks_to_use.store(0, std::memory_order_relaxed);
    while (map_slice(map)) {
    }
}

bool RingPages::map_slice(ring::WriterMap& map) noexcept {
    if (ranges_ == nullptr) return false;
    if (map.blocks_to_use.load(std::memory_order_relaxed) != 0) return false;
    for (uint32_t cpu = 0; cpu < geometry_.cpus; ++cpu) {
        if (map_slice_of(cpu)) return true;
    }
    set_limit(map);
    return false;
}

void RingPages::begin_in_child(ring::WriterMap& map) noexcept {
    if (ranges_ == nullptr) return;
    for (uint32_t cpu = 0; cpu < geometry_.cpus; ++cpu) {
        const uint64_t at = head(cpu);
        ranges_[cpu] = {at, at};
    }
    map.blocks_to_use.store(1, std::memory_order_relaxed);
}

void RingPages::end(ring::WriterMap& map) noexcept {
    map.blocks_to_use.store(ring::WriterMap::kNoLimit, std::memory_order_relaxed);
    if (ranges_ != nullptr) ::munmap(ranges_, geometry_.cpus * sizeof(Range));
    ranges_ = nullptr;
}

uint64_t RingPages::head(uint32_t cpu) const noexcept {
    const auto* control =
        reinterpret_cast<const wire::RingControl*>(set_ + geometry_.ring_offset(cpu));
    const wire::RingPosition at = control->head.load(std::memory_order_relaxed);
    // Anybody may have stored it: the block's number has up to 39 bits, its size up to 24.
    return wire::block_of(at) * geometry_.block_size + wire::offset_of(at);
}

// Whatever stands in the head, what is mapped lies in the ring, and once through it ends it.
bool RingPages::map_slice_of(uint32_t cpu) noexcept {
    Range& range = ranges_[cpu];
    const uint64_t limit = range.begin + data_size(geometry_);
    const uint64_t at = head(cpu);
    if (range.end >= limit) return false;
    if (at < range.begin || at >= limit) {
        range.end = limit;
        return false;
    }
    // Where writers have overtaken the agent they took the faults.
    range.end = std::max(range.end, at);
    const uint64_t first = first_of_each(geometry_);
    const bool filled = at - range.begin >= first / 2;
    const uint64_t wanted = std::min(limit, filled ? at + kAhead : range.begin + first);
    if (range.end >= wanted) return false;
    const uint64_t offset = range.end % data_size(geometry_);
    const uint64_t size = std::min({kSlice, wanted - range.end, data_size(geometry_) - offset});
    std::byte* const data = set_ + geometry_.ring_offset(cpu) + geometry_.control_size();
    range.end = map_pages(data + offset, size) ? range.end + size : limit;
    return true;
}

// The next call for more: when half of the least that is mapped ahead may have been used up.
void RingPages::set_limit(ring::WriterMap& map) const noexcept {
    const bool complete = std::all_of(ranges_, ranges_ + geometry_.cpus, [&](const Range& range) {
        return range.end >= range.begin + data_size(geometry_);
    });
    const uint64_t least = std::min(first_of_each(geometry_), kAhead) / 2;
    const auto blocks = std::max<uint64_t>(least / geometry_.block_size, 1);
    map.blocks_to_use.store(complete ? ring::WriterMap::kNoLimit : uint32_t(blocks),
                            std::memory_order_relaxed);
}

}  // namespace etw::provider
