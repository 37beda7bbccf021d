#include "tmf/message_set.h"

#include <algorithm>

namespace etw::tmf {

bool MessageSet::add(MessageFormat format) {
    const Key key{format.guid, format.number};
    return formats_.emplace(key, std::move(format)).second;
}

bool MessageSet::add(ControlGuid control) {
    const auto same = [&](const ControlGuid& other) { return other.guid == control.guid; };
    if (std::any_of(controls_.begin(), controls_.end(), same)) return false;
    controls_.push_back(std::move(control));
    return true;
}

void MessageSet::add(MessageSet other) {
    formats_.merge(other.formats_);
    for (ControlGuid& control : other.controls_) add(std::move(control));
}

const MessageFormat* MessageSet::find(const Guid& guid, uint16_t number) const {
    const auto found = formats_.find({guid, number});
    return found == formats_.end() ? nullptr : &found->second;
}

}  // namespace etw::tmf
