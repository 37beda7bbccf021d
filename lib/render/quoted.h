// Strings in double quotes with JSON's escapes, for text and JSON alike: a value is always part of
// one line and always valid UTF-8.
#pragma once
#include "etw/bytes.h"
#include "render/out_buffer.h"

#include <string_view>

namespace etw::render {

// Malformed sequences become U+FFFD; control characters and the line separators are escaped.
void append_quoted(OutBuffer& out, std::string_view utf8);
// Little-endian UTF-16 without alignment; an odd last byte is dropped.
void append_quoted_utf16(OutBuffer& out, Bytes utf16);

// Without quotes and escapes: valid UTF-8, but control characters stay.
void append_bare(OutBuffer& out, std::string_view utf8);
void append_bare_utf16(OutBuffer& out, Bytes utf16);
// Makes what `out` has from `begin` on a part of one line: line ends at its end go, other control
// characters but TAB are escaped.
void keep_to_line(OutBuffer& out, size_t begin);

}  // namespace etw::render
