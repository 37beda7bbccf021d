// Windows' code page of Western Europe, which its texts are in where nothing says otherwise.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace etw {

// U+FFFD where the code page has no character.
char16_t from_windows_1252(uint8_t byte) noexcept;
// The byte of a character; 0 of U+0000 and where the code page lacks it.
uint8_t to_windows_1252(char32_t c) noexcept;

bool is_utf8(std::string_view text) noexcept;
// `text` with the bytes that are no UTF-8 read as Windows-1252.
std::string utf8_or_windows_1252(std::string_view text);

}  // namespace etw
