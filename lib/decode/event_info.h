// TRACE_EVENT_INFO and EVENT_MAP_INFO (tdh.h): how Windows' own library hands out what it knows of
// an event. Merged logs carry them in records (etl-format (i), MetaData).
#pragma once
#include "decode/provider_model.h"
#include "etw/bytes.h"

namespace etw::decode {

// One event with its provider. `maps` are those of the provider. kInvalidData where the blob is
// damaged, kNotSupported where it describes what is no event of a manifest or a classic class.
Result<ProviderModel> parse_event_info(Bytes blob, const MapsByName& maps);

// The provider that a blob describes an event of: what has to be known before its maps can be.
Result<Guid> provider_of_event_info(Bytes blob);

struct NamedMap {
    std::string name;
    ValueMap map;
};
// Fails as above; pattern maps are not supported.
Result<NamedMap> parse_map_info(Bytes blob);

}  // namespace etw::decode
