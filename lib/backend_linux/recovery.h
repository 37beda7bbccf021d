// tracelog -recover: the session host's program finds and saves what a dead host has left, in a
// process of its own with the caller's rights.
#pragma once
#include "etw/session.h"

namespace etw::backend_linux {

// `program`: etwd. Fails with kServiceNotAvailable where it cannot be run.
session::Outcome<std::vector<session::RecoveredLog>> run_recovery(
    const std::string& program, const session::RecoverRequest& request);

}  // namespace etw::backend_linux
