#include "decode/message_program.h"

#include "decode/ndis_names.h"
#include "decode/unique_names.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace etw::decode {
namespace {

// What the bytes of an item are.
struct ItemType {
    std::string_view name;
    Type type;
    Out out;
    Format format;
    uint8_t size = 0;  // of kBinary and texts of a fixed size
};
constexpr ItemType kItemTypes[] = {
    {"ItemChar", Type::kInt8, Out::kDefault, Format::kSigned},
    {"ItemUChar", Type::kUInt8, Out::kDefault, Format::kUnsigned},
    {"ItemShort", Type::kInt16, Out::kDefault, Format::kSigned},
    {"ItemUShort", Type::kUInt16, Out::kDefault, Format::kUnsigned},
    {"ItemLong", Type::kInt32, Out::kDefault, Format::kSigned},
    {"ItemULong", Type::kUInt32, Out::kDefault, Format::kUnsigned},
    {"ItemULongX", Type::kHexInt32, Out::kDefault, Format::kHex},
    {"ItemLongLong", Type::kInt64, Out::kDefault, Format::kSigned},
    {"ItemULongLong", Type::kUInt64, Out::kDefault, Format::kUnsigned},
    {"ItemLongLongX", Type::kHexInt64, Out::kDefault, Format::kHex},
    {"ItemLongLongXX", Type::kHexInt64, Out::kDefault, Format::kHex},
    {"ItemLongLongO", Type::kUInt64, Out::kDefault, Format::kUnsigned},
    {"ItemFloat", Type::kFloat, Out::kDefault, Format::kFloat},
    {"ItemDouble", Type::kDouble, Out::kDefault, Format::kFloat},
    {"ItemPtr", Type::kPointer, Out::kDefault, Format::kHex},
    {"ItemString", Type::kUtf8, Out::kDefault, Format::kUtf8},
    {"ItemRString", Type::kUtf8, Out::kDefault, Format::kUtf8},
    {"ItemMLString", Type::kUtf8, Out::kDefault, Format::kUtf8},
    {"ItemPString", Type::kCountedUtf8, Out::kDefault, Format::kUtf8},
    {"ItemWString", Type::kUtf16, Out::kDefault, Format::kUtf16},
    {"ItemRWString", Type::kUtf16, Out::kDefault, Format::kUtf16},
    {"ItemPWString", Type::kCountedUtf16, Out::kDefault, Format::kUtf16},
    {"ItemNWString", Type::kRest, Out::kDefault, Format::kUtf16},
    {"ItemChar4", Type::kUtf8, Out::kDefault, Format::kUtf8, 4},
    {"ItemHexDump", Type::kCountedBinary, Out::kDefault, Format::kBinary},
    {"ItemHEXDump", Type::kCountedBinary, Out::kDefault, Format::kBinary},
    {"ItemGuid", Type::kGuid, Out::kDefault, Format::kGuid},
    {"ItemCLSID", Type::kGuid, Out::kDefault, Format::kGuid},
    {"ItemIID", Type::kGuid, Out::kDefault, Format::kGuid},
    {"ItemLIBID", Type::kGuid, Out::kDefault, Format::kGuid},
    {"ItemSid", Type::kSid, Out::kDefault, Format::kSid},
    {"ItemNTSTATUS", Type::kUInt32, Out::kNtStatus, Format::kStatus},
    {"ItemNTerror", Type::kUInt32, Out::kNtStatus, Format::kStatus},
    {"ItemHRESULT", Type::kUInt32, Out::kHResult, Format::kStatus},
    {"ItemWINERROR", Type::kUInt32, Out::kWin32Error, Format::kWin32Error},
    {"ItemNDIS_STATUS", Type::kHexInt32, Out::kDefault, Format::kHex},
    {"ItemNDIS_OID", Type::kHexInt32, Out::kDefault, Format::kHex},
    {"ItemERRNO", Type::kInt32, Out::kDefault, Format::kErrno},
    {"ItemIPAddr", Type::kUInt32, Out::kIpv4, Format::kIpv4},
    {"ItemIPV6Addr", Type::kBinary, Out::kIpv6, Format::kIpv6, 16},
    {"ItemPort", Type::kUInt16, Out::kPort, Format::kPort},
    {"ItemMACAddr", Type::kBinary, Out::kDefault, Format::kMacAddress, 6},
    {"ItemTimestamp", Type::kFileTime, Out::kDefault, Format::kFileTime},
    {"ItemWaitTime", Type::kFileTime, Out::kDefault, Format::kFileTime},
    {"ItemTimeDelta", Type::kInt64, Out::kDefault, Format::kTimeSpan},
    {"ItemListByte", Type::kUInt8, Out::kDefault, Format::kUnsigned},
    {"ItemListShort", Type::kUInt16, Out::kDefault, Format::kUnsigned},
    {"ItemListLong", Type::kUInt32, Out::kDefault, Format::kUnsigned},
    {"ItemSetByte", Type::kUInt8, Out::kDefault, Format::kHex},
    {"ItemSetShort", Type::kUInt16, Out::kDefault, Format::kHex},
    {"ItemSetLong", Type::kUInt32, Out::kDefault, Format::kHex},
    {"ItemEnum", Type::kUInt32, Out::kDefault, Format::kHex},
    {"ItemFlagsEnum", Type::kUInt32, Out::kDefault, Format::kHex},
};

const ItemType* find_item_type(std::string_view name) {
    const auto found = std::find_if(std::begin(kItemTypes), std::end(kItemTypes),
                                    [&](const ItemType& type) { return type.name == name; });
    return found == std::end(kItemTypes) ? nullptr : &*found;
}

ValueMap make_map(const tmf::Argument& argument) {
    ValueMap map;
    if (argument.type.starts_with("ItemSet")) {
        map.bits = true;
        map.show = ValueMap::Show::kBrackets;
    } else if (argument.type == "ItemFlagsEnum") {
        map.bits = true;
        map.show = ValueMap::Show::kNumberLast;
    } else if (argument.type.starts_with("ItemList")) {
        map.show = ValueMap::Show::kNumberFirst;
    }
    for (const auto& [value, name] : argument.names) {
        // An item has 32 bits; negative values were widened, and a set may list more bits.
        if (map.bits && value > UINT32_MAX) continue;
        map.names.emplace_back(uint32_t(value), clean_text(name));
    }
    // Of several names of a value the first is the one that shows.
    std::stable_sort(map.names.begin(), map.names.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    const auto last = std::unique(map.names.begin(), map.names.end(),
                                  [](const auto& a, const auto& b) { return a.first == b.first; });
    map.names.erase(last, map.names.end());
    return map;
}

class Compiler {
public:
    Compiler(const tmf::MessageFormat& format, MessageProgram& out) : format_(format), out_(out) {}

    void compile() {
        out_.component = clean_text(format_.component);
        out_.name = clean_text(format_.name);
        Message& m = out_.message;
        m.component = out_.component;
        m.source = out_.name;
        m.function = keep(format_.function);
        m.level = keep(format_.level);
        m.flags = keep(format_.flags);
        m.subcomponent = keep(format_.minor);
        std::vector<const tmf::Argument*> arguments;
        for (const tmf::Argument& a : format_.arguments) arguments.push_back(&a);
        std::stable_sort(arguments.begin(), arguments.end(),
                         [](const auto* a, const auto* b) { return a->index < b->index; });
        for (const tmf::Argument* a : arguments) {
            if (!add_field(*a)) break;
        }
        parse_text(clean_text(format_.text));
    }

private:
    // Keeps a text that the program's parts may view.
    std::string_view keep(std::string_view text) {
        return out_.program_64.text.emplace_back(clean_text(text));
    }

    bool add_field(const tmf::Argument& argument) {
        if (out_.program_64.fields.size() == kMaxFields) return false;
        const ItemType* const item = find_item_type(argument.type);
        if (item == nullptr) {
            out_.unknown_item = "unknown item type " + clean_text(argument.type);
            return false;
        }
        Field field;
        field.name = field_name(argument);
        field.type = uint8_t(item->type);
        field.out = uint8_t(item->out);
        field.format = item->format;
        if (!argument.names.empty()) field.map = &out_.maps.emplace_back(make_map(argument));
        if (item->name == "ItemNDIS_OID") field.map = &ndis_oids();
        if (item->name == "ItemNDIS_STATUS") field.map = &ndis_statuses();
        for (Program* program : {&out_.program_32, &out_.program_64}) {
            const bool is_64_bit = program == &out_.program_64;
            field.size = item->size != 0 ? item->size : type_size(item->type, is_64_bit);
            field.end = uint16_t(program->fields.size() + 1);
            program->fields.push_back(field);
        }
        indexes_.push_back(argument.index);
        return true;
    }

    // The expression, or what the text calls the argument.
    std::string_view field_name(const tmf::Argument& argument) {
        std::string name = clean_text(argument.expression);
        if (name.empty()) name = std::to_string(argument.index);
        const std::string_view kept = keep(name);
        if (names_.take(kept)) return kept;
        const std::string_view numbered = keep(names_.numbered(kept));
        names_.take(numbered);
        return numbered;
    }

    // --- the text ----------------------------------------------------------------------------

    void parse_text(const std::string& text) {
        std::string_view rest = text;
        while (!rest.empty() && out_.message.parts.size() < kMaxMessageParts) {
            const size_t percent = std::min(rest.find('%'), rest.size());
            literal(rest.substr(0, percent));
            rest.remove_prefix(percent);
            if (rest.empty()) break;
            rest.remove_prefix(1);
            if (!take_insert(rest)) literal("%");
        }
        flush();
    }

    void literal(std::string_view text) {
        if (text.empty()) return;
        if (line_break_) literal_ += ' ';
        line_break_ = false;
        literal_ += text;
    }

    // What stands behind a %. False: it is none of the language, and stays as it is.
    bool take_insert(std::string_view& rest) {
        if (rest.empty()) return false;
        const char c = rest[0];
        if (c >= '0' && c <= '9') return take_number(rest);
        if (c == '!') return take_name(rest);
        switch (c) {
            case '%':
            case '.':
                literal(rest.substr(0, 1));
                break;
            case 'b':
            case 't':
                literal(" ");
                break;
            case 'n':
                line_break_ = true;
                break;
            case 'r':
                break;
            default:
                return false;
        }
        rest.remove_prefix(1);
        return true;
    }

    static constexpr unsigned kPrefix = 0, kTime = 4;  // stand before a text, not in it

    // %N or %N!conversion!. Digits of the text may follow: numbers do not begin with 0, and have
    // two digits at most where no conversion follows.
    bool take_number(std::string_view& rest) {
        const size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
        const bool converted = digits < rest.size() && rest[digits] == '!';
        const size_t length = rest[0] == '0' ? 1 : converted ? digits : std::min<size_t>(digits, 2);
        unsigned number = 0;
        const auto parsed = std::from_chars(rest.data(), rest.data() + length, number);
        if (parsed.ec != std::errc()) return false;
        rest.remove_prefix(length);
        std::string_view conversion;
        if (rest.starts_with('!')) {
            const size_t close = rest.find('!', 1);
            if (close != rest.npos) {
                conversion = rest.substr(1, close - 1);
                rest.remove_prefix(close + 1);
            }
        }
        if (number == 1) {
            part({MessagePart::Kind::kComponent, 0, {}});
        } else if (number == 2) {
            literal(out_.name);
        } else if (number >= tmf::kFirstArgument) {
            add_value(number, conversion);
        } else if (number != kPrefix && number != kTime) {
            part({MessagePart::Kind::kHeader, uint16_t(number), keep(conversion)});
        }
        return true;
    }

    void add_value(unsigned number, std::string_view conversion) {
        const auto at = std::find(indexes_.begin(), indexes_.end(), number);
        const bool found = at != indexes_.end();
        // What is not described has the number of an item that is not there.
        const size_t value =
            found ? size_t(at - indexes_.begin())
                  : std::clamp<size_t>(number - tmf::kFirstArgument, indexes_.size(), UINT16_MAX);
        part({MessagePart::Kind::kValue, uint16_t(value), keep(conversion)});
        if (!found || conversion.empty()) return;
        // ItemLong stands for all that has 32 bits: the conversion knows what it is.
        for (Program* program : {&out_.program_32, &out_.program_64}) {
            Field& field = program->fields[value];
            if (field.format != Format::kSigned) continue;
            const char last = conversion.back();
            if (last == 'u') field.format = Format::kUnsigned;
            if (last == 'x' || last == 'X' || last == 'p') field.format = Format::kHex;
        }
    }

    // %!NAME!
    bool take_name(std::string_view& rest) {
        const size_t close = rest.find('!', 1);
        if (close == rest.npos) return false;
        const std::string_view name = rest.substr(1, close - 1);
        if (name == "FUNC") {
            part({MessagePart::Kind::kFunction, 0, {}});
        } else if (name == "LEVEL") {
            part({MessagePart::Kind::kLevel, 0, {}});
        } else if (name == "FLAGS") {
            part({MessagePart::Kind::kFlags, 0, {}});
        } else if (name == "COMPNAME" && !format_.major.empty()) {
            literal(clean_text(format_.major));
        } else if (name == "COMPNAME") {
            part({MessagePart::Kind::kComponent, 0, {}});
        } else if (name == "SUBCOMP") {
            part({MessagePart::Kind::kSubcomponent, 0, {}});
        } else if (name == "FILE") {
            literal(clean_text(format_.source));
        } else if (name == "LINE") {
            const size_t digits = out_.name.find_last_not_of("0123456789") + 1;
            literal(std::string_view(out_.name).substr(digits));
        } else {
            return false;
        }
        rest.remove_prefix(close + 1);
        return true;
    }

    void flush() {
        if (literal_.empty()) return;
        out_.message.parts.push_back({MessagePart::Kind::kText, 0, keep(literal_)});
        literal_.clear();
    }
    void part(MessagePart p) {
        if (line_break_) literal_ += ' ';
        line_break_ = false;
        flush();
        out_.message.parts.push_back(p);
    }

    const tmf::MessageFormat& format_;
    MessageProgram& out_;
    std::vector<uint16_t> indexes_;  // of the fields
    UniqueNames names_;
    std::string literal_;  // what has been read since the last part
    // A line feed was read: an event is a line, so that it is a blank, and at the end nothing.
    bool line_break_ = false;
};

}  // namespace

void compile_message(const tmf::MessageFormat& format, MessageProgram& out) {
    Compiler(format, out).compile();
}

}  // namespace etw::decode
