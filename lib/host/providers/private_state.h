// What the host remembers of a private session beside its config: <sessions>/<slot>/private. The
// session itself lives in its processes; this is what the next host cannot learn from them.
#pragma once
#include "etw/session_properties.h"
#include "host/recording/checkpoint.h"

namespace etw::host {

struct PrivateState {
    FileIdentity folder;       // of the log: where further processes get theirs
    bool first_taken = false;  // a process has the log with the session's own name
    // All that have taken part; those that ran are asked again by the next host.
    std::vector<session::PrivateProcess> processes;
};

Status save_private(const std::string& state_folder, const PrivateState& state);
Result<PrivateState> load_private(const std::string& state_folder);

}  // namespace etw::host
