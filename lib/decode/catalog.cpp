#include "decode/catalog_impl.h"

namespace etw::decode {

Catalog::Catalog() : impl_(std::make_unique<CatalogImpl>()) {}
Catalog::~Catalog() = default;

}  // namespace etw::decode
