#include "render/xml_text.h"

namespace etw::render {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// What stands for an ASCII character; empty: the character itself.
std::string_view reference(char c) {
    switch (c) {
        case '&':
            return "&amp;";
        case '<':
            return "&lt;";
        case '>':
            return "&gt;";
        case '"':
            return "&quot;";
        case '\t':
            return "&#9;";
        case '\n':
            return "&#10;";
        case '\r':
            return "&#13;";
        default:
            return uint8_t(c) < 0x20 ? kReplacement : std::string_view();
    }
}

}  // namespace

void append_xml_text(OutBuffer& out, std::string_view utf8) {
    size_t plain = 0;  // begin of what has not been written
    for (size_t i = 0; i < utf8.size(); ++i) {
        std::string_view instead = reference(utf8[i]);
        size_t length = 1;
        // U+FFFE and U+FFFF, the only valid sequences that are no characters of XML.
        if (utf8.substr(i).starts_with("\xEF\xBF\xBE") ||
            utf8.substr(i).starts_with("\xEF\xBF\xBF")) {
            instead = kReplacement;
            length = 3;
        }
        if (instead.empty()) continue;
        out.append(utf8.substr(plain, i - plain));
        out.append(instead);
        plain = i + length;
        i += length - 1;
    }
    out.append(utf8.substr(plain));
}

}  // namespace etw::render
