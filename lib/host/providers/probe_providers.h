// Providers that no program registers: the kernel's tracepoints and the probes of programs.
#pragma once
#include "etw/session_properties.h"
#include "host/survival/saved_session.h"
#include "kernel/events/probe_events.h"

#include <vector>

namespace etw::host {

bool is_probe_provider(const session::ProviderEnable& how);
// Whether it is of a program's probes, of which the program's file tells: that may be of a file
// system that does not answer.
bool is_of_program(const session::ProviderEnable& how);
// Whether it has the name of a subsystem of the kernel's, of which this host may see none.
bool may_be_hidden_tracepoints(const session::ProviderEnable& how);
// Whether such can be had here: kAccessDenied, kNotSupported.
Code check_probes();
// Whether the program has these: kGuidNotFound, or the code of reading its file.
Code look_at_program(const session::ProviderEnable& how);
// Those of a session, as the kernel layer takes them; processes of a filter that have ended are
// left out.
std::vector<kernel::ProbeProvider> probe_providers(const SavedSession& saved);
// Whether the session has anything for the kernel to record.
bool needs_kernel_source(const SavedSession& saved);
// Without the sessions: of those that are such, and all that the kernel has. Of a program's, as
// look_at_program().
std::vector<session::RegisteredProvider> describe_probe_providers(
    const std::vector<session::ProviderEnable>& providers);
std::vector<session::RegisteredProvider> list_kernel_providers();

}  // namespace etw::host
