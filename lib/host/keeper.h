// The host's parent: holds the descriptors that must outlive a crash (rings, log files, listening
// sockets) and starts the worker again when a signal ended it. It does nothing else, so that
// nothing else can end it.
#pragma once
#include "host/runtime_folder.h"

#include <functional>
#include <string>
#include <vector>

namespace etw::host {

struct KeeperOptions {
    // The worker's command line; "--worker-fd N" is added. Executed as /proc/self/exe unless
    // `program` is set.
    std::vector<std::string> arguments;
    std::string program = "/proc/self/exe";
    std::function<void()> on_ready;  // the worker listens; called once
};

// Returns the exit status for the keeper's process: the worker's when it left by itself, 1 when it
// crashed kMaxCrashes times within kCrashWindow.
int run_keeper(const KeeperOptions& options);

}  // namespace etw::host
