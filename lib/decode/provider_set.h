// All providers that are known from manifests, whatever they came from.
#pragma once
#include "decode/provider_model.h"

#include <unordered_map>

namespace etw::decode {

class ProviderSet {
public:
    // What is known already stays: the first description of an event counts. Descriptions beyond
    // kMaxCatalogBytes are dropped; false where some were.
    bool add(ProviderModel provider);

    struct Found {
        const std::string* provider = nullptr;  // null: nothing is known of the provider
        const EventModel* event = nullptr;
    };
    // The description of exactly this version; else of the highest below it, whose fields newer
    // versions begin with by convention; else none.
    Found find(const Guid& provider, uint16_t id, uint8_t version, bool is_classic) const;

    bool empty() const noexcept { return providers_.empty(); }

private:
    struct Entry {
        std::string name;
        std::unordered_map<uint32_t, std::vector<EventModel>> events;  // by key(); falling version
    };
    static uint32_t key(uint16_t id, bool is_classic) { return id | uint32_t{is_classic} << 16; }

    std::unordered_map<Guid, Entry> providers_;
    size_t bytes_ = 0;
};

}  // namespace etw::decode
