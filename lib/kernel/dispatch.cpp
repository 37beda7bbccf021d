#include "kernel/dispatch.h"

#include <algorithm>

namespace etw::kernel {

bool Dispatch::on(const std::string& system, const std::string& name, const MakeHandler& make,
                  const std::string& filter) {
    const auto format = load_(system, name);
    if (!format) return false;
    const uint16_t id = format->id();
    if (handlers_.size() <= id) handlers_.resize(size_t{id} + 1);
    handlers_[id].push_back(make(*format));
    const auto known = std::find(ids_.begin(), ids_.end(), id);
    if (known == ids_.end()) {
        wanted_.push_back({system, name, filter});
        ids_.push_back(id);
    } else if (wanted_[size_t(known - ids_.begin())].filter != filter) {
        wanted_[size_t(known - ids_.begin())].filter.clear();  // who wants all gets all
    }
    return true;
}

uint16_t Dispatch::id_of(const std::string& name) const {
    const auto found = std::find_if(wanted_.begin(), wanted_.end(),
                                    [&](const Tracepoint& point) { return point.name == name; });
    return found == wanted_.end() ? uint16_t{0} : ids_[size_t(found - wanted_.begin())];
}

}  // namespace etw::kernel
