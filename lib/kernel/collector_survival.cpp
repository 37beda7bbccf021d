// What a killed collector leaves to its successor, and what that counts as lost.
#include "kernel/collector.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <utility>

namespace etw::kernel {
namespace {

constexpr char kAccepts[] = "accepts";
constexpr uint16_t kAccept = 0x060F;  // TcpIp/AcceptIPV4, by which stacks are asked for

const BpfProbe& probe_of(const BpfProbe& probe) { return probe; }
const BpfProbe& probe_of(const SpliceWatch& watch) { return watch.probe(); }

// Context switches of the machine since it began to run. 0: not to be known.
uint64_t machine_switches() {
    std::ifstream in("/proc/stat");
    std::string word;
    uint64_t count = 0;
    while (in >> word) {
        if (word == "ctxt") return in >> count ? count : 0;
        in.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    }
    return 0;
}

}  // namespace

// Before the tracepoints are enabled, so that what is found is there before the event that it
// belongs to.
void Collector::set_watches(const Tracing& tracing) {
    Holder& holder = *options_.holder;
    const auto set = [&](auto& watch, const char* as, uint32_t flag, auto open, auto adopt) {
        if (!context_.has(flag)) {
            if (watch) holder.let_go(as);
            watch.reset();
        }
        if (!context_.has(flag) || watch) return;
        if (auto adopted = adopt(as)) {
            watch = std::move(*adopted);
        } else if (auto opened = open(options_.cpus, options_.counter)) {
            watch = std::move(*opened);
            probe_of(*watch).hold(holder, as);
        }
    };
    const auto adopt_probe = [&](const char* as) {
        return BpfProbe::adopt(holder, as, options_.cpus, options_.counter);
    };
    const auto adopt_splices = [&](const char* as) {
        return SpliceWatch::adopt(holder, as, options_.cpus, options_.counter);
    };
    set(exit_watch_, "exits", kKernelProcess, watch_exits, adopt_probe);
    const auto& stacks = tracing.stack_events;
    const bool with_stacks = std::find(stacks.begin(), stacks.end(), kAccept) != stacks.end();
    if (accept_watch_ && accept_watch_->has_stacks() != with_stacks) {
        holder.let_go(kAccepts);
        accept_watch_.reset();
    }
    set(
        accept_watch_, kAccepts, kKernelNetwork,
        [&](uint32_t cpus, const CounterSource& counter) {
            return watch_accepts(cpus, counter, with_stacks);
        },
        [&](const char* as) {
            return BpfProbe::adopt(holder, as, options_.cpus, options_.counter, with_stacks);
        });
    net_events_.set_accepts_watched(accept_watch_.has_value());
    set(datagram_watch_, "datagrams", kKernelNetwork, watch_datagrams, adopt_probe);
    set(splice_watch_, "splices", kKernelNetwork, SpliceWatch::open, adopt_splices);
}

// --- losses ----------------------------------------------------------------------------------

// An event of an instance is in our memory.
void Collector::took(uint8_t source) {
    traced_.add_under_way(1);
    uint64_t& taken = options_.progress->taken[source];
    kernel::set(taken, taken + 1);
}

// A kill does not stop the kernel from handing over a page, but nobody gets to see it.
uint64_t Collector::count_handed_over_to_nobody(const Instance& instance, uint8_t source) {
    uint64_t handed_over = 0;
    for (uint32_t cpu = 0; cpu < options_.cpus; ++cpu) handed_over += instance.handed_over(cpu);
    uint64_t& taken = options_.progress->taken[source];
    const uint64_t gone = handed_over > taken ? handed_over - taken : 0;
    kernel::set(taken, taken + gone);
    return gone;
}

// What the predecessor had read and not handed out, and what nobody has recorded since: how many
// switches there were is known well enough, of all else that there was something.
void Collector::count_what_is_gone() {
    uint64_t gone = std::exchange(options_.progress->under_way, 0);
    gone += count_handed_over_to_nobody(instance_, 0);
    if (limited_) gone += count_handed_over_to_nobody(limited_->instance, kLimitedSource);
    gone += options_.holder->begun();
    if (switch_watch_ && switch_watch_->is_new()) {
        gone += count_switches_since();
        switch_watch_->rings().begin_at(options_.counter.now());
    }
    if (gone != 0) sink_.add_lost(gone);
}

// Since the predecessor handed out its last one. Some in a thousand pass no tracepoint at all.
uint64_t Collector::count_switches_since() const {
    const Progress& progress = *options_.progress;
    if (progress.switches == 0) return 0;
    const uint64_t since = machine_switches() - progress.switches;
    return since > progress.told_switches ? since - progress.told_switches : 0;
}

// From here on a successor counts, should the program be gone with the keeper.
void Collector::note_switches() {
    if (!switch_watch_) return;
    kernel::set(options_.progress->switches, 0);
    kernel::set(options_.progress->told_switches, 0);
    kernel::set(options_.progress->switches, machine_switches());
}

}  // namespace etw::kernel
