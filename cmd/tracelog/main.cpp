// tracelog - starts, changes and stops trace sessions.
#include "cli/complete.h"
#include "cli/doctor.h"
#include "cli/tracelog.h"

int main(int argc, char** argv) {
    using namespace etw;
    const auto words = cli::begin(argc, argv);
    if (const auto typed = cli::words_to_complete(words)) {
        const auto observer = session::make_observer();
        return cli::print_candidates(*typed, cli::tracelog_words(observer->system()), *observer);
    }
    const auto backend = session::make_backend();
    const auto options = cli::parse_tracelog(words, backend->system());
    if (!options) return cli::usage("tracelog", options.error());
    if (options->action == cli::TracelogAction::kHelp) return cli::print_help(cli::kTracelogHelp);
    if (options->action == cli::TracelogAction::kDoctor) {
        return cli::print_report("tracelog",
                                 cli::doctor_report(session::diagnose(), options->json));
    }
    return cli::print_report("tracelog",
                             cli::run_tracelog(*options, *backend, cli::ask_terminal()));
}
