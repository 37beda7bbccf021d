// Names of NDIS object identifiers, as public headers call them.
#pragma once
#include "etw/event.h"

namespace etw::decode {

// Shown as Windows shows the values of lists: "0x00010101(OID_GEN_SUPPORTED_LIST)".
const ValueMap& ndis_oids();

}  // namespace etw::decode
