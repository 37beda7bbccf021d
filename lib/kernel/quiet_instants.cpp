#include "kernel/quiet_instants.h"

#include <sched.h>
#include <sys/resource.h>

#include <optional>
#include <thread>

namespace etw::kernel {
namespace {

constexpr uint64_t kQuietPerSecond = 50'000;  // 20 us
constexpr int kTries = 1000;

bool run_on(uint32_t cpu) {
    cpu_set_t* const set = CPU_ALLOC(cpu + 1);
    if (set == nullptr) return false;
    const size_t size = CPU_ALLOC_SIZE(cpu + 1);
    CPU_ZERO_S(size, set);
    CPU_SET_S(cpu, size, set);
    const bool runs = ::sched_setaffinity(0, size, set) == 0;
    CPU_FREE(set);
    return runs;
}

// How often this thread has left its processor.
long times_left() {
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw + usage.ru_nivcsw;
}

std::optional<int64_t> quiet_instant(const CounterSource& counter) {
    const auto quiet = int64_t(counter.hz / kQuietPerSecond);
    for (int i = 0; i < kTries; ++i) {
        const long before = times_left();
        const int64_t begin = counter.now();
        int64_t end = begin;
        while (end - begin < quiet) end = counter.now();
        if (times_left() == before) return begin + quiet / 2;
    }
    return std::nullopt;
}

}  // namespace

std::vector<int64_t> quiet_instants(uint32_t cpus, const CounterSource& counter) {
    std::vector<int64_t> out;
    // A thread for it, so that the caller's need not be led back.
    std::thread([&] {
        for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
            const auto instant = run_on(cpu) ? quiet_instant(counter) : std::nullopt;
            out.push_back(instant.value_or(counter.now()));
        }
    }).join();
    return out;
}

}  // namespace etw::kernel
