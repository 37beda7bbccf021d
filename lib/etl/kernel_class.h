#pragma once
#include "base/guid.h"

namespace etw::etl {

// The class GUID of a hook id's group (its high byte); all zero for groups without one.
const Guid& kernel_class(uint8_t group) noexcept;

}  // namespace etw::etl
