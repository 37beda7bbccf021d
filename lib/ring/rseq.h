// The calling thread's restartable-sequence area: libc's, or one of our own where libc registers
// none. Inline, because every event asks for it.
#pragma once
#include "ring/writer_layout.h"

#include <cstddef>
#include <cstdint>

namespace etw::ring {

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

extern "C" {
// Of libc, from glibc 2.35 on; size 0 where the user told it not to register.
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));
}

// Used where libc does not register an area. In static TLS, which is freed no earlier than the
// thread's stack, when the kernel no longer touches it.
extern __attribute__((tls_model("initial-exec"))) thread_local constinit RseqArea own_rseq_area;
void register_own_area(RseqArea* area) noexcept;

inline char* thread_pointer() noexcept {
    char* pointer;
#if defined(__x86_64__)
    asm("mov %%fs:0, %0" : "=r"(pointer));
#else
    asm("mrs %0, tpidr_el0" : "=r"(pointer));
#endif
    return pointer;
}

inline RseqArea* rseq_area() noexcept {
    if (__builtin_expect(&__rseq_size != nullptr && __rseq_size != 0, true)) {
        return reinterpret_cast<RseqArea*>(thread_pointer() + __rseq_offset);
    }
    if (__builtin_expect(own_rseq_area.cpu_id == kCpuUninitialized, false)) {
        register_own_area(&own_rseq_area);
    }
    return &own_rseq_area;
}

}  // namespace etw::ring
