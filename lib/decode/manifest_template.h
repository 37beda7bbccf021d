// The <template> elements of a manifest.
#pragma once
#include "decode/provider_model.h"

#include <pugixml.hpp>
#include <string_view>

namespace etw::decode {

TemplateModel parse_template(const pugi::xml_node& node, const MapsByName& maps);

// "23" or "0x17"; nothing where it is no number.
std::optional<uint64_t> parse_number(std::string_view text) noexcept;

}  // namespace etw::decode
