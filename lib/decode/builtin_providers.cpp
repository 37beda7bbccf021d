#include "decode/builtin_providers.h"

#include "etw/check.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

namespace etw::decode {
namespace {

struct Word {
    std::string_view word;
    uint16_t in_type;  // TDH's numbers
    uint16_t out_type = 0;
};
constexpr Word kWords[] = {
    {"wstr", 1},  {"str", 2},      {"i8", 3},      {"u8", 4},        {"i16", 5},
    {"u16", 6},   {"i32", 7},      {"u32", 8},     {"i64", 9},       {"u64", 10},
    {"f32", 11},  {"f64", 12},     {"bool", 13},   {"bytes", 14},    {"guid", 15},
    {"ptr", 16},  {"x32", 20},     {"x64", 21},    {"filetime", 17}, {"systemtime", 18},
    {"sid", 19},  {"port", 6, 22}, {"ip4", 8, 23}, {"ip6", 14, 24},  {"status", 8, 31},
    {"chars", 2}, {"wchars", 1},
};

// Of these [] is the length of one, not how many there are.
bool has_length(std::string_view type) {
    return type == "bytes" || type == "chars" || type == "wchars";
}

template <class Number>
Number number(std::string_view text) {
    const bool is_hex = text.starts_with("0x");
    if (is_hex) text.remove_prefix(2);
    Number out{};
    const auto end = std::from_chars(text.data(), text.data() + text.size(), out, is_hex ? 16 : 10);
    ETW_ASSERT(end.ec == std::errc() && end.ptr == text.data() + text.size());
    return out;
}

// Takes what is before the first `end`, and that.
std::string_view take_until(std::string_view& text, char end) {
    const size_t at = text.find(end);
    ETW_ASSERT(at != text.npos);
    const std::string_view out = text.substr(0, at);
    text.remove_prefix(at + 1);
    return out;
}

// Takes a word up to one of `ends`, which stays.
std::string_view take_word(std::string_view& text, std::string_view ends) {
    const size_t at = std::min(text.find_first_of(ends), text.size());
    const std::string_view out = text.substr(0, at);
    text.remove_prefix(at);
    return out;
}

bool take_char(std::string_view& text, char c) {
    if (!text.starts_with(c)) return false;
    text.remove_prefix(1);
    return true;
}

class FieldsParser {
public:
    explicit FieldsParser(const MapsByName& maps) : maps_(maps) {}

    TemplateModel parse(std::string_view text) {
        fields(text);
        ETW_ASSERT(text.empty());
        return std::move(out_);
    }

private:
    void fields(std::string_view& text) {
        while (!text.empty() && text.front() != '}') {
            field(text);
            take_char(text, ' ');
        }
    }

    void field(std::string_view& text) {
        const size_t index = out_.fields.size();
        FieldModel model;
        model.name = take_word(text, ":[{");
        if (take_char(text, ':')) {
            const std::string_view type = take_word(text, " =[}");
            const auto word = std::find_if(std::begin(kWords), std::end(kWords),
                                           [&](const Word& w) { return w.word == type; });
            ETW_ASSERT(word != std::end(kWords));
            model.in_type = word->in_type;
            model.out_type = word->out_type;
            if (take_char(text, '=')) {
                const auto map = maps_.find(take_word(text, " [}"));
                ETW_ASSERT(map != maps_.end());
                model.map = map->second;
            }
            if (take_char(text, '[')) {
                (has_length(type) ? model.length : model.count) = amount(text);
            }
            out_.fields.push_back(std::move(model));
        } else {
            if (take_char(text, '[')) model.count = amount(text);
            model.is_struct = true;
            out_.fields.push_back(std::move(model));
            ETW_ASSERT(take_char(text, '{'));
            fields(text);
            ETW_ASSERT(take_char(text, '}'));
        }
        out_.fields[index].end = uint16_t(out_.fields.size());
    }

    Amount amount(std::string_view& text) const {
        const std::string_view what = take_until(text, ']');
        if (what.empty()) return {Amount::Kind::kToEnd, 0};
        if (what.front() >= '0' && what.front() <= '9') {
            return {Amount::Kind::kFixed, number<uint16_t>(what)};
        }
        const auto at = std::find_if(out_.fields.begin(), out_.fields.end(),
                                     [&](const FieldModel& f) { return f.name == what; });
        ETW_ASSERT(at != out_.fields.end());
        return {Amount::Kind::kField, uint16_t(at - out_.fields.begin())};
    }

    const MapsByName& maps_;
    TemplateModel out_;
};

class TextParser {
public:
    explicit TextParser(const BuiltinProvider& provider) : text_(provider.events) {
        out_.guid = provider.guid;
        out_.name = provider.name;
    }

    ProviderModel parse() {
        while (!text_.empty()) line(next_line());
        return std::move(out_);
    }

private:
    std::string next_line() {
        std::string out(take_until(text_, '\n'));
        while (text_.starts_with("  ")) {
            text_.remove_prefix(1);
            out.append(take_until(text_, '\n'));
        }
        return out;
    }

    void line(std::string_view text) {
        for (const std::string_view kind : {"map ", "bits "}) {
            if (!text.starts_with(kind)) continue;
            text.remove_prefix(kind.size());
            return map(text, kind == "bits ");
        }
        // Names have no colons: the first ends the events, what follows are the fields.
        std::string_view events = take_until(text, ':');
        take_char(text, ' ');
        std::shared_ptr<const TemplateModel> fields;
        if (!text.empty()) {
            fields = std::make_shared<const TemplateModel>(FieldsParser(maps_).parse(text));
        }
        while (!events.empty()) {
            event(take_word(events, ","), fields);
            take_char(events, ',');
            take_char(events, ' ');
        }
    }

    void map(std::string_view text, bool bits) {
        auto out = std::make_shared<ValueMap>();
        out->bits = bits;
        std::string name(take_until(text, ':'));
        while (take_char(text, ' ')) {
            const auto value = number<uint64_t>(take_until(text, '='));
            std::string label(take_word(text, " "));
            std::replace(label.begin(), label.end(), '~', ' ');
            out->names.emplace_back(value, std::move(label));
        }
        sort_names(*out);
        maps_.emplace(std::move(name), std::move(out));
    }

    void event(std::string_view text, const std::shared_ptr<const TemplateModel>& fields) {
        EventModel model;
        model.id = number<uint16_t>(take_until(text, '.'));
        model.version = number<uint8_t>(take_word(text, " "));
        take_char(text, ' ');
        model.task = take_word(text, "/");
        if (take_char(text, '/')) model.opcode = text;
        model.fields = fields;
        out_.events.push_back(std::move(model));
    }

    std::string_view text_;
    ProviderModel out_;
    MapsByName maps_;
};

const std::array kProviders{
    BuiltinProvider{{0xe13c0d23, 0xccbc, 0x4e12, {0x93, 0x1b, 0xd9, 0xcc, 0x2e, 0xee, 0x27, 0xe4}},
                    "Microsoft-Windows-DotNETRuntime",
                    kClrRuntimeEvents,
                    true},
    BuiltinProvider{{0xa669021c, 0xc450, 0x4609, {0xa0, 0x35, 0x5a, 0xf5, 0x9a, 0xf4, 0xdf, 0x18}},
                    "Microsoft-Windows-DotNETRuntimeRundown",
                    kClrRundownEvents,
                    true},
    BuiltinProvider{{0xcc2bcbba, 0x16b6, 0x4cf3, {0x89, 0x90, 0xd7, 0x4c, 0x2e, 0x8a, 0xf5, 0x00}},
                    "Microsoft-Windows-DotNETRuntimeStress",
                    kClrStressEvents,
                    true},
    BuiltinProvider{{0x763fd754, 0x7086, 0x4dfe, {0x95, 0xeb, 0xc0, 0x1a, 0x46, 0xfa, 0xf4, 0xca}},
                    "Microsoft-Windows-DotNETRuntimePrivate",
                    kClrPrivateEvents,
                    true},
    BuiltinProvider{{0xa0c1853b, 0x5c40, 0x4b15, {0x87, 0x66, 0x3c, 0xf1, 0xc5, 0x8f, 0x98, 0x5a}},
                    "Microsoft-Windows-PowerShell",
                    kPowerShellEvents},
    BuiltinProvider{{0x2a576b87, 0x09a7, 0x520e, {0xc2, 0x1a, 0x49, 0x42, 0xf0, 0x27, 0x1d, 0x67}},
                    "Microsoft-Antimalware-Scan-Interface",
                    kAmsiEvents},
    BuiltinProvider{{0x22fb2cd6, 0x0e7b, 0x422b, {0xa0, 0xc7, 0x2f, 0xad, 0x1f, 0xd0, 0xe7, 0x16}},
                    "Microsoft-Windows-Kernel-Process",
                    kKernelProcessEvents},
    BuiltinProvider{{0xedd08927, 0x9cc4, 0x4e65, {0xb9, 0x70, 0xc2, 0x56, 0x0f, 0xb5, 0xc2, 0x89}},
                    "Microsoft-Windows-Kernel-File",
                    kKernelFileEvents},
    BuiltinProvider{{0x7dd42a49, 0x5329, 0x4832, {0x8d, 0xfd, 0x43, 0xd9, 0x79, 0x15, 0x3a, 0x88}},
                    "Microsoft-Windows-Kernel-Network",
                    kKernelNetworkEvents},
    BuiltinProvider{{0x70eb4f03, 0xc1de, 0x4f73, {0xa0, 0x51, 0x33, 0xd1, 0x3d, 0x54, 0x13, 0xbd}},
                    "Microsoft-Windows-Kernel-Registry",
                    kKernelRegistryEvents},
    BuiltinProvider{{0xc7bde69a, 0xe1e0, 0x4177, {0xb6, 0xef, 0x28, 0x3a, 0xd1, 0x52, 0x52, 0x71}},
                    "Microsoft-Windows-Kernel-Disk",
                    kKernelDiskEvents},
    BuiltinProvider{{0xd1d93ef7, 0xe1f2, 0x4f45, {0x99, 0x43, 0x03, 0xd2, 0x45, 0xfe, 0x6c, 0x00}},
                    "Microsoft-Windows-Kernel-Memory",
                    kKernelMemoryEvents},
    BuiltinProvider{{0xb675ec37, 0xbdb6, 0x4648, {0xbc, 0x92, 0xf3, 0xfd, 0xc7, 0x4d, 0x3c, 0xa2}},
                    "Microsoft-Windows-Kernel-EventTracing",
                    kKernelEventTracingEvents},
    BuiltinProvider{{0xe02a841c, 0x75a3, 0x4fa7, {0xaf, 0xc8, 0xae, 0x09, 0xcf, 0x9b, 0x7f, 0x23}},
                    "Microsoft-Windows-Kernel-Audit-API-Calls",
                    kKernelAuditEvents},
    BuiltinProvider{{0x1c95126e, 0x7eea, 0x49a9, {0xa3, 0xfe, 0xa3, 0x78, 0xb0, 0x3d, 0xdb, 0x4d}},
                    "Microsoft-Windows-DNS-Client",
                    kDnsClientEvents},
    BuiltinProvider{{0x2ed6006e, 0x4729, 0x4609, {0xb4, 0x23, 0x3e, 0xe7, 0xbc, 0xd6, 0x78, 0xef}},
                    "Microsoft-Windows-NDIS-PacketCapture",
                    kPacketCaptureEvents},
    BuiltinProvider{{0x6ad52b32, 0xd609, 0x4be9, {0xae, 0x07, 0xce, 0x8d, 0xae, 0x93, 0x7e, 0x39}},
                    "Microsoft-Windows-RPC",
                    kRpcEvents},
    BuiltinProvider{{0xe53c6823, 0x7bb8, 0x44bb, {0x90, 0xdc, 0x3f, 0x86, 0x09, 0x0d, 0x48, 0xa6}},
                    "Microsoft-Windows-Winsock-AFD",
                    kWinsockEvents},
    BuiltinProvider{{0x1418ef04, 0xb0b4, 0x4623, {0xbf, 0x7e, 0xd7, 0x4a, 0xb4, 0x7b, 0xbd, 0xaa}},
                    "Microsoft-Windows-WMI-Activity",
                    kWmiEvents},
};

}  // namespace

std::span<const BuiltinProvider> builtin_providers() noexcept { return kProviders; }

ProviderModel parse_builtin(const BuiltinProvider& provider) {
    return TextParser(provider).parse();
}

}  // namespace etw::decode
