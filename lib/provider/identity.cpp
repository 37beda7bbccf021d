#include "provider/state.h"

#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>

#include <cstring>

namespace etw::provider {

namespace {

#ifndef MADV_WIPEONFORK
constexpr int MADV_WIPEONFORK = 18;
#endif

ProcessPage first_page;          // until the page has been mapped, and where it cannot be
std::atomic<uint32_t> g_epochs;  // not wiped: a child's epochs differ from its parent's

}  // namespace

std::atomic<ProcessPage*> g_process_page{&first_page};
ETW_STATIC_TLS constinit thread_local ThreadState t_state = {
    kNotAsked, {0, 0}, nullptr, {0, 0, 0, {0}}};

namespace {

void map_page() noexcept {
    void* memory = ::mmap(nullptr, sizeof(ProcessPage), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    ProcessPage* expected = &first_page;
    if (::madvise(memory, sizeof(ProcessPage), MADV_WIPEONFORK) != 0 ||
        !g_process_page.compare_exchange_strong(expected, static_cast<ProcessPage*>(memory),
                                                std::memory_order_acq_rel)) {
        ::munmap(memory, sizeof(ProcessPage));
    }
}

}  // namespace

[[gnu::noinline, gnu::cold]] Identity learn_identity() noexcept {
    const Unnoticed unnoticed;
    if (g_process_page.load(std::memory_order_acquire) == &first_page) map_page();
    ProcessPage& page = *g_process_page.load(std::memory_order_acquire);
    uint32_t epoch = page.epoch.load(std::memory_order_acquire);
    if (epoch == 0) {
        page.process_id.store(uint32_t(::getpid()), std::memory_order_relaxed);
        uint64_t seed = 0;
        if (::getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != ssize_t(sizeof(seed))) {
            seed = uint64_t(monotonic_ns()) * 0x9E3779B97F4A7C15u ^ uint64_t(::getpid());
        }
        page.activity_seed.store(seed, std::memory_order_relaxed);
        const uint32_t fresh = g_epochs.fetch_add(1, std::memory_order_relaxed) + 1;
        if (page.epoch.compare_exchange_strong(epoch, fresh, std::memory_order_acq_rel)) {
            epoch = fresh;
        }
    }
    t_state.epoch = epoch;
    t_state.identity = {uint32_t(::syscall(SYS_gettid)),
                        page.process_id.load(std::memory_order_relaxed)};
    t_state.rseq = ring::rseq_area();
    return t_state.identity;
}

void forget_identity() noexcept {
    g_process_page.load(std::memory_order_acquire)->epoch.store(0, std::memory_order_release);
}

}  // namespace etw::provider

using namespace etw::provider;

extern "C" {

void etw_activity_get(etw_guid* id) { *id = t_state.activity; }

void etw_activity_set(const etw_guid* id) { t_state.activity = *id; }

// Unique in the process by the counter, among processes by the seed; version 4 in form.
void etw_activity_create(etw_guid* id) {
    current_identity();  // the seed comes with it
    ProcessPage& page = *g_process_page.load(std::memory_order_acquire);
    const uint64_t number = page.activities.fetch_add(1, std::memory_order_relaxed) + 1;
    uint64_t seed = page.activity_seed.load(std::memory_order_relaxed);
    id->data1 = uint32_t(number);
    id->data2 = uint16_t(number >> 32);
    id->data3 = uint16_t(0x4000 | (seed & 0x0FFF));
    std::memcpy(id->data4, &seed, sizeof(seed));
    id->data4[0] = uint8_t(0x80 | (id->data4[0] & 0x3F));
}

}  // extern "C"
