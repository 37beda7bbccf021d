// Stacks, samples and counters of kernel events, through TraceSetInformation, and what there is to
// sample by and to count, through TraceQueryInformation.
#pragma once
#include "backend_windows/etw_api.h"
#include "etw/session.h"

namespace etw::backend_windows {

session::Outcome<std::vector<session::ProfileSource>> profile_sources(const EtwApi& api);

// Of a session that has just started: what is asked for is set. Intervals and sources are those of
// the whole system.
session::Outcome<Ok> begin_kernel_tracing(const EtwApi& api, TRACEHANDLE session,
                                          const session::KernelTracing& asked);
// Of one that runs: its stacks are those that are named now, or none. Sources, intervals and
// counters stay where none is named: the system has no way to take them back.
session::Outcome<Ok> change_kernel_tracing(const EtwApi& api, TRACEHANDLE session,
                                           const session::KernelTracing& asked);

}  // namespace etw::backend_windows
