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

// The kernel's struct rseq: the part that every version has. (The header of that name is younger
// than the libcs we run on.)
struct alignas(32) RseqArea {
    uint32_t cpu_id_start;
    uint32_t cpu_id;
    uint64_t rseq_cs;
    uint32_t flags;
    uint32_t padding[3];
};
static_assert(sizeof(RseqArea) == 32 && offsetof(RseqArea, cpu_id) == ETW_RSEQ_CPU_ID);
static_assert(offsetof(RseqArea, rseq_cs) == ETW_RSEQ_CS);

constexpr uint32_t kCpuUninitialized = uint32_t(-1);
constexpr uint32_t kCpuRefused = uint32_t(-2);

}  // namespace

extern "C" {
// Of libc, from glibc 2.35 on; size 0 where the user told it not to register.
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

uint32_t etw_ring_write(Record* record, RseqArea* rseq);
uint32_t etw_ring_count_lost(WriterMap* map, RseqArea* rseq, uint64_t generation);
int32_t* etw_ring_claim_wake(WriterMap* map, RseqArea* rseq, uint64_t generation);
}

namespace {

// Used where libc does not register an area. In static TLS, which is freed no earlier than the
// thread's stack, when the kernel no longer touches it.
__attribute__((tls_model("initial-exec"))) thread_local constinit RseqArea own_area = {
    0, kCpuUninitialized, 0, 0, {}};

char* thread_pointer() noexcept {
    char* pointer;
#if defined(__x86_64__)
    asm("mov %%fs:0, %0" : "=r"(pointer));
#else
    asm("mrs %0, tpidr_el0" : "=r"(pointer));
#endif
    return pointer;
}

[[gnu::noinline, gnu::cold]] void register_own_area(RseqArea* area) noexcept {
    const int saved = errno;
    // The kernel fills in cpu_id, before the call returns.
    const long failed = ::syscall(SYS_rseq, area, sizeof(*area), 0, ETW_RSEQ_SIG);
    if (failed != 0 && area->cpu_id == kCpuUninitialized) area->cpu_id = kCpuRefused;
    errno = saved;
}

inline RseqArea* rseq_area() noexcept {
    if (&__rseq_size != nullptr && __rseq_size != 0) {
        return reinterpret_cast<RseqArea*>(thread_pointer() + __rseq_offset);
    }
    if (__builtin_expect(own_area.cpu_id == kCpuUninitialized, false)) register_own_area(&own_area);
    return &own_area;
}

[[gnu::noinline, gnu::cold]] void wake_host(WriterMap& map, uint64_t generation) noexcept {
    const int saved = errno;
    if (int32_t* word = etw_ring_claim_wake(&map, rseq_area(), generation)) {
        // The mapping may be gone by now; then the kernel finds nothing there, which does no harm.
        ::syscall(SYS_futex, word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
    }
    errno = saved;
}

// What is left to do for a record that was refused or that filled a block.
[[gnu::noinline, gnu::cold]] Outcome settle(const Record& record, Outcome outcome) noexcept {
    if (outcome == Outcome::kWritten) {
        wake_host(*record.map, record.generation);
    } else if (outcome == Outcome::kFull || outcome == Outcome::kTooBig) {
        count_lost(*record.map, record.generation);
    }
    return outcome;
}

long membarrier(int command) noexcept { return ::syscall(SYS_membarrier, command, 0, 0); }

}  // namespace

void WriterMap::describe(std::byte* set, const wire::RingGeometry& geometry) noexcept {
    rings = set + geometry.ring_offset(0);
    ring_size = geometry.ring_size();
    // For every block < 2^39 and blocks <= 2^20 the product's upper half is block / blocks exactly:
    // the reciprocal is too large by at most 1, which adds less than 2^39 / 2^64 < 1 / blocks.
    reciprocal = ~uint64_t{0} / geometry.blocks + 1;
    blocks = geometry.blocks;
    block_size = geometry.block_size;
    cpus = geometry.cpus;
    data_offset = uint32_t(geometry.control_size());
    overwrite = (geometry.flags & wire::kRingOverwrite) != 0 ? 1 : 0;
}

Outcome write_record(Record& record) noexcept {
    const auto outcome = Outcome(etw_ring_write(&record, rseq_area()));
    if (__builtin_expect(outcome == Outcome::kWritten && record.switched == 0, true)) {
        return Outcome::kWritten;
    }
    return settle(record, outcome);
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
