#include "decode/layout.h"

#include "etw/check.h"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace etw::decode {
namespace {

struct Word {
    std::string_view word;
    Type type;
    Out out;
};
constexpr Word kWords[] = {
    {"u8", Type::kUInt8, Out::kDefault},          {"i8", Type::kInt8, Out::kDefault},
    {"u16", Type::kUInt16, Out::kDefault},        {"i16", Type::kInt16, Out::kDefault},
    {"u32", Type::kUInt32, Out::kDefault},        {"i32", Type::kInt32, Out::kDefault},
    {"u64", Type::kUInt64, Out::kDefault},        {"i64", Type::kInt64, Out::kDefault},
    {"x32", Type::kHexInt32, Out::kDefault},      {"x64", Type::kHexInt64, Out::kDefault},
    {"ptr", Type::kPointer, Out::kDefault},       {"uptr", Type::kPointer, Out::kUnsigned},
    {"status", Type::kUInt32, Out::kNtStatus},    {"guid", Type::kGuid, Out::kDefault},
    {"filetime", Type::kFileTime, Out::kDefault}, {"str", Type::kUtf8, Out::kDefault},
    {"wstr", Type::kUtf16, Out::kDefault},        {"text", Type::kFixedText, Out::kDefault},
    {"sid", Type::kUserSid, Out::kDefault},       {"ip4", Type::kUInt32, Out::kIpv4},
    {"ip6", Type::kBinary, Out::kIpv6},           {"port", Type::kUInt16, Out::kPort},
    {"rest", Type::kRest, Out::kDefault},         {"restchars", Type::kRest, Out::kString},
    {"skip", Type::kSkip, Out::kDefault},         {"bytes", Type::kBinary, Out::kDefault},
};

bool take_suffix(std::string_view& text, std::string_view suffix) {
    if (!text.ends_with(suffix)) return false;
    text.remove_suffix(suffix.size());
    return true;
}

// "text64", "skip16" and "bytes8" carry a byte count; "skipptr" is as wide as a pointer.
uint16_t take_count(std::string_view& type, bool is_64_bit) {
    for (const std::string_view counted : {"text", "skip", "bytes"}) {
        if (!type.starts_with(counted)) continue;
        const std::string_view number = type.substr(counted.size());
        type = counted;
        if (number == "ptr") return is_64_bit ? 8 : 4;
        uint16_t count = 0;
        const auto end = std::from_chars(number.begin(), number.end(), count);
        ETW_ASSERT(end.ec == std::errc() && end.ptr == number.end());
        return count;
    }
    return 0;
}

Field compile_field(std::string_view item, bool is_64_bit) {
    const size_t colon = item.find(':');
    ETW_ASSERT(colon != item.npos);
    Field field;
    field.name = item.substr(0, colon);
    std::string_view type = item.substr(colon + 1);
    field.optional = take_suffix(type, "?");
    if (take_suffix(type, "[]")) field.repeat = Field::Repeat::kToEnd;
    field.count = take_count(type, is_64_bit);
    const auto word = std::find_if(std::begin(kWords), std::end(kWords),
                                   [&](const Word& w) { return w.word == type; });
    ETW_ASSERT(word != std::end(kWords));  // a layout names an unknown type
    field.type = uint8_t(word->type);
    field.out = uint8_t(word->out);
    field.format = format_of(word->type, word->out);
    field.size = type_size(word->type, is_64_bit);
    if (type == "ip6") field.size = 16;
    if (type == "bytes") field.size = uint8_t(field.count);
    return field;
}

}  // namespace

Program compile_layout(std::string_view fields, bool is_64_bit) {
    Program program;
    while (!fields.empty()) {
        const size_t blank = std::min(fields.find(' '), fields.size());
        program.fields.push_back(compile_field(fields.substr(0, blank), is_64_bit));
        program.fields.back().end = uint16_t(program.fields.size());
        fields.remove_prefix(std::min(blank + 1, fields.size()));
    }
    return program;
}

}  // namespace etw::decode
