// tracelog - starts, changes and stops trace sessions.
#include "cli/tracelog.h"

int main(int argc, char** argv) {
    using namespace etw;
    const auto options = cli::parse_tracelog(cli::args(argc, argv));
    if (!options) return cli::usage("tracelog", options.error());
    if (options->action == cli::TracelogAction::kHelp) return cli::print_help(cli::kTracelogHelp);
    const auto backend = session::make_backend();
    return cli::print_report("tracelog",
                             cli::run_tracelog(*options, *backend, cli::ask_terminal()));
}
