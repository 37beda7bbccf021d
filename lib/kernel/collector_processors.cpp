// What the collector does as a processor of the machine begins to run: one that was switched on or
// added, or that was away while the machine slept. The instance goes on by itself.
#include "kernel/collector.h"

#include <sys/eventfd.h>

#include <memory>
#include <utility>

namespace etw::kernel {

void Collector::watch_execs() {
    exec_watch_.reset();
    if (const auto format = load("sched", "sched_process_exec")) {
        exec_watch_ = std::make_unique<ExecWatch>(format->id(), options_.cpus);
    }
}

// All that comes through perf begins anew, for all processors; what there was has been read. What
// happened since the processor runs is missing, and counted as one: nobody knows how much it was.
void Collector::meet_processors() {
    if (stalled_ || ended_ || !processors_.take_begun()) return;
    Holder& holder = *options_.holder;
    watch_execs();
    perf_events_.let_go(holder);
    file_events_.let_go(holder);
    if (switch_watch_) {
        tell_rest_of_switches();
        drop_switch_watch();
    }
    const uint32_t flags = std::exchange(context_.flags, 0);
    set_watches({});
    context_.flags = flags;
    // Where it fails, what can be had is recorded.
    static_cast<void>(bool(bind(flags, options_.tracing)));
    scan_images();
    scan_sockets();
    sink_.add_lost(1);
    ::eventfd_write(wake_.get(), 1);  // there are other rings to wait for
}

}  // namespace etw::kernel
