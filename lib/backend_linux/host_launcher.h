// Finds the session host's program, and starts it where none runs.
#pragma once
#include "etw/session.h"

#include <chrono>

namespace etw::backend_linux {

// The host's program: beside the running tool, on PATH, or where it is installed. Empty if nowhere.
std::string find_host_program();

struct HostLauncher {
    std::string folder;   // runtime folder
    std::string program;  // etwd
    std::chrono::milliseconds patience{10'000};

    // Returns once a host listens in the folder, whoever started it. Tools that come at once start
    // one host between them. The host is no child of ours, has no terminal and holds none of our
    // descriptors; what it has to say goes to `etwd.log` in the folder.
    session::Outcome<Ok> start() const;
};

}  // namespace etw::backend_linux
