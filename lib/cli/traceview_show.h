// traceview -start ... -display: a session in the foreground.
#pragma once
#include "cli/traceview.h"

namespace etw::cli {

// Prints the report of the start, then what the session delivers, until the session stops or the
// user ends it: SIGINT, SIGTERM, SIGHUP or the end of a terminal's input. Then a session that was
// started is stopped, and what it had written until then is shown; one that was joined goes on.
// A second signal ends the process and leaves the session. Events go to stdout; states (RUNNING,
// STOPPING, STOPPED) and reports to stderr. With -json stdout has lines of JSON: the session as it
// started, its events, the session as it ended. Returns the exit status.
int show_session(const TraceviewOptions& options, const TraceviewReport& start,
                 session::Backend& backend, const OpenConsumer& open_consumer);

}  // namespace etw::cli
