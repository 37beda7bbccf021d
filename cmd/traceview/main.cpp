// traceview - controls trace sessions, joins and shows running ones, formats logs.
#include "base/signals.h"
#include "cli/complete.h"
#include "cli/traceview_show.h"

int main(int argc, char** argv) {
    using namespace etw;
    const auto words = cli::begin(argc, argv);
    if (const auto typed = cli::words_to_complete(words)) {
        const auto observer = session::make_observer();
        return cli::print_candidates(*typed, cli::traceview_words(*typed, observer->system()),
                                     *observer);
    }
    const auto backend = session::make_backend();
    const auto options = cli::parse_traceview(words, backend->system());
    if (!options) return cli::usage("traceview", options.error());
    if (options->command == cli::TraceviewCommand::kHelp)
        return cli::print_help(cli::kTraceviewHelp);
    ignore_closed_pipes();
    if (options->command == cli::TraceviewCommand::kProcess) {
        cli::print_notes("traceview", options->notes);
        return cli::run_tracefmt(options->format, session::open_consumer);
    }
    if (options->command == cli::TraceviewCommand::kParsePdb) {
        return cli::run_tracepdb(options->pdb, "traceview");
    }
    const auto outcome = cli::run_traceview(*options, *backend, cli::ask_terminal());
    if (outcome.shown_session.empty()) return cli::print_report("traceview", outcome.report);
    return cli::show_session(*options, outcome, *backend, session::open_consumer);
}
