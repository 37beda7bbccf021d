#include "ring/writer.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ETW_RSEQ_SIG 0x53053053
#elif defined(__aarch64__)
#define ETW_RSEQ_SIG 0xd428bc00
#endif

namespace etw::ring {

namespace {

[[gnu::noinline, gnu::cold]] void wake_host(WriterMap& map, uint64_t generation,
                                            uint32_t full) noexcept {
    const int saved = errno;
    if (int32_t* word = etw_ring_claim_wake(&map, rseq_area(), generation, full)) {
        // The mapping may be gone by now; then the kernel finds nothing there, which does no harm.
        ::syscall(SYS_futex, word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
    }
    errno = saved;
}

void count_block(WriterMap& map) noexcept {
    uint32_t left = map.blocks_to_use.load(std::memory_order_relaxed);
    while (left != 0 && left != WriterMap::kNoLimit) {
        if (!map.blocks_to_use.compare_exchange_weak(left, left - 1, std::memory_order_relaxed)) {
            continue;
        }
        if (left == 1) map.blocks_used_up.load(std::memory_order_acquire)();
        return;
    }
}

long membarrier(int command) noexcept { return ::syscall(SYS_membarrier, command, 0, 0); }

}  // namespace

thread_local constinit RseqArea own_rseq_area = {0, kCpuUninitialized, 0, 0, {}};

void register_own_area(RseqArea* area) noexcept {
    const int saved = errno;
    // The kernel fills in cpu_id, before the call returns.
    const long failed = ::syscall(SYS_rseq, area, sizeof(*area), 0, ETW_RSEQ_SIG);
    if (failed != 0 && area->cpu_id == kCpuUninitialized) area->cpu_id = kCpuRefused;
    errno = saved;
}

void WriterMap::describe(std::byte* set, const wire::RingGeometry& geometry) noexcept {
    rings = set + geometry.ring_offset(0);
    ring_size = geometry.ring_size();
    // For every block < 2^39 and blocks <= 2^20 the product's upper half is block / blocks exactly:
    // the reciprocal is too large by at most 1, which adds less than 2^39 / 2^64 < 1 / blocks.
    reciprocal = ~uint64_t{0} / geometry.blocks + 1;
    blocks = geometry.blocks;
    const bool power_of_two = (blocks & (blocks - 1)) == 0;
    block_mask = blocks - 1;
    block_size = geometry.block_size;
    quick_end = power_of_two ? block_size - ETW_QUICK_SLACK : 0;
    cpus = geometry.cpus;
    data_offset = geometry.control_size();
    overwrite = (geometry.flags & wire::kRingOverwrite) != 0 ? 1 : 0;
}

Outcome settle(WriterMap& map, uint64_t generation, uint32_t result) noexcept {
    constexpr uint32_t kOutcomeMask = (1u << ETW_RESULT_BLOCKS_SHIFT) - 1;
    const auto outcome = Outcome(result & kOutcomeMask);
    if (outcome == Outcome::kWritten) {
        wake_host(map, generation, result >> ETW_RESULT_BLOCKS_SHIFT);
        count_block(map);
    } else if (outcome == Outcome::kFull || outcome == Outcome::kTooBig) {
        count_lost(map, generation);
    }
    return outcome;
}

void count_lost(WriterMap& map, uint64_t generation) noexcept {
    etw_ring_count_lost(&map, rseq_area(), generation);
}

bool sequences_usable() noexcept { return int32_t(rseq_area()->cpu_id) >= 0; }

bool prepare_detach() noexcept {
    const int saved = errno;
    const long failed = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ);
    errno = saved;
    return failed == 0;
}

bool detach(WriterMap& map) noexcept {
    map.generation.store(0, std::memory_order_seq_cst);
    const int saved = errno;
    const long failed = membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ);
    errno = saved;
    return failed == 0;
}

}  // namespace etw::ring
