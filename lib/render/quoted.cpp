#include "render/quoted.h"

#include "base/utf16.h"

#include <array>
#include <string>

namespace etw::render {
namespace {

constexpr size_t kMaxEscape = 6;  // \u001f: the most that one byte or unit of input becomes

constexpr size_t kMaxUtf8 = 3;  // what a malformed byte or a unit of UTF-16 becomes at most

constexpr bool is_plain_ascii(char32_t c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; }
constexpr auto kPlain = [] {
    std::array<bool, 256> out{};
    for (char32_t c = 0; c < 0x80; ++c) out[c] = is_plain_ascii(c);
    return out;
}();

// Whether all eight bytes are plain ASCII. Exact: a byte is reported if and only if it is one of
// the others, or follows a reported one.
bool all_plain(uint64_t word) {
    constexpr uint64_t kOnes = 0x0101010101010101u;
    constexpr uint64_t kHigh = 0x8080808080808080u;
    const auto has_zero = [](uint64_t w) { return (w - kOnes) & ~w & kHigh; };
    const uint64_t other = (word & kHigh) | ((word - kOnes * 0x20) & ~word & kHigh) |
                           has_zero(word ^ kOnes * '"') | has_zero(word ^ kOnes * '\\') |
                           has_zero(word ^ kOnes * 0x7F);
    return other == 0;
}

char* put_escape(char* p, char32_t c) {
    const auto put_short = [&](char letter) {
        *p++ = '\\';
        *p++ = letter;
        return p;
    };
    switch (c) {
        case '"':
            return put_short('"');
        case '\\':
            return put_short('\\');
        case '\n':
            return put_short('n');
        case '\r':
            return put_short('r');
        case '\t':
            return put_short('t');
        default:
            break;
    }
    std::memcpy(p, "\\u", 2);
    for (int shift = 12, i = 2; shift >= 0; shift -= 4, ++i) {
        p[i] = "0123456789abcdef"[c >> shift & 15];
    }
    return p + kMaxEscape;
}

// Characters that end or hide a line for some viewer.
constexpr bool must_escape(char32_t c) {
    return c < 0x20 || c == '"' || c == '\\' || (c >= 0x7F && c < 0xA0) || c == 0x2028 ||
           c == 0x2029;
}

char* put_utf8(char* p, char32_t c) {
    if (c < 0x80) {
        *p++ = char(c);
    } else if (c < 0x800) {
        *p++ = char(0xC0 | c >> 6);
        *p++ = char(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *p++ = char(0xE0 | c >> 12);
        *p++ = char(0x80 | (c >> 6 & 0x3F));
        *p++ = char(0x80 | (c & 0x3F));
    } else {
        *p++ = char(0xF0 | c >> 18);
        *p++ = char(0x80 | (c >> 12 & 0x3F));
        *p++ = char(0x80 | (c >> 6 & 0x3F));
        *p++ = char(0x80 | (c & 0x3F));
    }
    return p;
}

char* put_code_point(char* p, char32_t c) {
    return must_escape(c) ? put_escape(p, c) : put_utf8(p, c);
}

// Calls `put` with each code point of text that may be malformed.
template <class Put>
void for_each_utf16(Bytes utf16, Put put) {
    const size_t units = utf16.size() / 2;
    const auto unit = [&](size_t i) {
        char16_t u;
        std::memcpy(&u, utf16.data() + i * 2, sizeof(u));
        return u;
    };
    for (size_t i = 0; i < units; ++i) {
        const char16_t u = unit(i);
        if (u < 0xD800 || u >= 0xE000) {
            put(char32_t(u));
        } else if (u < 0xDC00 && i + 1 < units && (unit(i + 1) & 0xFC00) == 0xDC00) {
            put(0x10000 + (char32_t(u - 0xD800) << 10) + (unit(i + 1) - 0xDC00u));
            ++i;
        } else {
            put(kReplacementCharacter);
        }
    }
}

}  // namespace

void append_quoted(OutBuffer& out, std::string_view utf8) {
    char* p = out.reserve(utf8.size() * kMaxEscape + 2);
    *p++ = '"';
    while (!utf8.empty()) {
        uint64_t word;
        if (utf8.size() >= sizeof(word)) {
            std::memcpy(&word, utf8.data(), sizeof(word));
            if (all_plain(word)) {
                std::memcpy(p, &word, sizeof(word));
                p += sizeof(word);
                utf8.remove_prefix(sizeof(word));
                continue;
            }
        }
        if (kPlain[uint8_t(utf8.front())]) {
            *p++ = utf8.front();
            utf8.remove_prefix(1);
            continue;
        }
        size_t used = 0;
        p = put_code_point(p, decode_utf8(utf8, used));
        utf8.remove_prefix(used);
    }
    *p++ = '"';
    out.commit(p);
}

void append_quoted_utf16(OutBuffer& out, Bytes utf16) {
    char* p = out.reserve(utf16.size() / 2 * kMaxEscape + 2);
    *p++ = '"';
    for_each_utf16(utf16, [&](char32_t c) {
        if (c < 0x80 && kPlain[c]) {
            *p++ = char(c);
        } else {
            p = put_code_point(p, c);
        }
    });
    *p++ = '"';
    out.commit(p);
}

void append_bare(OutBuffer& out, std::string_view utf8) {
    char* p = out.reserve(utf8.size() * kMaxUtf8);
    while (!utf8.empty()) {
        if (uint8_t(utf8.front()) < 0x80) {
            *p++ = utf8.front();
            utf8.remove_prefix(1);
            continue;
        }
        size_t used = 0;
        p = put_utf8(p, decode_utf8(utf8, used));
        utf8.remove_prefix(used);
    }
    out.commit(p);
}

void append_bare_utf16(OutBuffer& out, Bytes utf16) {
    char* p = out.reserve(utf16.size() / 2 * kMaxUtf8);
    for_each_utf16(utf16, [&](char32_t c) { p = put_utf8(p, c); });
    out.commit(p);
}

void keep_to_line(OutBuffer& out, size_t begin) {
    std::string_view text = out.view().substr(begin);
    const size_t end = text.find_last_not_of("\r\n");
    if (end + 1 != text.size()) {
        text = text.substr(0, end + 1);
        out.commit(text.data() + text.size());
    }
    const auto ends_line = [](std::string_view rest) {
        const auto c = uint8_t(rest[0]);
        if (c < 0x20) return c != '\t';
        if (c == 0x7F) return true;
        // U+0080 to U+009F, U+2028 and U+2029
        if (c == 0xC2) return uint8_t(rest[1]) < 0xA0;
        return c == 0xE2 && uint8_t(rest[1]) == 0x80 && (uint8_t(rest[2]) & 0xFE) == 0xA8;
    };
    size_t first = 0;
    while (first < text.size() && !ends_line(text.substr(first))) ++first;
    if (first == text.size()) return;
    const std::string rest(text.substr(first));
    char* p = out.reserve(rest.size() * kMaxEscape) - (text.size() - first);
    for (size_t i = 0; i < rest.size();) {
        const std::string_view at = std::string_view(rest).substr(i);
        if (!ends_line(at)) {
            *p++ = rest[i++];
            continue;
        }
        size_t used = 0;
        p = put_escape(p, decode_utf8(at, used));
        i += used;
    }
    out.commit(p);
}

}  // namespace etw::render
