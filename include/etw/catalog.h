// What is known of events beyond what they say themselves: descriptions from manifests, trace
// message formats and the like, collected before events are decoded.
#pragma once
#include "etw/result.h"

#include <memory>

namespace etw::decode {

struct CatalogImpl;

// Filled first, by one thread; decoders of any number of threads then share it unchanged.
class Catalog {
public:
    Catalog();
    ~Catalog();

    const CatalogImpl& impl() const noexcept { return *impl_; }

private:
    std::unique_ptr<CatalogImpl> impl_;
};

}  // namespace etw::decode
