#pragma once
#include "etw/bytes.h"

#include <string>
#include <string_view>

namespace etw {

constexpr char32_t kReplacementCharacter = 0xFFFD;

// The code point at the start of `text`, which is not empty; `used` is how many bytes it took.
// U+FFFD and one byte where the sequence is malformed.
char32_t decode_utf8(std::string_view text, size_t& used);

// UTF-8 to UTF-16. A malformed sequence becomes U+FFFD, byte by byte; never fails.
std::u16string to_utf16(std::string_view utf8);

// UTF-16 to UTF-8. A lone surrogate becomes U+FFFD; never fails.
std::string to_utf8(std::u16string_view utf16);

// The same for little-endian UTF-16 bytes that need no alignment; an odd last byte is dropped.
std::string to_utf8(Bytes utf16le);

// Appends to `out`; the form for hot loops.
void append_utf8(std::string& out, Bytes utf16le);
void append_utf8(std::string& out, char32_t code_point);

}  // namespace etw
