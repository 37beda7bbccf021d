#include "decode/ndis_names.h"

#include <span>

namespace etw::decode {
namespace {

struct Named {
    uint32_t value;
    const char* name;
};
constexpr Named kOids[] = {
#include "decode/names_ndis_oid.inc"
};
constexpr Named kStatuses[] = {
#include "decode/names_ndis_status.inc"
};

constexpr bool ascend(std::span<const Named> names) {
    for (size_t i = 1; i < names.size(); ++i) {
        if (names[i - 1].value >= names[i].value) return false;
    }
    return true;
}
static_assert(ascend(kOids) && ascend(kStatuses));

ValueMap make_map(std::span<const Named> names) {
    ValueMap out;
    out.show = ValueMap::Show::kNumberFirst;
    for (const Named& one : names) out.names.emplace_back(one.value, one.name);
    return out;
}

}  // namespace

const ValueMap& ndis_oids() {
    static const ValueMap map = make_map(kOids);
    return map;
}

const ValueMap& ndis_statuses() {
    static const ValueMap map = make_map(kStatuses);
    return map;
}

}  // namespace etw::decode
