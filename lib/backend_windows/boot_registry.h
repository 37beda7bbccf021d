// GlobalLogger and the AutoLoggers: what the registry says of the sessions that the boot starts.
#pragma once
#include "backend_windows/registry.h"

namespace etw::backend_windows {

// One value of the session's key or of a provider's key in it.
struct RegistryValue {
    std::string key;  // within the session's; empty: that itself
    std::string name;
    std::optional<RegistryData> data;  // nothing: it is not to be there

    friend bool operator==(const RegistryValue&, const RegistryValue&) = default;
};

// The values of a session, in the order in which they are written: Start comes last, so that a
// session that is written halfway does not start.
std::vector<RegistryValue> registry_values(const session::BootSession& boot);

// The key of a session, below HKEY_LOCAL_MACHINE.
std::string boot_key(const std::string& name);

// See session::Backend.
session::Outcome<session::BootConfiguration> configure_boot(const EtwApi& api,
                                                            const session::BootSession& asked);
session::Outcome<session::BootConfiguration> remove_boot(const EtwApi& api,
                                                         const std::string& name);

}  // namespace etw::backend_windows
