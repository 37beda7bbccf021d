// What is behind etw/catalog.h: one member for each source of descriptions.
#pragma once
#include "etw/catalog.h"

namespace etw::decode {

struct CatalogImpl {};

}  // namespace etw::decode
