// Finds the session host's folder, and starts the host where none runs.
#pragma once
#include "etw/session.h"

#include <chrono>

namespace etw::backend_linux {

// Where the host of this user listens: see wire/provider_protocol.h. Root talks to the system's
// host, everybody else to a host of their own; ETW_RUNTIME_DIR=/run/etw reaches the system's host
// for members of its group.
std::string runtime_folder();

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
