// tracepdb - writes trace message format files from PDB files and binaries.
#include "base/signals.h"
#include "cli/complete.h"
#include "cli/tracepdb.h"

int main(int argc, char** argv) {
    using namespace etw;
    const auto words = cli::begin(argc, argv);
    if (const auto typed = cli::words_to_complete(words)) {
        return cli::print_candidates(*typed, cli::tracepdb_words(), *session::make_observer());
    }
    const auto options = cli::parse_tracepdb(words);
    if (!options) return cli::usage("tracepdb", options.error());
    if (options->help) return cli::print_help(cli::kTracepdbHelp);
    ignore_closed_pipes();  // the files are written all the same
    return cli::run_tracepdb(*options);
}
