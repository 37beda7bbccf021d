// The words of tracelog's command line: which there are, what follows each, what goes with what.
#pragma once
#include "cli/tracelog_options.h"

namespace etw::cli::grammar {

constexpr uint32_t bit(TracelogAction action) { return 1u << uint32_t(action); }

struct ActionRow {
    std::string_view word;
    TracelogAction action;
    Takes takes = Takes::kName;  // the session's name, or nothing
    std::string_view absent = session::kKernelLoggerName;
};

// What an option goes with, as sets of bit(). `ignored`: accepted there without effect.
struct OptionRow {
    std::string_view word;
    Takes takes;
    uint32_t valid;
    uint32_t ignored = 0;
    std::string_view absent = {};
    bool repeats = false;
};

// What tracelog has on Windows, and a system does not: refused by name. Others may follow on the
// line.
struct RefusedRow {
    std::string_view word;
    Takes takes;
    const char* why;  // the reason, and what to use in its place
};

std::span<const ActionRow> actions();
std::vector<OptionRow> options(const session::System& system);
std::span<const RefusedRow> refused(const session::System& system);
bool is_refused(std::string_view word, const session::System& system);  // in any case

}  // namespace etw::cli::grammar
