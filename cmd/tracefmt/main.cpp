// tracefmt - prints the events of .etl files, or of running sessions, as text or JSON.
#include "cli/complete.h"
#include "cli/tracefmt.h"

#include <csignal>

int main(int argc, char** argv) {
    using namespace etw;
    const auto words = cli::begin(argc, argv);
    if (const auto typed = cli::words_to_complete(words))
        return cli::print_candidates(*typed, cli::tracefmt_words(), *session::make_observer());
    const auto options = cli::parse_tracefmt(words);
    if (!options) return cli::usage("tracefmt", options.error());
    if (options->help) return cli::print_help(cli::kTracefmtHelp);
#ifdef SIGPIPE
    // A reader that closes the pipe is seen as a failed write and ends the run quietly.
    std::signal(SIGPIPE, SIG_IGN);
#endif
    return cli::run_tracefmt(*options, session::open_consumer);
}
