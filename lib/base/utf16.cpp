#include "base/utf16.h"

namespace etw {

void append_utf8(std::string& out, char32_t c) {
    if (c < 0x80) {
        out += char(c);
    } else if (c < 0x800) {
        out += char(0xC0 | c >> 6);
        out += char(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        out += char(0xE0 | c >> 12);
        out += char(0x80 | (c >> 6 & 0x3F));
        out += char(0x80 | (c & 0x3F));
    } else {
        out += char(0xF0 | c >> 18);
        out += char(0x80 | (c >> 12 & 0x3F));
        out += char(0x80 | (c >> 6 & 0x3F));
        out += char(0x80 | (c & 0x3F));
    }
}

char32_t decode_utf8(std::string_view text, size_t& used) {
    const auto byte = [&](size_t i) { return uint8_t(text[i]); };
    used = 1;
    const uint8_t lead = byte(0);
    if (lead < 0x80) return lead;
    const size_t length = lead >= 0xF0 && lead <= 0xF4 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return kReplacementCharacter;
    char32_t c = lead & (0x7Fu >> length);
    for (size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return kReplacementCharacter;
        c = c << 6 | (byte(i) & 0x3F);
    }
    const bool overlong = (length == 3 && c < 0x800) || (length == 4 && c < 0x10000);
    if (overlong || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return kReplacementCharacter;
    used = length;
    return c;
}

std::u16string to_utf16(std::string_view utf8) {
    std::u16string out;
    out.reserve(utf8.size());
    while (!utf8.empty()) {
        size_t used = 0;
        const char32_t c = decode_utf8(utf8, used);
        utf8.remove_prefix(used);
        if (c < 0x10000) {
            out += char16_t(c);
        } else {
            out += char16_t(0xD800 + ((c - 0x10000) >> 10));
            out += char16_t(0xDC00 + ((c - 0x10000) & 0x3FF));
        }
    }
    return out;
}

void append_utf8(std::string& out, Bytes utf16le) {
    const size_t units = utf16le.size() / 2;
    const auto unit = [&](size_t i) {
        char16_t u;
        std::memcpy(&u, utf16le.data() + i * 2, 2);
        return u;
    };
    for (size_t i = 0; i < units; ++i) {
        const char16_t u = unit(i);
        if (u < 0xD800 || u >= 0xE000) {
            append_utf8(out, u);
        } else if (u < 0xDC00 && i + 1 < units && (unit(i + 1) & 0xFC00) == 0xDC00) {
            append_utf8(out, 0x10000 + (char32_t(u - 0xD800) << 10) + (unit(i + 1) - 0xDC00u));
            ++i;
        } else {
            append_utf8(out, kReplacementCharacter);
        }
    }
}

std::string to_utf8(Bytes utf16le) {
    std::string out;
    append_utf8(out, utf16le);
    return out;
}

std::string to_utf8(std::u16string_view utf16) {
    return to_utf8(std::as_bytes(std::span(utf16.data(), utf16.size())));
}

}  // namespace etw
