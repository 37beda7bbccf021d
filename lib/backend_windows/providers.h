// The registered providers and who has them enabled, through EnumerateTraceGuidsEx, and the names
// of those that the system has descriptions of, through TdhEnumerateProviders.
#pragma once
#include "backend_windows/etw_api.h"
#include "etw/session.h"

#include <map>

namespace etw::backend_windows {

session::Outcome<std::vector<session::RegisteredProvider>> registered_providers(const EtwApi& api);

// What each session has enabled, by logger id.
using EnabledProviders = std::map<uint32_t, std::vector<session::ProviderEnable>>;
session::Outcome<EnabledProviders> enabled_providers(const EtwApi& api);

}  // namespace etw::backend_windows
