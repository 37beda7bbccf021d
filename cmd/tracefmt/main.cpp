// tracefmt - prints the events of .etl files, or of running sessions, as text or JSON.
#include "cli/tracefmt.h"

#include <csignal>

int main(int argc, char** argv) {
    using namespace etw;
    const auto options = cli::parse_tracefmt(cli::args(argc, argv));
    if (!options) return cli::usage("tracefmt", options.error());
    if (options->help) return cli::print_help(cli::kTracefmtHelp);
#ifdef SIGPIPE
    // A reader that closes the pipe is seen as a failed write and ends the run quietly.
    std::signal(SIGPIPE, SIG_IGN);
#endif
    return cli::run_tracefmt(*options, session::open_consumer);
}
