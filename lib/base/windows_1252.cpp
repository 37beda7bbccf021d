#include "base/windows_1252.h"

#include "base/utf16.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace etw {
namespace {

// 0x80 to 0x9F; from 0xA0 on it is Latin-1.
constexpr char16_t kUpper[] = {0x20AC, 0xFFFD, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                               0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0xFFFD, 0x017D, 0xFFFD,
                               0xFFFD, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                               0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0xFFFD, 0x017E, 0x0178};

// How many bytes of ASCII `text` begins with, as far as whole words are.
size_t ascii_words(std::string_view text) noexcept {
    constexpr uint64_t kHigh = 0x8080808080808080u;
    size_t at = 0;
    for (uint64_t word; text.size() - at >= sizeof(word); at += sizeof(word)) {
        std::memcpy(&word, text.data() + at, sizeof(word));
        if ((word & kHigh) != 0) break;
    }
    return at;
}

// Whether a sequence of `used` bytes that reads as `c` is none: a replacement character that a text
// spells out has three bytes.
bool is_malformed(char32_t c, size_t used) { return c == kReplacementCharacter && used == 1; }

}  // namespace

char16_t from_windows_1252(uint8_t byte) noexcept {
    return byte >= 0x80 && byte < 0xA0 ? kUpper[byte - 0x80u] : char16_t{byte};
}

uint8_t to_windows_1252(char32_t c) noexcept {
    if (c < 0x80 || (c >= 0xA0 && c <= 0xFF)) return uint8_t(c);
    if (c == kReplacementCharacter) return 0;
    const auto* const at = std::find(std::begin(kUpper), std::end(kUpper), c);
    return at == std::end(kUpper) ? uint8_t{0} : uint8_t(0x80 + (at - kUpper));
}

bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        text.remove_prefix(ascii_words(text));
        if (text.empty()) break;
        size_t used = 0;
        const char32_t c = decode_utf8(text, used);
        if (is_malformed(c, used)) return false;
        text.remove_prefix(used);
    }
    return true;
}

std::string utf8_or_windows_1252(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        size_t used = 0;
        const char32_t c = decode_utf8(text, used);
        if (is_malformed(c, used)) {
            const char16_t unit = from_windows_1252(uint8_t(text.front()));
            out += to_utf8(std::u16string_view(&unit, 1));
        } else {
            out += text.substr(0, used);
        }
        text.remove_prefix(used);
    }
    return out;
}

}  // namespace etw
