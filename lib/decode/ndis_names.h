// Names of NDIS, as public headers call them.
#pragma once
#include "etw/event.h"

namespace etw::decode {

// Shown as Windows shows the values of lists: "0x00010101(OID_GEN_SUPPORTED_LIST)".
const ValueMap& ndis_oids();
const ValueMap& ndis_statuses();

}  // namespace etw::decode
