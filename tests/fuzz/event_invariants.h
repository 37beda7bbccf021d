// What must hold of every decoded event, whatever its bytes: every item views the payload, in
// order; brackets match; what is not decoded is the end of the payload; nothing grows beyond its
// budget.
#pragma once
#include "decode/walk.h"
#include "etw/event.h"

#include <cstdlib>
#include <vector>

namespace etw::fuzz {

inline void require(bool holds) {
    if (!holds) std::abort();
}

inline void check(Bytes payload, const decode::Event& event) {
    using Kind = decode::Item::Kind;
    require(event.items.size() <= decode::kMaxItems);
    const std::byte* at = payload.data();
    const std::byte* const end = at + payload.size();
    std::vector<const decode::Field*> open;
    for (const decode::Item& item : event.items) {
        require(item.field != nullptr);
        switch (item.kind) {
            case Kind::kArrayBegin:
            case Kind::kStructBegin:
                open.push_back(item.field);
                break;
            case Kind::kArrayEnd:
            case Kind::kStructEnd:
                require(!open.empty() && open.back() == item.field);
                open.pop_back();
                break;
            case Kind::kValues:
                require(item.bytes.size() == size_t{item.count} * item.field->size);
                [[fallthrough]];
            case Kind::kValue:
                if (item.bytes.empty()) break;
                require(item.bytes.data() >= at);
                at = item.bytes.data() + item.bytes.size();
                require(at <= end);
                break;
        }
    }
    require(open.empty());
    if (!event.rest.empty()) {
        require(event.rest.data() >= at && event.rest.data() + event.rest.size() == end);
        require(event.outcome != decode::Outcome::kDecoded);
    }
    require(event.outcome == decode::Outcome::kDecoded || event.reason[0] != '\0');
}

}  // namespace etw::fuzz
