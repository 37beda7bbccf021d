// tracefmt - prints the events of .etl files, or of running sessions, as text or JSON.
#include "base/signals.h"
#include "cli/complete.h"
#include "cli/tracefmt.h"

int main(int argc, char** argv) {
    using namespace etw;
    const auto words = cli::begin(argc, argv);
    if (const auto typed = cli::words_to_complete(words))
        return cli::print_candidates(*typed, cli::tracefmt_words(), *session::make_observer());
    const auto options = cli::parse_tracefmt(words);
    if (!options) return cli::usage("tracefmt", options.error());
    if (options->help) return cli::print_help(cli::kTracefmtHelp);
    ignore_closed_pipes();  // a failed write ends the run quietly
    return cli::run_tracefmt(*options, session::open_consumer);
}
