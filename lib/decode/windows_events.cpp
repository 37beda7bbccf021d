#include "decode/windows_events.h"

#include <unordered_map>

namespace etw::decode {
namespace {

using namespace std::string_view_literals;

constexpr BuiltinProvider kProviders[] = {
#include "decode/windows_events.inc"
};

using Index = std::unordered_map<Guid, std::vector<const BuiltinProvider*>>;

const Index& index() {
    static const Index all = [] {
        Index out;
        for (const BuiltinProvider& provider : kProviders) out[provider.guid].push_back(&provider);
        return out;
    }();
    return all;
}

}  // namespace

std::span<const BuiltinProvider> windows_providers() noexcept { return kProviders; }

ProviderSet::Found WindowsProviders::find(const Guid& provider, uint16_t id, uint8_t version) {
    const auto found = read_.find(provider, id, version, false);
    if (found.provider != nullptr) return found;
    const auto entries = index().find(provider);
    if (entries == index().end()) return {};
    for (const BuiltinProvider* const entry : entries->second) read_.add(parse_builtin(*entry));
    return read_.find(provider, id, version, false);
}

}  // namespace etw::decode
