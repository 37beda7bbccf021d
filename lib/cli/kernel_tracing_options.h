// The options of tracelog that say what is recorded with kernel events: stacks, samples, counters.
#pragma once
#include "cli/cli.h"
#include "etw/kernel_tracing.h"
#include "etw/session.h"

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

// Names that nobody knows are usage errors; events that Linux does not have are for
// session::check() to refuse.
Result<session::KernelTracing, UsageError> parse_kernel_tracing(const KernelTracingWords& words);

// -stackwalk Help, -ProfileSource Help: a line for each name.
std::string stack_event_help();
std::string profile_source_help(const std::vector<session::ProfileSource>& sources);

}  // namespace etw::cli
