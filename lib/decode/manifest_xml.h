// Instrumentation manifests as XML: those that people write, and those that EventSource puts into
// the log.
#pragma once
#include "decode/provider_model.h"
#include "etw/bytes.h"

#include <vector>

namespace etw::decode {

// Everything that the manifest says of events. What it does not get right (a template that is not
// there, a type that nobody knows) costs the events that need it their fields, not the rest.
// kInvalidData where the bytes are no XML, or no provider is in it.
Result<std::vector<ProviderModel>> parse_manifest(Bytes xml);

}  // namespace etw::decode
