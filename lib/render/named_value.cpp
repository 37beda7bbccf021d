#include "render/named_value.h"

#include "render/digits.h"
#include "render/quoted.h"

#include <algorithm>

namespace etw::render {
namespace {

using Show = decode::ValueMap::Show;

std::string_view name_of(const decode::ValueMap& map, uint64_t value) {
    const auto at = std::lower_bound(map.names.begin(), map.names.end(), value,
                                     [](const auto& row, uint64_t v) { return row.first < v; });
    return at != map.names.end() && at->first == value ? std::string_view(at->second)
                                                       : std::string_view();
}

void append_hex(OutBuffer& out, uint64_t value, size_t digits) {
    char* const p = out.reserve(2 + kMaxHex);
    std::memcpy(p, "0x", 2);
    out.commit(put_hex(p + 2, value, digits, false));
}

// Bits without a name follow as one number. False: none of the bits has a name.
bool append_bits(OutBuffer& out, const decode::ValueMap& map, uint64_t value,
                 std::string_view between) {
    uint64_t rest = value;
    std::string_view separator;
    for (const auto& [bits, name] : map.names) {
        if (bits == 0 || (value & bits) != bits) continue;
        out.append(separator);
        append_bare(out, name);
        separator = between;
        rest &= ~bits;
    }
    if (rest == value) return false;
    if (rest != 0) {
        out.append(between);
        append_hex(out, rest, 1);
    }
    return true;
}

void append_word(OutBuffer& out, std::string_view word, Style style) {
    const bool is_one_word = word.find_first_of(" \t\r\n\"\\") == word.npos;
    if (style == Style::kBare || (style == Style::kText && is_one_word)) {
        append_bare(out, word);
    } else {
        append_quoted(out, word);
    }
}

bool append_names(OutBuffer& out, const decode::ValueMap& map, uint64_t value, Style style) {
    if (const auto name = name_of(map, value); !name.empty()) {
        append_word(out, name, style);
        return true;
    }
    OutBuffer words;
    if (!map.bits || !append_bits(words, map, value, "|")) return false;
    append_word(out, words.view(), style);
    return true;
}

}  // namespace

bool append_named(OutBuffer& out, const decode::ValueMap& map, uint64_t value, Style style) {
    if (style == Style::kJson) return append_names(out, map, value, style);
    OutBuffer words;
    switch (map.show) {
        case Show::kName:
            return append_names(out, map, value, style);
        case Show::kNumberFirst:
            append_hex(words, value, 8);
            if (const auto name = name_of(map, value); !name.empty()) {
                words.append('(');
                append_bare(words, name);
                words.append(')');
            }
            break;
        case Show::kBrackets:
            words.append('[');
            if (value != 0 && !append_bits(words, map, value, ",")) append_hex(words, value, 1);
            words.append(']');
            break;
        case Show::kNumberLast:
            if (!append_bits(words, map, value, " | ")) return false;
            words.append('(');
            append_hex(words, value, 1);
            words.append(')');
            break;
    }
    append_word(out, words.view(), style);
    return true;
}

}  // namespace etw::render
