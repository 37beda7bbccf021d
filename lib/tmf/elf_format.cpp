#include "tmf/elf_format.h"

#include "tmf/elf_messages.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace etw::tmf {
namespace {

// As etw/trace_message_check.h numbers them.
enum ValueType : uint32_t {
    kNone,
    kInt8,
    kUInt8,
    kInt16,
    kUInt16,
    kInt32,
    kUInt32,
    kInt64,
    kUInt64,
    kDouble,
    kText,
    kText16,
    kText32,
    kPointer,
    kHexDump,
    kGuidValue,
    kAnsiString,
    kUnicodeString,
    kGuidPointer,
    kIpv6Pointer,
};
// Items of the values that printf's conversions show; pointers with %p are apart.
constexpr std::array<std::string_view, 20> kItems = {
    "",           "ItemChar",    "ItemUChar",    "ItemShort",     "ItemUShort",
    "ItemLong",   "ItemULong",   "ItemLongLong", "ItemULongLong", "ItemDouble",
    "ItemString", "ItemWString", "ItemWString",  "ItemPtr",       "ItemHexDump",
    "ItemGuid",   "ItemPString", "ItemPWString", "ItemPtr",       "ItemPtr"};

constexpr std::pair<std::string_view, std::string_view> kNamedItems[] = {
    {"STATUS", "ItemNTSTATUS"},   {"NTSTATUS", "ItemNTSTATUS"},
    {"ERRNO", "ItemERRNO"},       {"WINERROR", "ItemWINERROR"},
    {"HRESULT", "ItemHRESULT"},   {"IPADDR", "ItemIPAddr"},
    {"PORT", "ItemPort"},         {"TIMESTAMP", "ItemTimestamp"},
    {"delta", "ItemTimeDelta"},   {"WAITTIME", "ItemWaitTime"},
    {"GUID", "ItemGuid"},         {"CLSID", "ItemCLSID"},
    {"IID", "ItemIID"},           {"LIBID", "ItemLIBID"},
    {"IPV6ADDR", "ItemIPV6Addr"}, {"MACADDR", "ItemMACAddr"},
    {"SID", "ItemSid"},           {"sid", "ItemSid"},
    {"HEXDUMP", "ItemHexDump"},
};
// What TMF itself takes from a message's description.
constexpr std::string_view kMessageNames[] = {"FUNC", "LEVEL", "FLAGS", "COMPNAME", "SUBCOMP"};
constexpr std::string_view kTruthNames[] = {"bool", "BOOL", "BOOLEAN"};

std::string_view trim(std::string_view text) {
    constexpr std::string_view kBlank = " \t\n\r";
    const size_t first = text.find_first_not_of(kBlank);
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// At commas outside of parentheses and quotes.
std::vector<std::string> split_arguments(std::string_view raw) {
    std::vector<std::string> out;
    size_t begin = 0;
    int depth = 0;
    char quote = 0;
    for (size_t i = 0; i < raw.size(); ++i) {
        const char c = raw[i];
        if (quote != 0) {
            if (c == '\\') ++i;
            if (c == quote) quote = 0;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '(' || c == '[' || c == '{') {
            ++depth;
        } else if (c == ')' || c == ']' || c == '}') {
            --depth;
        } else if (c == ',' && depth == 0) {
            out.emplace_back(trim(raw.substr(begin, i - begin)));
            begin = i + 1;
        }
    }
    out.emplace_back(trim(raw.substr(std::min(begin, raw.size()))));
    return out;
}

// Text as it stands in a TMF: what would be read as an insert is doubled, lines stay lines.
void append_literal(std::string& out, std::string_view text) {
    for (const char c : text) {
        if (c == '%') {
            out += "%%";
        } else if (c == '\n') {
            out += "%n";
        } else if (c == '\t') {
            out += "%t";
        } else if (c != '\r') {
            out += c;
        }
    }
}

std::optional<uint8_t> digit(char c, unsigned base) {
    unsigned value = 16;
    if (c >= '0' && c <= '9') value = unsigned(c - '0');
    if (c >= 'a' && c <= 'f') value = unsigned(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') value = unsigned(c - 'A') + 10;
    if (value >= base) return std::nullopt;
    return uint8_t(value);
}

// One escape, behind its backslash.
char take_escape(std::string_view& rest) {
    constexpr std::string_view kNames = "abefnrtv", kCodes = "\a\b\033\f\n\r\t\v";
    const auto number = [&](unsigned base, size_t longest) {
        unsigned value = 0;
        for (size_t i = 0; i < longest && !rest.empty() && digit(rest[0], base); ++i) {
            value = value * base + *digit(rest[0], base);
            rest.remove_prefix(1);
        }
        return char(uint8_t(value));
    };
    const char c = rest[0];
    if (digit(c, 8)) return number(8, 3);
    rest.remove_prefix(1);
    if (c == 'x') return number(16, rest.size());
    const size_t at = kNames.find(c);
    return at == kNames.npos ? c : kCodes[at];
}

}  // namespace

std::optional<std::string> unquote(std::string_view source) {
    std::string out;
    std::string_view rest = trim(source);
    if (rest.empty()) return std::nullopt;
    while (!rest.empty()) {
        if (rest.starts_with("u8")) rest.remove_prefix(2);
        if (!rest.starts_with('"')) return std::nullopt;
        rest.remove_prefix(1);
        for (;;) {
            if (rest.empty()) return std::nullopt;
            const char c = rest[0];
            rest.remove_prefix(1);
            if (c == '"') break;
            if (c != '\\') {
                out += c;
            } else if (rest.empty()) {
                return std::nullopt;
            } else {
                out += take_escape(rest);
            }
        }
        rest = trim(rest);
    }
    return out;
}

std::optional<List> parse_list(std::string_view definition) {
    const std::string_view text = trim(definition);
    const size_t open = text.find('(');
    if (open == text.npos || !text.ends_with(')')) return std::nullopt;
    List list;
    const std::string_view item = trim(text.substr(0, open));
    list.set = item.starts_with("ItemSet");
    if (!list.set && !item.starts_with("ItemList")) return std::nullopt;
    uint64_t value = 0;
    for (std::string& name : split_arguments(text.substr(open + 1, text.size() - open - 2))) {
        if (list.set && value >= 32) break;
        list.names.push_back({list.set ? uint64_t{1} << value : value, std::move(name)});
        ++value;
    }
    return list;
}

uint32_t ValueTypes::operator[](size_t index) const noexcept {
    constexpr size_t kInWord = 6, kBits = 5, kWords = 3;
    if (index >= count || index >= kInWord * kWords) return kNone;
    uint32_t word = 0;
    std::memcpy(&word, static_cast<const char*>(words) + index / kInWord * sizeof(word),
                sizeof(word));
    return word >> index % kInWord * kBits & ((1u << kBits) - 1);
}

bool FormatWriter::write(std::string_view format, const ValueTypes& types, std::string_view raw,
                         MessageFormat& out) {
    out_ = &out;
    types_ = types;
    expressions_ = split_arguments(raw);
    out.text = "%0";
    std::string_view rest = format;
    while (!rest.empty()) {
        const size_t percent = std::min(rest.find('%'), rest.size());
        append_literal(out.text, rest.substr(0, percent));
        rest.remove_prefix(percent);
        if (!rest.empty() && !insert(rest)) return false;
    }
    return out.arguments.size() == types.count;
}

// `rest` begins with a %.
bool FormatWriter::insert(std::string_view& rest) {
    rest.remove_prefix(1);
    if (rest.starts_with('%')) {
        rest.remove_prefix(1);
        out_->text += "%%";
        return true;
    }
    if (rest.starts_with('!')) {
        const size_t close = rest.find('!', 1);
        if (close == rest.npos) return false;
        const std::string_view name = rest.substr(1, close - 1);
        rest.remove_prefix(close + 1);
        return insert_name(name);
    }
    // Flags, width and precision go on to the reader; the value's own type says its length.
    const size_t length = std::min(rest.find_first_not_of("-+ #0123456789."), rest.size());
    std::string conversion(rest.substr(0, length));
    rest.remove_prefix(length);
    if (rest.starts_with("I64") || rest.starts_with("I32")) {
        rest.remove_prefix(3);
    } else {
        rest.remove_prefix(std::min(rest.find_first_not_of("hljztwqI"), rest.size()));
    }
    if (rest.empty()) return false;
    const char last = rest[0];
    rest.remove_prefix(1);
    const uint32_t type = types_[out_->arguments.size()];
    if (type == kNone || type >= kItems.size()) return false;
    if (type == kInt64 || type == kUInt64) conversion += "I64";
    conversion += last == 'S' || last == 'Z' ? 's' : last;
    Argument argument;
    argument.type = last == 'p' ? "ItemPtr" : kItems[type];
    return insert_value(conversion, std::move(argument));
}

bool FormatWriter::insert_name(std::string_view name) {
    if (name == "FILE") {
        append_literal(out_->text, file_);
        return true;
    }
    if (name == "LINE") {
        out_->text += std::to_string(line_);
        return true;
    }
    if (std::find(std::begin(kMessageNames), std::end(kMessageNames), name) !=
        std::end(kMessageNames)) {
        out_->text += "%!" + std::string(name) + '!';
        return true;
    }
    const uint32_t type = types_[out_->arguments.size()];
    if (type == kNone || type >= kItems.size()) return false;
    Argument argument;
    const auto item = std::find_if(std::begin(kNamedItems), std::end(kNamedItems),
                                   [&](const auto& known) { return known.first == name; });
    if (item != std::end(kNamedItems)) {
        argument.type = item->second;
        return insert_value("s", std::move(argument));
    }
    // A list, whose item has the size of the value.
    static const List kTruth = {false, {{0, "FALSE"}, {1, "TRUE"}}};
    const auto found = lists_.find(name);
    const List* list = found != lists_.end() ? &found->second : nullptr;
    if (list == nullptr &&
        std::find(std::begin(kTruthNames), std::end(kTruthNames), name) != std::end(kTruthNames)) {
        list = &kTruth;
    }
    if (type > kUInt32) return false;
    if (list == nullptr) {  // defined nowhere: the number
        argument.type = kItems[type];
        return insert_value("d", std::move(argument));
    }
    argument.type = list->set ? "ItemSet" : "ItemList";
    argument.type += type <= kUInt8 ? "Byte" : type <= kUInt16 ? "Short" : "Long";
    argument.names = list->names;
    return insert_value("s", std::move(argument));
}

bool FormatWriter::insert_value(std::string_view conversion, Argument argument) {
    const size_t position = out_->arguments.size();
    argument.index = uint16_t(kFirstArgument + position);
    if (position + 1 < expressions_.size()) argument.expression = expressions_[position + 1];
    out_->text += '%' + std::to_string(argument.index) + '!' + std::string(conversion) + '!';
    out_->arguments.push_back(std::move(argument));
    return true;
}

}  // namespace etw::tmf
