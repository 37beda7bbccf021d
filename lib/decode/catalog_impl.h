// What is behind etw/catalog.h: one member for each source of descriptions.
#pragma once
#include "decode/image_table.h"
#include "decode/message_catalog.h"
#include "decode/provider_set.h"
#include "decode/stack_table.h"
#include "etw/catalog.h"

#include <map>
#include <vector>

namespace etw::decode {

struct CatalogImpl {
    MessageCatalog messages;
    ProviderSet providers;  // manifests of every kind
    StackTable stacks;      // of the log that was learnt
    ImageTable images;      // likewise
    // Manifests that may be wanted, by provider; read ones are taken out.
    std::map<Guid, std::vector<std::string>> repository;
};

}  // namespace etw::decode
