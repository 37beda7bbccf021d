#include "ring/ring_set.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

namespace etw::ring {

using wire::block_of;
using wire::kRingFirstOffset;
using wire::offset_of;
using wire::ring_position;
using wire::RingControl;
using wire::RingGeometry;
using wire::RingPosition;
using wire::RingSetHeader;

namespace {

#ifndef MFD_NOEXEC_SEAL
constexpr unsigned MFD_NOEXEC_SEAL = 0x0008u;
#endif

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

// Bytes that can be allocated without pushing the machine into the hands of the OOM killer, which
// an allocation of shared memory would do. ~0 where the kernel does not say.
uint64_t available_memory() {
    constexpr uint64_t kUnknown = ~uint64_t{0};
    std::FILE* file = std::fopen("/proc/meminfo", "re");
    if (file == nullptr) return kUnknown;
    uint64_t available = kUnknown;
    char line[128];
    while (std::fgets(line, sizeof(line), file) != nullptr) {
        unsigned long long kilobytes = 0;
        if (std::sscanf(line, "MemAvailable: %llu kB", &kilobytes) == 1) {
            available = kilobytes * 1024;
            break;
        }
    }
    std::fclose(file);
    return available;
}

Result<UniqueFd> memory_file() {
    int fd = ::memfd_create("etw-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL) {  // before Linux 6.3
        fd = ::memfd_create("etw-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    }
    if (fd < 0) return Error{Code::kNoSystemResources, "ring set: memfd_create", uint64_t(errno)};
    return UniqueFd(fd);
}

Result<std::byte*> map_set(const UniqueFd& fd, size_t size) {
    void* base = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (base == MAP_FAILED) {
        return Error{Code::kNoSystemResources, "ring set: mmap", uint64_t(errno)};
    }
    return static_cast<std::byte*>(base);
}

std::atomic<uint32_t>* filled_of(RingControl& control) {
    return reinterpret_cast<std::atomic<uint32_t>*>(reinterpret_cast<std::byte*>(&control) +
                                                    wire::kRingFilledOffset);
}

}  // namespace

RingSet::RingSet(UniqueFd fd, std::byte* base, const RingGeometry& geometry) noexcept
    : fd_(std::move(fd)), base_(base), geometry_(geometry) {}

RingSet::RingSet(RingSet&& other) noexcept
    : fd_(std::move(other.fd_)),
      base_(std::exchange(other.base_, nullptr)),
      geometry_(other.geometry_) {}

RingSet& RingSet::operator=(RingSet&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(base_, other.base_);
    std::swap(geometry_, other.geometry_);
    return *this;
}

RingSet::~RingSet() {
    if (base_ != nullptr) ::munmap(base_, geometry_.set_size());
}

Result<RingSet> RingSet::create(const RingGeometry& geometry) {
    if (!geometry.valid()) return Error{Code::kInvalidParameter, "ring set: geometry"};
    const size_t size = geometry.set_size();
    const uint64_t available = available_memory();
    if (size > available - available / 8) {
        return Error{Code::kNoSystemResources, "ring set: memory available", available};
    }
    ETW_TRY(UniqueFd fd, memory_file());
    int failed = 0;
    do {
        failed = ::fallocate(fd.get(), 0, 0, off_t(size)) == 0 ? 0 : errno;
    } while (failed == EINTR);
    if (failed != 0) {
        return Error{Code::kNoSystemResources, "ring set: fallocate", uint64_t(failed)};
    }
    if (::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) {
        return Error{code_from_errno(errno), "ring set: seal", uint64_t(errno)};
    }
    ETW_TRY(std::byte * base, map_set(fd, size));
    RingSet set(std::move(fd), base, geometry);
    auto* header = new (base) RingSetHeader{};
    header->magic = RingSetHeader::kMagic;
    header->version = wire::kRingVersion;
    for (uint32_t cpu = 0; cpu < geometry.cpus; ++cpu) {
        auto* control = new (base + geometry.ring_offset(cpu)) RingControl{};
        control->head.store(ring_position(0, kRingFirstOffset), std::memory_order_relaxed);
        control->tail.store(ring_position(0, kRingFirstOffset), std::memory_order_relaxed);
    }
    return set;
}

Result<RingSet> RingSet::adopt(UniqueFd fd, const RingGeometry& geometry) {
    if (!geometry.valid()) return Error{Code::kInvalidParameter, "ring set: geometry"};
    struct stat status {};
    // Only memory files know this call, so it also tells that the descriptor is one.
    const int seals = ::fcntl(fd.get(), F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
        return Error{Code::kInvalidParameter, "ring set: not sealed"};
    }
    if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size < 0 ||
        uint64_t(status.st_size) != geometry.set_size()) {
        return Error{Code::kInvalidParameter, "ring set: size", uint64_t(status.st_size)};
    }
    // Memory that was never allocated, or given back by punching a hole, must not be asked of the
    // system when somebody touches it. Allocates what is missing, leaves the rest as it is.
    if (::fallocate(fd.get(), FALLOC_FL_KEEP_SIZE, 0, status.st_size) != 0) {
        return Error{Code::kNoSystemResources, "ring set: fallocate", uint64_t(errno)};
    }
    ETW_TRY(std::byte * base, map_set(fd, geometry.set_size()));
    return RingSet(std::move(fd), base, geometry);
}

std::atomic<uint32_t>& RingSet::host_sleeps() noexcept {
    return reinterpret_cast<RingSetHeader*>(base_)->host_sleeps;
}

void RingSet::describe(const wire::RingSetDescription& description) noexcept {
    std::memcpy(base_ + wire::kRingDescriptionOffset, &description, sizeof(description));
}

wire::RingSetDescription RingSet::description() const noexcept {
    wire::RingSetDescription out;
    std::memcpy(&out, base_ + wire::kRingDescriptionOffset, sizeof(out));
    return out;
}

RingControl& RingSet::control(uint32_t cpu) const noexcept {
    ETW_ASSERT(cpu < geometry_.cpus);
    return *reinterpret_cast<RingControl*>(base_ + geometry_.ring_offset(cpu));
}

uint64_t RingSet::lost(uint32_t cpu) const noexcept {
    return control(cpu).lost.load(std::memory_order_relaxed);
}

RingPosition RingSet::head(uint32_t cpu) const noexcept {
    return control(cpu).head.load(std::memory_order_acquire);
}

RingPosition RingSet::oldest(uint32_t cpu) const noexcept {
    const uint64_t head_block = block_of(head(cpu));
    // The memory after the head's block may already be under a writer's hands.
    const uint64_t first = head_block + 2;
    return ring_position(first > geometry_.blocks ? first - geometry_.blocks : 0, kRingFirstOffset);
}

// Steps R1 and R2 of ring/writer.h. A hostile head, tail or filled[] gives at worst a wrong run
// inside the mapping; every call that returns true moves on towards head, over at most `blocks`
// blocks.
bool RingSet::next(uint32_t cpu, RingPosition tail, Run& run, bool* damaged) const noexcept {
    RingControl& ring = control(cpu);
    *damaged = false;
    const RingPosition head = ring.head.load(std::memory_order_acquire);  // R1
    if (head == tail) return false;
    const auto whole = [this](uint32_t offset) {
        return offset >= kRingFirstOffset && offset <= geometry_.block_size && offset % 8 == 0;
    };
    const auto give_up = [&](RingPosition end) {
        *damaged = true;
        run = {{}, tail, end};
        return true;
    };
    const uint64_t head_block = block_of(head);
    if (head < tail || !whole(offset_of(head))) return give_up(head);
    if ((geometry_.flags & wire::kRingOverwrite) != 0) {
        tail = std::max(tail, oldest(cpu));
        if (tail > head)
            return false;  // overtaken while we looked: the next call sees the new head
    } else if (head_block - block_of(tail) >= geometry_.blocks) {
        return give_up(head);
    }
    while (tail != head) {
        const uint64_t block = block_of(tail);
        const uint64_t index = block % geometry_.blocks;
        const bool open = block == head_block;
        const RingPosition after = open ? head : ring_position(block + 1, kRingFirstOffset);
        const uint32_t begin = offset_of(tail);
        const uint32_t end =
            open ? offset_of(head) : filled_of(ring)[index].load(std::memory_order_relaxed);
        if (!whole(begin) || !whole(end) || end < begin) return give_up(after);
        if (end > begin) {
            const std::byte* data = reinterpret_cast<const std::byte*>(&ring) +
                                    geometry_.control_size() + index * geometry_.block_size;
            run = {Bytes(data + begin, end - begin), tail, after};
            return true;
        }
        tail = after;
    }
    return false;
}

void RingSet::release(uint32_t cpu, RingPosition end) noexcept {
    control(cpu).tail.store(end, std::memory_order_release);  // R2
}

RingPosition RingSet::published_tail(uint32_t cpu) const noexcept {
    return control(cpu).tail.load(std::memory_order_relaxed);
}

uint32_t RingSet::pending_blocks(uint32_t cpu, RingPosition tail) const noexcept {
    const RingPosition head = control(cpu).head.load(std::memory_order_acquire);
    if (head <= tail) return 0;
    return uint32_t(std::min<uint64_t>(block_of(head) - block_of(tail), geometry_.blocks));
}

}  // namespace etw::ring
