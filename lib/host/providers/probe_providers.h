// Providers that no program registers: the kernel's tracepoints and the probes of programs.
#pragma once
#include "etw/session_properties.h"
#include "host/survival/saved_session.h"
#include "kernel/events/probe_events.h"

#include <optional>
#include <vector>

namespace etw::host {

bool is_probe_provider(const session::ProviderEnable& how);
// Whether it has the name of a subsystem of the kernel's, of which this host may see none.
bool may_be_hidden_tracepoints(const session::ProviderEnable& how);
// Whether it can be had here: kAccessDenied, kNotSupported, kGuidNotFound, or the code of reading
// the program's file.
Code check_probe_provider(const session::ProviderEnable& how);
// Those of a session, as the kernel layer takes them; processes of a filter that have ended are
// left out.
std::vector<kernel::ProbeProvider> probe_providers(const SavedSession& saved);
// Whether the session has anything for the kernel to record.
bool needs_kernel_source(const SavedSession& saved);
// Without the sessions: of one provider, if it is such, and all that the kernel has.
std::optional<session::RegisteredProvider> describe_probe_provider(
    const session::ProviderEnable& how);
std::vector<session::RegisteredProvider> list_kernel_providers();

}  // namespace etw::host
