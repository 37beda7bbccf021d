#include "render/encoding.h"

#include "base/utf16.h"
#include "render/digits.h"

#include <algorithm>
#include <iterator>

namespace etw::render {
namespace {

// Windows-1252 from 0x80 to 0x9F; from 0xA0 on it is Latin-1. 0: not in use.
constexpr char16_t kAnsiUpper[] = {0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                   0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017D, 0,
                                   0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                   0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

// 0: the code page lacks it.
uint8_t to_ansi(char32_t c) {
    if (c < 0x80 || (c >= 0xA0 && c <= 0xFF)) return uint8_t(c);
    const auto* const at = std::find(std::begin(kAnsiUpper), std::end(kAnsiUpper), c);
    return at == std::end(kAnsiUpper) ? uint8_t{0} : uint8_t(0x80 + (at - kAnsiUpper));
}

char* put_unit(char* p, char32_t unit) {
    *p++ = char(unit & 0xFF);
    *p++ = char(unit >> 8);
    return p;
}

char* put_utf16(char* p, char32_t c) {
    if (c < 0x10000) return put_unit(p, c);
    p = put_unit(p, 0xD800 + ((c - 0x10000) >> 10));
    return put_unit(p, 0xDC00 + ((c - 0x10000) & 0x3FF));
}

char* put_json_unit(char* p, char32_t unit) {
    *p++ = '\\';
    *p++ = 'u';
    return put_hex(p, unit, 4, false);
}

char* put_lacking(char* p, char32_t c, Lacking lacking) {
    switch (lacking) {
        case Lacking::kJsonEscape:
            if (c < 0x10000) return put_json_unit(p, c);
            p = put_json_unit(p, 0xD800 + ((c - 0x10000) >> 10));
            return put_json_unit(p, 0xDC00 + ((c - 0x10000) & 0x3FF));
        case Lacking::kXmlReference:
            *p++ = '&';
            *p++ = '#';
            p = put_decimal(p, c);
            *p++ = ';';
            return p;
        case Lacking::kQuestionMark:
            break;
    }
    *p++ = '?';
    return p;
}

char* put_ansi(char* p, char32_t c, Lacking lacking) {
    const uint8_t byte = to_ansi(c);
    if (byte == 0 && c != 0) return put_lacking(p, c, lacking);
    *p++ = char(byte);
    return p;
}

}  // namespace

void append_encoded(OutBuffer& out, std::string_view text, Encoding encoding, Lacking lacking) {
    if (encoding == Encoding::kUtf8) return out.append(text);
    constexpr size_t kMaxOfByte = 6;  // two escapes of JSON for a character of four bytes need 3
    char* p = out.reserve(text.size() * kMaxOfByte);
    while (!text.empty()) {
        size_t used = 1;
        const char32_t c = uint8_t(text.front()) < 0x80 ? char32_t(text.front())
                                                        : char32_t(decode_utf8(text, used));
        p = encoding == Encoding::kUtf16 ? put_utf16(p, c) : put_ansi(p, c, lacking);
        text.remove_prefix(used);
    }
    out.commit(p);
}

std::string_view byte_order_mark(Encoding encoding) noexcept {
    return encoding == Encoding::kUtf16 ? "\xFF\xFE" : "";
}

}  // namespace etw::render
