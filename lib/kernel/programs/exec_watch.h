// Looks at programs the moment they begin to run. Their arguments are told by no tracepoint and are
// gone with them, so each exec wakes a thread that goes before all others.
#pragma once
#include "kernel/events/tasks.h"
#include "kernel/perf/perf_ring.h"

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace etw::kernel {

class ExecWatch {
public:
    // `tracepoint`: the id of sched_process_exec. Without the rights for perf it sees nothing.
    ExecWatch(uint16_t tracepoint, uint32_t cpus);
    ~ExecWatch();

    // One for each exec since the last call, in their order. Of a program that was gone too soon
    // there is nothing but its id.
    std::vector<Process> take();

private:
    void run();
    void look();

    std::vector<PerfRing> rings_;
    UniqueFd wake_;  // eventfd
    std::mutex mutex_;
    std::vector<Process> found_;  // guarded by mutex_, as the rings are
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

}  // namespace etw::kernel
