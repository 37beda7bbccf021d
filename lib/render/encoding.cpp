#include "render/encoding.h"

#include "base/utf16.h"
#include "base/windows_1252.h"
#include "render/digits.h"

namespace etw::render {
namespace {

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
    const uint8_t byte = to_windows_1252(c);
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
