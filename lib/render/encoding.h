// UTF-8 to what an output file is written in.
#pragma once
#include "render/out_buffer.h"

#include <cstdint>
#include <string_view>

namespace etw::render {

enum class Encoding : uint8_t {
    kUtf8,   // without a byte order mark
    kUtf16,  // little-endian, with one
    kAnsi,   // Windows-1252, the western code page
};

// How a character that the encoding lacks is written; all others have none to write.
enum class Lacking : uint8_t { kQuestionMark, kJsonEscape, kXmlReference };

// Appends valid UTF-8 `text` in `encoding`.
void append_encoded(OutBuffer& out, std::string_view text, Encoding encoding, Lacking lacking);
// What a file begins with.
std::string_view byte_order_mark(Encoding encoding) noexcept;

}  // namespace etw::render
