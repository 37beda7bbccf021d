// The command line of traceview, as a value: that of tracelog or of tracefmt and a few words more.
#pragma once
#include "cli/tracefmt.h"
#include "cli/tracelog_options.h"
#include "cli/tracepdb.h"

namespace etw::cli {

enum class TraceviewCommand : uint8_t {
    kHelp,
    kControl,   // what tracelog does too
    kProcess,   // -process: what tracefmt does
    kParsePdb,  // -parsepdb: what tracepdb does
};

// What to do about a running session that has a provider enabled which is to be started.
enum class Join : uint8_t {
    kAsk,
    kYes,     // stop it and start again with its providers and properties
    kNo,      // join it without stopping it
    kCancel,  // start nothing
};

struct TraceviewOptions {
    TraceviewCommand command = TraceviewCommand::kHelp;
    TracelogOptions control;         // kControl
    TracefmtOptions format;          // kProcess, and kControl with `display`
    TracepdbOptions pdb;             // kParsePdb
    bool display = false;            // -display with -start: stay, and show what is recorded
    Join join = Join::kAsk;          // -join
    std::vector<std::string> notes;  // what was ignored
};

extern const char kTraceviewHelp[];  // golden: tests/golden/traceview_help.txt

// The words that a command line which begins with `words` may have: those of -process and -parsepdb
// stand apart.
std::vector<OptionWord> traceview_words(Args words, const session::System& system);

// Pure: reads no environment, opens nothing.
Result<TraceviewOptions, UsageError> parse_traceview(Args args, const session::System& system);

}  // namespace etw::cli
