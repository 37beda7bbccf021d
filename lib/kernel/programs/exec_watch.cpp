#include "kernel/programs/exec_watch.h"

#include <linux/perf_event.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

namespace etw::kernel {
namespace {

constexpr uint32_t kPages = 16;

}  // namespace

ExecWatch::ExecWatch(uint16_t tracepoint, uint32_t cpus)
    : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    perf_event_attr attr{};
    attr.size = sizeof(attr);
    attr.type = PERF_TYPE_TRACEPOINT;
    attr.config = tracepoint;
    attr.sample_period = 1;
    attr.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME;
    attr.wakeup_events = 1;
    for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
        if (auto ring = PerfRing::open(attr, cpu, kPages)) rings_.push_back(std::move(*ring));
    }
    if (!rings_.empty()) thread_ = std::thread([this] { run(); });
}

ExecWatch::~ExecWatch() {
    stopping_ = true;
    ::eventfd_write(wake_.get(), 1);
    if (thread_.joinable()) thread_.join();
}

std::vector<Process> ExecWatch::take() {
    const std::lock_guard lock(mutex_);
    look();
    return std::exchange(found_, {});
}

void ExecWatch::look() {
    struct Sample {
        uint32_t process;
        uint32_t thread;
        uint64_t time;
    };
    std::vector<Sample> execs;
    for (PerfRing& ring : rings_) {
        for (ring.look(); const auto record = ring.front(); ring.pop()) {
            ByteReader in(record->body);
            const auto sample = in.read<Sample>("perf sample: exec");
            if (record->type == PERF_RECORD_SAMPLE && sample) execs.push_back(*sample);
        }
        ring.give_back();
    }
    std::stable_sort(execs.begin(), execs.end(),
                     [](const Sample& a, const Sample& b) { return a.time < b.time; });
    for (const Sample& exec : execs) found_.push_back(look_at_program(exec.process));
}

void ExecWatch::run() {
    // Ahead of the program that has just begun. Without the right to it, some are missed.
    const sched_param first{1};
    static_cast<void>(::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first));
    std::vector<pollfd> fds{{wake_.get(), POLLIN, 0}};
    for (const PerfRing& ring : rings_) fds.push_back({ring.fd().get(), POLLIN, 0});
    while (!stopping_) {
        if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return;
        const std::lock_guard lock(mutex_);
        look();
    }
}

}  // namespace etw::kernel
