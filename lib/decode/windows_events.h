// The providers that come with Windows and describe their events in manifests that a log does not
// carry: what a machine with Windows would look up in its registry.
#pragma once
#include "decode/builtin_providers.h"
#include "decode/provider_set.h"

namespace etw::decode {

// A provider may have several entries.
std::span<const BuiltinProvider> windows_providers() noexcept;

// The same, read when it is wanted: a log has few of so many. For one thread.
class WindowsProviders {
public:
    // As ProviderSet::find(). What is found stays where it is.
    ProviderSet::Found find(const Guid& provider, uint16_t id, uint8_t version);

private:
    ProviderSet read_;
};

}  // namespace etw::decode
