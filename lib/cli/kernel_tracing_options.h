// The options of tracelog that say what is recorded with kernel events: stacks, samples, counters.
#pragma once
#include "cli/cli.h"
#include "etw/kernel_tracing.h"
#include "etw/session.h"
#include "etw/system.h"

#include <string>
#include <vector>

namespace etw::cli {

// What was typed of them.
struct KernelTracingWords {
    std::string stack_walk;                 // Event+Event
    std::string profile_source;             // Source
    std::vector<std::string> set_prof_int;  // n Source, any number of times
    std::string pmc;                        // Source,Source:Event+Event

    bool empty() const {
        return stack_walk.empty() && profile_source.empty() && set_prof_int.empty() && pmc.empty();
    }
};

// Names that nobody knows are usage errors, but for sources where the system has a list of its own;
// events that the system does not have are for session::check() to refuse.
Result<session::KernelTracing, UsageError> parse_kernel_tracing(
    const KernelTracingWords& words, const session::System& system = session::kLinux);

// -stackwalk Help, -ProfileSource Help: a line for each name.
std::string stack_event_help(const session::System& system = session::kLinux);
std::string profile_source_help(const std::vector<session::ProfileSource>& sources);

}  // namespace etw::cli
