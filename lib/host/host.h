// The worker: everything the session host does, in one process that its keeper starts again.
#pragma once
#include "base/unique_fd.h"
#include "host/runtime_folder.h"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace etw::host {

struct WorkerOptions {
    std::string folder;
    UniqueFd keeper;  // socket pair to the keeper; none: nobody keeps the descriptors
    // Command line of a keeper, for another one when this one dies; empty: go on without.
    std::vector<std::string> keeper_arguments;
    unsigned crashes = 0;  // of workers before this one, lately
    // Start what the boot configuration in this folder wants, before anything else; empty: nothing.
    std::string boot_folder;
    // Without sessions and connections for this long, it leaves; zero: never.
    std::chrono::seconds idle_exit{60};
    std::function<void()> on_ready;  // it listens
};

// Takes up saved sessions, listens, rings the doorbells, serves until SIGTERM (then every session
// is stopped properly) or idleness. Returns the exit status. Call before any thread exists: it
// blocks the signals it waits for.
int run_worker(WorkerOptions options);

}  // namespace etw::host
