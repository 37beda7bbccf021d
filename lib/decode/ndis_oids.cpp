#include "decode/ndis_oids.h"

#include <iterator>

namespace etw::decode {
namespace {

struct Oid {
    uint32_t value;
    const char* name;
};
constexpr Oid kOids[] = {
#include "decode/names_ndis_oid.inc"
};

constexpr bool ascend() {
    for (size_t i = 1; i < std::size(kOids); ++i) {
        if (kOids[i - 1].value >= kOids[i].value) return false;
    }
    return true;
}
static_assert(ascend());

}  // namespace

const ValueMap& ndis_oids() {
    static const ValueMap map = [] {
        ValueMap out;
        out.show = ValueMap::Show::kNumberFirst;
        for (const Oid& oid : kOids) out.names.emplace_back(oid.value, oid.name);
        return out;
    }();
    return map;
}

}  // namespace etw::decode
