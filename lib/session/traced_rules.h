// The rules for sessions that record processes from outside; see etw/traced_processes.h.
#pragma once
#include "etw/session.h"
#include "etw/traced_processes.h"

namespace etw::session {

bool traces_processes(const Properties& properties);
// Refuses a start whose provider is not one that they are for, with 1 to kMaxTracedPids processes.
Outcome<Ok> check_traced(const StartRequest& request);

}  // namespace etw::session
