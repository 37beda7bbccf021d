#include "ring/clock.h"

#include "base/unique_fd.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace etw::ring {

namespace {

int64_t clock_ns(clockid_t clock) noexcept {
    timespec now{};
    ::clock_gettime(clock, &now);
    return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

// Of a few tries the one that took least time: this thread may be made to wait between two looks.
ClockSample sample(clockid_t monotonic) noexcept {
    constexpr int kTries = 8;
    ClockSample best{};
    int64_t best_spread = INT64_MAX;
    for (int i = 0; i < kTries; ++i) {
        const int64_t before = read_counter();
        const int64_t monotonic_ns = clock_ns(monotonic);
        const int64_t unix_ns = clock_ns(CLOCK_REALTIME);
        const int64_t spread = read_counter() - before;
        if (spread >= best_spread) continue;
        best_spread = spread;
        best = {before + spread / 2, unix_ns, monotonic_ns};
    }
    return best;
}

#if defined(__x86_64__)
// The kernel drops the counter from its clock sources when it finds it unstable or not in step.
bool kernel_trusts_counter() noexcept {
    const UniqueFd file(::open("/sys/devices/system/clocksource/clocksource0/available_clocksource",
                               O_RDONLY | O_CLOEXEC));
    char names[256];
    const ssize_t size = file ? ::read(file.get(), names, sizeof(names) - 1) : -1;
    if (size <= 0) return true;  // hidden in some containers: the processor's word must do
    names[size] = '\0';
    return std::strstr(names, "tsc") != nullptr;
}

// ns = counter * mult >> shift, as the kernel itself converts. 0 where it does not say.
uint64_t frequency_from_perf() noexcept {
    perf_event_attr attr{};
    attr.size = sizeof(attr);
    attr.type = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_DUMMY;
    attr.exclude_kernel = 1;
    attr.exclude_hv = 1;
    const UniqueFd event(
        int(::syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
    if (!event) return 0;
    const size_t size = size_t(::sysconf(_SC_PAGESIZE));
    void* page = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, event.get(), 0);
    if (page == MAP_FAILED) return 0;
    const auto* control = static_cast<const perf_event_mmap_page*>(page);
    uint64_t frequency = 0;
    if (control->cap_user_time && control->time_mult != 0 && control->time_shift < 64) {
        __extension__ using Wide = unsigned __int128;
        frequency = uint64_t((Wide{1'000'000'000} << control->time_shift) / control->time_mult);
    }
    ::munmap(page, size);
    return frequency;
}

uint64_t measured_frequency() noexcept {
    constexpr int64_t kMeasureNs = 10'000'000;
    const ClockSample start = sample(CLOCK_MONOTONIC_RAW);
    ClockSample now = start;
    while (now.monotonic_ns - start.monotonic_ns < kMeasureNs) {
        const timespec pause{0, 1'000'000};
        ::nanosleep(&pause, nullptr);
        now = sample(CLOCK_MONOTONIC_RAW);
    }
    return uint64_t(double(now.counter - start.counter) * 1e9 /
                    double(now.monotonic_ns - start.monotonic_ns));
}
#endif

}  // namespace

#if defined(__x86_64__)
bool counter_is_usable() noexcept {
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    constexpr unsigned kPowerManagementLeaf = 0x80000007, kInvariantCounter = 1u << 8;
    if (__get_cpuid(kPowerManagementLeaf, &eax, &ebx, &ecx, &edx) == 0) return false;
    return (edx & kInvariantCounter) != 0 && kernel_trusts_counter();
}

uint64_t counter_frequency() noexcept {
    static const uint64_t frequency = [] {
        const uint64_t exact = frequency_from_perf();
        return exact != 0 ? exact : measured_frequency();
    }();
    return frequency;
}
#else
bool counter_is_usable() noexcept { return true; }  // the architecture promises a constant rate

uint64_t counter_frequency() noexcept {
    uint64_t frequency;
    asm("mrs %0, cntfrq_el0" : "=r"(frequency));
    return frequency;
}
#endif

ClockSample sample_clocks() noexcept { return sample(CLOCK_MONOTONIC); }

}  // namespace etw::ring
