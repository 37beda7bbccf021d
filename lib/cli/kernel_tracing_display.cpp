#include "cli/kernel_tracing_display.h"

#include "session/kernel_hooks.h"

#include <fmt/format.h>

namespace etw::cli {
namespace {

std::string hook_names(const std::vector<uint16_t>& events) {
    std::string out;
    for (const uint16_t id : events) {
        if (!out.empty()) out += '+';
        out += session::kernel_hook_name(id);
    }
    return out;
}

}  // namespace

std::vector<std::pair<const char*, std::string>> kernel_tracing_lines(
    const session::KernelTracing& tracing) {
    std::vector<std::pair<const char*, std::string>> out;
    if (!tracing.stack_events.empty())
        out.emplace_back("Stacks:", hook_names(tracing.stack_events));
    if (!tracing.profile_source.empty())
        out.emplace_back("Profile Source:", tracing.profile_source);
    for (const session::ProfileInterval& interval : tracing.intervals) {
        out.emplace_back("Profile Interval:",
                         fmt::format("{} {}", interval.interval, interval.source));
    }
    if (!tracing.counters.empty()) {
        out.emplace_back("Counters:", fmt::format("{}:{}", fmt::join(tracing.counters, ","),
                                                  hook_names(tracing.counter_events)));
    }
    return out;
}

void write_kernel_tracing(JsonWriter& out, const session::KernelTracing& tracing) {
    if (tracing == session::KernelTracing{}) return;
    out.key("stack_events").text(hook_names(tracing.stack_events));
    out.key("profile_source").text(tracing.profile_source);
    out.key("profile_intervals").begin_array();
    for (const session::ProfileInterval& interval : tracing.intervals) {
        out.begin_object().key("source").text(interval.source);
        out.key("interval").number(interval.interval).end_object();
    }
    out.end_array();
    out.key("counters").text(fmt::format("{}", fmt::join(tracing.counters, ",")));
    out.key("counter_events").text(hook_names(tracing.counter_events));
}

}  // namespace etw::cli
