#include "cli/kernel_tracing_options.h"

#include "session/kernel_hooks.h"
#include "session/profile_sources.h"
#include "session/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace etw::cli {
namespace {

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> out;
    while (true) {
        const size_t end = std::min(text.find(at), text.size());
        out.push_back(text.substr(0, end));
        if (end == text.size()) return out;
        text.remove_prefix(end + 1);
    }
}

Result<std::vector<uint16_t>, UsageError> read_events(std::string_view option,
                                                      std::string_view names) {
    std::vector<uint16_t> out;
    for (const std::string_view name : split(names, '+')) {
        const auto hook = session::find_kernel_hook(name);
        if (!hook) {
            return UsageError{
                fmt::format("-{}: '{}' is no kernel event; -stackwalk Help lists those there are",
                            option, name)};
        }
        if (hook->id == 0) {
            return UsageError{
                fmt::format("-{}: {}: Linux has no events of this kind", option, hook->name)};
        }
        if (std::find(out.begin(), out.end(), hook->id) == out.end()) out.push_back(hook->id);
    }
    return out;
}

Result<std::string, UsageError> read_source(std::string_view option, std::string_view name,
                                            const session::System& system) {
    if (system.kind != session::System::Kind::kLinux) return std::string(name);
    if (const auto* source = session::find_perf_source(name)) return std::string(source->name);
    return UsageError{fmt::format(
        "-{}: '{}' is no source; -ProfileSource Help lists those there are", option, name)};
}

}  // namespace

Result<session::KernelTracing, UsageError> parse_kernel_tracing(const KernelTracingWords& words,
                                                                const session::System& system) {
    session::KernelTracing out;
    if (!words.stack_walk.empty()) {
        ETW_TRY(out.stack_events, read_events("stackwalk", words.stack_walk));
    }
    if (!words.profile_source.empty()) {
        ETW_TRY(out.profile_source, read_source("ProfileSource", words.profile_source, system));
    }
    for (size_t i = 0; i + 1 < words.set_prof_int.size(); i += 2) {
        session::ProfileInterval interval;
        ETW_TRY(const uint64_t n, parse_number("SetProfInt", words.set_prof_int[i], ~uint32_t{0}));
        ETW_TRY(interval.source, read_source("SetProfInt", words.set_prof_int[i + 1], system));
        interval.interval = uint32_t(n);
        out.intervals.push_back(std::move(interval));
    }
    if (words.pmc.empty()) return out;
    const auto parts = split(words.pmc, ':');
    if (parts.size() != 2) {
        return UsageError{
            "-Pmc needs counters and events, as in -Pmc CacheMisses,TotalCycles:CSwitch"};
    }
    for (const std::string_view name : split(parts[0], ',')) {
        ETW_TRY(std::string counter, read_source("Pmc", name, system));
        out.counters.push_back(std::move(counter));
    }
    ETW_TRY(out.counter_events, read_events("Pmc", parts[1]));
    return out;
}

std::string stack_event_help(const session::System& system) {
    std::string out =
        "Kernel events that can have stacks (-stackwalk) or counters (-Pmc), by name "
        "or number; join several with +:\n";
    const bool on_linux = system.kind == session::System::Kind::kLinux;
    for (const session::KernelHook& hook : session::kernel_hooks()) {
        fmt::format_to(std::back_inserter(out), "  {:<20} 0x{:04X}{}\n", hook.name, hook.id,
                       !on_linux        ? ""
                       : !hook.on_linux ? "  not on Linux"
                       : !hook.counts   ? "  on Linux without counters"
                                        : "");
    }
    return out;
}

std::string profile_source_help(const std::vector<session::ProfileSource>& sources) {
    std::string out =
        "What samples are taken by and counted (-ProfileSource, -SetProfInt, -Pmc):\n";
    fmt::format_to(std::back_inserter(out), "  {:<22} {:>6} {:>10} {:>10}\n", "Source", "Id",
                   "Minimum", "Maximum");
    for (const session::ProfileSource& source : sources) {
        fmt::format_to(std::back_inserter(out), "  {:<22} {:>6} {:>10} {:>10}\n", source.name,
                       source.id, source.minimum, source.maximum);
    }
    return out;
}

}  // namespace etw::cli
