#include "ring/ring_set.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

namespace etw::ring {

using wire::RingGeometry;
using wire::RingPosition;

namespace {

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

Result<Mapping> map_set(const UniqueFd& fd, const RingGeometry& geometry) {
    return Mapping::of(fd, geometry.set_size(), "ring set: mmap");
}

}  // namespace

RingSet::RingSet(UniqueFd fd, Mapping memory, const RingGeometry& geometry) noexcept
    : fd_(std::move(fd)), memory_(std::move(memory)), geometry_(geometry) {}

Result<RingSet> RingSet::create(const RingGeometry& geometry) {
    if (!geometry.valid()) return Error{Code::kInvalidParameter, "ring set: geometry"};
    const size_t size = geometry.set_size();
    const uint64_t available = available_memory();
    if (size > available - available / 8) {
        return Error{Code::kNoSystemResources, "ring set: memory available", available};
    }
    ETW_TRY(UniqueFd fd, make_memory_file("etw-ring", size));
    ETW_TRY(Mapping memory, map_set(fd, geometry));
    RingSet set(std::move(fd), std::move(memory), geometry);
    set.view().initialise();
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
    ETW_TRY(Mapping memory, map_set(fd, geometry));
    return RingSet(std::move(fd), std::move(memory), geometry);
}

std::atomic<uint32_t>& RingSet::host_sleeps() noexcept { return view().host_sleeps(); }

void RingSet::describe(const wire::RingSetDescription& description) noexcept {
    std::memcpy(memory_.get() + wire::kRingDescriptionOffset, &description, sizeof(description));
}

wire::RingSetDescription RingSet::description() const noexcept {
    wire::RingSetDescription out;
    std::memcpy(&out, memory_.get() + wire::kRingDescriptionOffset, sizeof(out));
    return out;
}

uint64_t RingSet::lost(uint32_t cpu) const noexcept {
    ETW_ASSERT(cpu < geometry_.cpus);
    return view().lost(cpu);
}

void RingSet::forget_lost() noexcept {
    for (uint32_t cpu = 0; cpu < geometry_.cpus; ++cpu) {
        view().control(cpu).lost.store(0, std::memory_order_relaxed);
    }
}

RingPosition RingSet::head(uint32_t cpu) const noexcept {
    ETW_ASSERT(cpu < geometry_.cpus);
    return view().head(cpu);
}

RingPosition RingSet::oldest(uint32_t cpu) const noexcept {
    ETW_ASSERT(cpu < geometry_.cpus);
    return view().oldest(cpu);
}

bool RingSet::next(uint32_t cpu, RingPosition tail, Run& run, bool* damaged) const noexcept {
    ETW_ASSERT(cpu < geometry_.cpus);
    return view().next(cpu, tail, run, damaged);
}

void RingSet::release(uint32_t cpu, RingPosition end) noexcept {
    ETW_ASSERT(cpu < geometry_.cpus);
    view().release(cpu, end);
}

RingPosition RingSet::published_tail(uint32_t cpu) const noexcept {
    ETW_ASSERT(cpu < geometry_.cpus);
    return view().control(cpu).tail.load(std::memory_order_relaxed);
}

uint32_t RingSet::pending_blocks(uint32_t cpu, RingPosition tail) const noexcept {
    ETW_ASSERT(cpu < geometry_.cpus);
    return view().pending_blocks(cpu, tail);
}

}  // namespace etw::ring
