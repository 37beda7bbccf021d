#include "render/quoted.h"

#include "base/utf16.h"

#include <array>

namespace etw::render {
namespace {

constexpr size_t kMaxEscape = 6;  // \u001f: the most that one byte or unit of input becomes

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

char* put_code_point(char* p, char32_t c) {
    if (must_escape(c)) return put_escape(p, c);
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
    const size_t units = utf16.size() / 2;
    const auto unit = [&](size_t i) {
        char16_t u;
        std::memcpy(&u, utf16.data() + i * 2, sizeof(u));
        return u;
    };
    char* p = out.reserve(units * kMaxEscape + 2);
    *p++ = '"';
    for (size_t i = 0; i < units; ++i) {
        const char16_t u = unit(i);
        if (u < 0x80 && kPlain[u]) {
            *p++ = char(u);
        } else if (u < 0xD800 || u >= 0xE000) {
            p = put_code_point(p, u);
        } else if (u < 0xDC00 && i + 1 < units && (unit(i + 1) & 0xFC00) == 0xDC00) {
            p = put_code_point(p, 0x10000 + (char32_t(u - 0xD800) << 10) + (unit(i + 1) - 0xDC00u));
            ++i;
        } else {
            p = put_code_point(p, kReplacementCharacter);
        }
    }
    *p++ = '"';
    out.commit(p);
}

}  // namespace etw::render
