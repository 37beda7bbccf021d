// The options of tracelog that choose kernel events.
#pragma once
#include "cli/cli.h"
#include "cli/tracelog_options.h"
#include "etw/system.h"

#include <span>
#include <string>
#include <vector>

namespace etw::cli {

// What was typed of them.
struct KernelWords {
    std::vector<std::string_view> switches;  // "noprocess", "fio"...
    std::vector<std::string> eflag;          // words of -eflag
    bool system_logger = false;

    bool empty() const { return switches.empty() && eflag.empty() && !system_logger; }
};

// The switches there are.
std::span<const std::string_view> kernel_switches();

// The session's kernel flags: from -eflag, or what NT Kernel Logger has by default; then switches
// take away and add. `kernel_logger`: of NT Kernel Logger.
Result<KernelEvents, UsageError> parse_kernel_events(const KernelWords& words, bool kernel_logger,
                                                     const session::System& system);

// -eflag Help: a line for each name.
std::string kernel_group_help(const session::System& system);

}  // namespace etw::cli
