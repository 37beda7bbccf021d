// What is behind etw/catalog.h: one member for each source of descriptions.
#pragma once
#include "decode/message_catalog.h"
#include "etw/catalog.h"

namespace etw::decode {

struct CatalogImpl {
    MessageCatalog messages;
};

}  // namespace etw::decode
