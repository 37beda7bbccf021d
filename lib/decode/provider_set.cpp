#include "decode/provider_set.h"

#include <algorithm>

namespace etw::decode {

bool ProviderSet::add(ProviderModel provider) {
    if (bytes_ > kMaxCatalogBytes) return false;
    bytes_ += sizeof(Entry) + provider.name.size();
    Entry& entry = providers_[provider.guid];
    if (entry.name.empty()) entry.name = std::move(provider.name);
    for (EventModel& event : provider.events) {
        auto& versions = entry.events[key(event.id, event.is_classic)];
        const auto at = std::find_if(versions.begin(), versions.end(), [&](const EventModel& e) {
            return e.version <= event.version;
        });
        if (at != versions.end() && at->version == event.version) continue;
        bytes_ += size_of(event);
        if (bytes_ > kMaxCatalogBytes) return false;
        versions.insert(at, std::move(event));
    }
    return true;
}

ProviderSet::Found ProviderSet::find(const Guid& provider, uint16_t id, uint8_t version,
                                     bool is_classic) const {
    const auto entry = providers_.find(provider);
    if (entry == providers_.end()) return {};
    Found found{&entry->second.name, nullptr};
    const auto versions = entry->second.events.find(key(id, is_classic));
    if (versions == entry->second.events.end()) return found;
    for (const EventModel& event : versions->second) {
        if (event.version > version) continue;
        found.event = &event;
        break;
    }
    return found;
}

}  // namespace etw::decode
