// tracelog: starts, changes and stops trace sessions.
#pragma once
#include "cli/tracelog_options.h"
#include "etw/session.h"

namespace etw::cli {

// What a command has to say and how it ended.
struct TracelogReport {
    std::string output;              // stdout: what the Windows tool prints, or -json
    std::vector<std::string> notes;  // stderr: causes, remedies, what was ignored; a line each
    int exit_status = kExitDone;
};

// Does what `options` ask (any action but kHelp and kDoctor). kExitFailed where the operation, or
// the enabling of any provider, failed; kExitLoss where -stop ended a session that lost events or
// buffers. `ask` puts -x's questions; without it there is nobody to ask.
TracelogReport run_tracelog(const TracelogOptions& options, session::Backend& backend,
                            const Ask& ask = {});

// To stderr, a line each.
void print_notes(const char* tool, const std::vector<std::string>& notes);
// Prints the report; returns the exit status, kExitFailed if stdout could not be written.
int print_report(const char* tool, const TracelogReport& report);

}  // namespace etw::cli
