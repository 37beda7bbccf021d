// How the collector has context switches recorded, and by whom: our program where it can be had,
// perf where they are to have stacks or counters, else tracefs. And how these take over from each
// other, with whatever tracepoint.
#include "kernel/collector.h"
#include "kernel/quiet_instants.h"

#include <algorithm>
#include <utility>

namespace etw::kernel {

const Tracepoint& Collector::switch_point() {
    static const Tracepoint kPoint{"sched", "sched_switch", {}};
    return kPoint;
}

// Before anything is written to the sink.
void Collector::adopt_switch_watch() {
    auto adopted = SwitchWatch::adopt(*options_.holder, options_.cpus, options_.counter);
    if (!adopted) return;
    switch_watch_.emplace(std::move(*adopted));
    switch_watch_->rings().go_on(sink_);
}

// Where perf tells switches, with stacks or counters, it tells all there is of them.
void Collector::set_switch_watch() {
    const bool wanted = context_.has(kKernelContextSwitch) && !perf_events_.has(switch_point());
    if (switch_watch_ && !wanted) {
        tell_rest_of_switches();
        drop_switch_watch();
    } else if (wanted && !switch_watch_) {
        if (next_watch_) {
            switch_watch_ = std::exchange(next_watch_, std::nullopt);
        } else if (auto opened = SwitchWatch::open(options_.cpus, options_.counter)) {
            switch_watch_.emplace(std::move(*opened));
        }
        if (switch_watch_) switch_watch_->hold(*options_.holder);
    }
    task_events_.set_switches_apart(switch_watch_.has_value());
}

void Collector::tell_rest_of_switches() {
    switch_watch_->read();
    const int64_t now = options_.counter.now();
    hand_out_switches(now);
    uint64_t without_room = 0;
    switch_watch_->rings().for_each(now, [&without_room](const Switch&) {
        ++without_room;
        return true;
    });
    if (without_room != 0) sink_.add_lost(without_room);
    count_lost();
}

void Collector::drop_switch_watch() {
    if (!switch_watch_) return;
    kernel::set(options_.progress->switches, 0);
    switch_watch_.reset();
    SwitchWatch::let_go(*options_.holder);
}

// --- from the program to perf and back -------------------------------------------------------

// Before bind() changes anything else. The next source records already; on each processor the one
// before it has the switches up to an instant, and they are handed out, the next one the others.
void Collector::hand_over_switches(uint32_t flags, const Tracing& tracing) {
    if ((context_.flags & flags & kKernelContextSwitch) == 0) return;
    const bool to_perf = PerfEvents::takes(switch_point().name, tracing);
    if (perf_events_.has(switch_point()) == to_perf) return;
    const auto format = load(switch_point().system, switch_point().name);
    if (!format) return;
    if (to_perf) {
        if (!switch_watch_) return;
        if (!perf_events_.prepare(options_.cpus, switch_point(), format->id(), tracing)) return;
        const auto instants = quiet_instants(options_.cpus, options_.counter);
        switch_watch_->rings().hold_back_from(instants);
        perf_events_.begin_prepared_at(instants);
        collect_locked(true);
    } else {
        auto opened = SwitchWatch::open(options_.cpus, options_.counter);
        if (!opened) return;
        next_watch_.emplace(std::move(*opened));
        const auto instants = quiet_instants(options_.cpus, options_.counter);
        next_watch_->rings().begin_at(instants);
        perf_events_.end_at(switch_point(), instants);
        collect_locked(true);
        const uint64_t without_room = perf_events_.drop_rest_of(format->id());
        if (without_room != 0) sink_.add_lost(without_room);
    }
}

// The same between tracefs and perf. What tracefs has of the time that is perf's is not told.
void Collector::hand_over_points(const Tracing& tracing) {
    const std::vector<Tracepoint> leaving = perf_events_.leaving(tracing);
    std::vector<Handed> handed;
    for (const Tracepoint& point : enabled_) {
        if (point == switch_point() && switch_watch_) continue;  // for a provider alone
        const uint16_t id = dispatch_->id_of(point.name);
        if (id == 0 || perf_events_.has(point) || !PerfEvents::takes(point.name, tracing)) continue;
        if (perf_events_.prepare(options_.cpus, point, id, tracing)) {
            handed.push_back({point, id, true, {}});
        }
    }
    for (const Tracepoint& point : leaving) {
        // Where our program takes over from perf, tracefs has nothing to do with it.
        if (point == switch_point() && next_watch_) continue;
        std::vector<Tracepoint> with = enabled_;
        with.push_back(point);
        if (enable_points(std::move(with))) {
            handed.push_back({point, dispatch_->id_of(point.name), false, {}});
        }
    }
    if (handed.empty()) return;
    const auto instants = quiet_instants(options_.cpus, options_.counter);
    perf_events_.begin_prepared_at(instants);
    for (const Tracepoint& point : leaving) {
        if (point == switch_point() && next_watch_) continue;
        perf_events_.end_at(point, instants);
    }
    for (Handed& one : handed) {
        one.times = instants;
        std::erase_if(handed_, [&](const Handed& old) { return old.id == one.id; });
        handed_.push_back(std::move(one));
    }
    collect_locked(true);
}

bool Collector::is_of_perf(const RawEvent& event) const noexcept {
    return std::any_of(handed_.begin(), handed_.end(), [&](const Handed& handed) {
        if (handed.id != event.id() || event.cpu >= handed.times.size()) return false;
        return (event.time >= handed.times[event.cpu]) == handed.to_perf;
    });
}

void Collector::end_hand_over(bool is_done) {
    perf_events_.cancel();
    next_watch_.reset();
    // Of what perf does not tell after all, or will not.
    std::erase_if(handed_, [this](const Handed& handed) {
        return handed.to_perf && !perf_events_.has(handed.point);
    });
    if (is_done) return;
    if (switch_watch_) switch_watch_->rings().hold_back_from({});
}

// --- collecting ------------------------------------------------------------------------------

int64_t Collector::next_switch() const noexcept {
    return switch_watch_ ? switch_watch_->rings().next_time() : SwitchRings::kNever;
}

std::optional<int64_t> Collector::hand_out_switches(int64_t until) {
    uint64_t& told = options_.progress->told_switches;
    return switch_watch_->rings().for_each(until, [this, &told](const Switch& event) {
        if (!sink_.has_room(event.cpu)) return false;
        switch_watch_->rings().taking(event.cpu, sink_);
        task_events_.on_switch(event);
        kernel::set(told, told + 1);
        return true;
    });
}

}  // namespace etw::kernel
