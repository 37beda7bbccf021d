// Text inside XML.
#pragma once
#include "render/out_buffer.h"

#include <string_view>

namespace etw::render {

// Valid UTF-8 as element content or inside a quoted attribute: markup and white space but blanks
// become references, what XML 1.0 has no character for U+FFFD.
void append_xml_text(OutBuffer& out, std::string_view utf8);

}  // namespace etw::render
