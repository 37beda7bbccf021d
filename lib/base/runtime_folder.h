// Where a session host has its sockets and the saved state of its sessions.
#pragma once
#include <string>

namespace etw {

constexpr char kSystemRuntimeFolder[] = "/run/etw";  // of the host of the whole system

// Of the host that this user's tools talk to, and that a host started by this user would be. Root's
// is the system's. Another user's is $XDG_RUNTIME_DIR/etw, or /run/user/<uid>/etw where the
// variable is unset or empty, or /tmp/etw-<uid> where that does not exist. ETW_RUNTIME_DIR, made
// absolute, replaces them all (ignored in set-user-id programs), so that ETW_RUNTIME_DIR=/run/etw
// reaches the system's host for members of its group. The provider library, which is made of libc
// alone, has the same rule once more (provider/agent.cpp).
std::string runtime_folder();

}  // namespace etw
