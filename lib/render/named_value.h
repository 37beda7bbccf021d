// Integers whose values have names: what a manifest calls a map, a trace message format a list, a
// set or an enumeration.
#pragma once
#include "render/values.h"

namespace etw::render {

// False: the value has no name, and is shown as the number that it is. JSON gets names alone.
bool append_named(OutBuffer& out, const decode::ValueMap& map, uint64_t value, Style style);

}  // namespace etw::render
