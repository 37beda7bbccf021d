// What the program etwd does with its command line: keeper or worker, in the background or not.
#pragma once
#include <string>

namespace etw::host {

struct ProgramOptions {
    std::string program;  // argv[0], for whoever looks at the list of processes
    std::string folder;   // absolute
    bool foreground = false;
    // Start the sessions of this boot configuration first; empty: none. Absolute.
    std::string boot_folder;
    int ready_fd = -1;  // to write a byte to once it listens
    // For the two processes' own use.
    int worker_fd = -1;  // be the worker; the socket to its keeper
    int kept_fd = -1;    // be the keeper, in place of one that died; the worker's socket
    unsigned crashes = 0;
};

int run_program(const ProgramOptions& options);  // the exit status

}  // namespace etw::host
