// Processes that a session records from outside (-um with -heap or -critsec): who may be recorded,
// and who is.
#pragma once
#include "etw/session.h"
#include "host/control/control_server.h"
#include "host/survival/saved_session.h"
#include "kernel/events/user_events.h"

namespace etw::host {

// Refuses, by number, processes that do not run, belong to somebody else than who asks (root may
// have any) or have nothing to record; and a machine that cannot.
session::Outcome<Ok> check_traced_processes(const session::StartRequest& request,
                                            const PeerCredentials& peer);
// Those of the session that run. Of a session of another kind: nothing.
kernel::TracedProcesses traced_processes(const SavedSession& saved);

}  // namespace etw::host
