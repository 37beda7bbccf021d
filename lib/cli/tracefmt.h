// tracefmt: formats the events of log files as text, CSV, JSON lines or XML.
#pragma once
#include "cli/cli.h"
#include "cli/tracefmt_export.h"
#include "cli/tracefmt_manifests.h"
#include "cli/tracefmt_messages.h"
#include "etw/consumer.h"
#include "render/record_filter.h"
#include "render/renderer.h"

#include <functional>
#include <string>
#include <vector>

namespace etw::cli {

struct TracefmtOptions {
    std::vector<std::string> inputs{"LogFile.etl"};  // in the current folder: tracelog's default
    std::string real_time;                           // -rt: the session, in place of inputs
    std::string output;                              // -o; "": FmtFile.txt; "-": stdout
    bool display = false;                            // -display
    bool display_only = false;                       // -displayonly
    bool summary = true;                             // -nosummary
    bool summary_only = false;                       // -summaryonly
    MessageOptions messages;                         // -tmf -p -i -r -pdb -skipTmfWpp
    ManifestFiles manifests;                         // -man -bin -manpath
    std::vector<std::string> symbols;                // -symbols, as typed
    bool no_symbols = false;                         // -nosymbols
    render::RenderOptions render;                    // formats, prefix, times, encoding
    render::FilterOptions filter;                    // -from -to -pid -provider -id -event -level
    std::vector<ExportJob> exports;                  // -perfetto -ctf -pcapng -relog
    bool text = true;           // there is text or a summary besides the exports
    bool sequence = false;      // -seq
    bool skip_unknown = false;  // -skipNoFormat
    bool buffers = false;       // -v: a line for each buffer
    bool trace = false;         // -trace: says what the tool does
    bool help = false;          // -h -help -?
};
// The words of tracefmt's command line. traceview -process takes some of them.
std::span<const OptionWord> tracefmt_words();
extern const char kTracefmtHelp[];  // golden: tests/golden/tracefmt_help.txt

// Pure: reads no environment, opens nothing.
Result<TracefmtOptions, UsageError> parse_tracefmt(Args args);

// How a session's events are reached: session::open_consumer, where there are sessions.
using OpenConsumer =
    std::function<session::Outcome<std::unique_ptr<session::Consumer>>(const std::string& name)>;

// Formats the logs, or what a session delivers until it stops or the user does; returns the exit
// status. Reports go to stdout, or to stderr where stdout has the events; errors, progress and what
// -trace says always go to stderr. Reads TRACE_FORMAT_PREFIX.
int run_tracefmt(const TracefmtOptions& options, const OpenConsumer& open_consumer = {});

}  // namespace etw::cli
