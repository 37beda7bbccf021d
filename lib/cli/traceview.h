// traceview: tracelog's control commands with joining of running sessions, and -process.
#pragma once
#include "cli/tracelog.h"
#include "cli/traceview_options.h"

namespace etw::cli {

struct TraceviewReport {
    TracelogReport report;
    // The session to be shown from now on, with -display: where it was started or joined.
    std::string shown_session;
    bool joined = false;  // it is not ours to stop
};

// Does what `options` ask (kControl). Exit statuses are tracelog's; a start that was
// cancelled or that needs an answer nobody gave has failed.
TraceviewReport run_traceview(const TraceviewOptions& options, session::Backend& backend,
                              const Ask& ask);

}  // namespace etw::cli
