#include "host/kept_switches.h"

#include "host/session.h"

#include <string>
#include <utility>

namespace etw::host {

std::optional<kernel::SwitchDescriptors> take_switches(const wire::SessionKey& key,
                                                       KeptDescriptors& kept) {
    kernel::SwitchDescriptors out;
    for (size_t part = 0; part < out.size(); ++part) {
        const auto found = kept.find(kept_switches_name(key, part));
        if (found == kept.end()) return std::nullopt;
        out[part] = std::move(found->second);
    }
    for (size_t part = 0; part < out.size(); ++part) kept.erase(kept_switches_name(key, part));
    return out;
}

void forget_switches(const wire::SessionKey& key, const KeeperLink& keeper) {
    for (size_t part = 0; part < kernel::kSwitchParts; ++part) {
        keeper.remove(kept_switches_name(key, part));
    }
}

void KeptSwitches::hold(const std::array<const UniqueFd*, kernel::kSwitchParts>& parts) {
    for (size_t part = 0; part < parts.size(); ++part) {
        keeper_.store(kept_switches_name(key_, part), *parts[part]);
    }
}

}  // namespace etw::host
