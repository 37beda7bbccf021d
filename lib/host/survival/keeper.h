// The host's parent: holds the descriptors that must outlive a crash (rings, log files, listening
// sockets, what records kernel events) and starts the worker again when a signal ended it. It
// does nothing else, so that nothing else can end it.
#pragma once
#include "base/unique_fd.h"

#include <functional>
#include <string>
#include <vector>

namespace etw::host {

struct KeeperOptions {
    std::string folder;  // of the host
    // The worker's command line; "--worker-fd N" is added. Executed as /proc/self/exe unless
    // `program` is set.
    std::vector<std::string> arguments;
    // Added until a worker has listened: what is done once and not by those after it.
    std::vector<std::string> first_arguments;
    std::string program = "/proc/self/exe";
    std::function<void()> on_ready;  // the worker listens; called once
    // The worker of a keeper that died: it hands over what it has and ends.
    UniqueFd predecessor;
};

// Returns the exit status for the keeper's process: the worker's when it left by itself or never
// listened, 1 when it crashed kMaxCrashes times within kCrashWindow. A worker that is killed is
// started again however often that happens.
int run_keeper(KeeperOptions options);

}  // namespace etw::host
