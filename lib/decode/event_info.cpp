#include "decode/event_info.h"

#include "base/utf16.h"
#include "decode/manifest_names.h"
#include "decode/property_list.h"
#include "etw/etl_format.h"

#include <algorithm>

namespace etw::decode {
namespace {

// Offsets are from the start of the blob, 0 for what is not there.
struct EventInfoHeader {
    Guid provider;
    Guid event;  // of classic events: their class
    wire::EventDescriptor descriptor;
    uint32_t source;
    uint32_t provider_name;
    uint32_t level_name;
    uint32_t channel_name;
    uint32_t keywords_name;  // texts one after the other, an empty one ends them
    uint32_t task_name;
    uint32_t opcode_name;
    uint32_t event_message;
    uint32_t provider_message;
    uint32_t binary_xml;
    uint32_t binary_xml_size;
    uint32_t event_name;
    uint32_t event_attributes;
    uint32_t property_count;
    uint32_t top_level_count;
    uint32_t flags;
};
static_assert(sizeof(EventInfoHeader) == 0x70);

constexpr uint32_t kSourceXml = 0;
constexpr uint32_t kSourceClassic = 1;

struct Property {
    uint32_t flags;  // PropertyFlag
    uint32_t name;
    uint16_t in_type;   // of a struct: position of its first member
    uint16_t out_type;  // of a struct: number of its members
    uint32_t map_name;
    uint16_t count;   // or position of the property that says it
    uint16_t length;  // likewise
    uint32_t reserved;
};
static_assert(sizeof(Property) == 24);

enum PropertyFlag : uint32_t {
    kPropertyStruct = 0x01,
    kPropertyLengthRefers = 0x02,
    kPropertyCountRefers = 0x04,
    kPropertyFixedLength = 0x10,
    kPropertyFixedCount = 0x20,
};

class Texts {
public:
    explicit Texts(Bytes blob) : blob_(blob) {}

    // Up to its NUL or the end of the blob; empty for offset 0.
    std::string text(uint32_t offset) const { return to_utf8(units(offset)); }
    std::string label(uint32_t offset) const {
        return clean_label(to_utf8(units(offset, kMaxLabel)));
    }

    std::vector<std::string> list(uint32_t offset) const {
        constexpr size_t kMaxTexts = 64;
        std::vector<std::string> out;
        while (out.size() < kMaxTexts) {
            const Bytes text = units(offset);
            if (text.empty()) break;
            out.push_back(clean_label(to_utf8(text.first(std::min(text.size(), kMaxLabel)))));
            offset += uint32_t(text.size() + 2);
        }
        return out;
    }

private:
    static constexpr size_t kMaxLabel = 1024;  // bytes: many names can be at one offset

    // `most`: bytes to look at. Many names can be at the beginning of one long text.
    Bytes units(uint32_t offset, size_t most = SIZE_MAX) const {
        if (offset == 0 || offset >= blob_.size()) return {};
        const Bytes all = blob_.subspan(offset);
        const Bytes rest = all.first(std::min(all.size(), most));
        size_t end = 0;
        while (rest.size() - end >= 2 &&
               (rest[end] != std::byte{0} || rest[end + 1] != std::byte{0})) {
            end += 2;
        }
        return rest.first(end);
    }
    Bytes blob_;
};

FieldModel to_field(const Property& property, const Texts& texts, const MapsByName& maps) {
    const auto amount = [&](uint32_t refers, uint16_t value) {
        const bool by_field = (property.flags & refers) != 0;
        return Amount{by_field ? Amount::Kind::kField : Amount::Kind::kFixed, value};
    };
    const auto has = [&](uint32_t flags) { return (property.flags & flags) != 0; };
    FieldModel out;
    out.name = texts.label(property.name);
    out.is_struct = has(kPropertyStruct);
    if (has(kPropertyCountRefers | kPropertyFixedCount) || property.count > 1) {
        out.count = amount(kPropertyCountRefers, property.count);
    }
    if (out.is_struct) return out;
    out.in_type = property.in_type;
    out.out_type = property.out_type;
    const bool sized = has(kPropertyLengthRefers | kPropertyFixedLength) || property.length != 0;
    if (sized && can_be_sized(out.in_type)) {
        out.length = amount(kPropertyLengthRefers, property.length);
    }
    if (property.map_name != 0) {
        const auto map = maps.find(texts.label(property.map_name));
        if (map != maps.end()) out.map = map->second;
    }
    return out;
}

}  // namespace

Result<Guid> provider_of_event_info(Bytes blob) {
    return ByteReader(blob).read<Guid>("event info: provider");
}

Result<ProviderModel> parse_event_info(Bytes blob, const MapsByName& maps) {
    ByteReader in(blob);
    ETW_TRY(const auto header, in.read<EventInfoHeader>("event info: header"));
    if (header.source != kSourceXml && header.source != kSourceClassic) {
        return Error{Code::kNotSupported, "event info: describes no event of a manifest"};
    }
    if (header.property_count > in.remaining() / sizeof(Property)) {
        return Error{Code::kInvalidData, "event info: property count"};
    }
    const Texts texts(blob);
    std::vector<PropertyEntry> properties;
    for (uint32_t i = 0; i < header.property_count; ++i) {
        ETW_TRY(const auto property, in.read<Property>("event info: property"));
        properties.push_back(
            {to_field(property, texts, maps), property.in_type, property.out_type});
    }
    ETW_TRY(TemplateModel fields, to_template(std::move(properties), header.top_level_count));

    EventModel event;
    event.is_classic = header.source == kSourceClassic;
    event.id = event.is_classic ? header.descriptor.opcode : header.descriptor.id;
    event.version = header.descriptor.version;
    if (!event.is_classic) event.symbol = texts.label(header.event_name);
    event.level = texts.label(header.level_name);
    if (event.level.empty()) event.level = level_name(header.descriptor.level);
    event.task = texts.label(header.task_name);
    event.opcode = opcode_name(header.descriptor.opcode);
    if (event.opcode.empty()) event.opcode = texts.label(header.opcode_name);
    event.channel = texts.label(header.channel_name);
    event.keywords = texts.list(header.keywords_name);
    event.message = texts.text(header.event_message);
    event.fields = std::make_shared<const TemplateModel>(std::move(fields));

    ProviderModel out;
    out.guid = event.is_classic ? header.event : header.provider;
    out.name = texts.label(header.provider_name);
    out.events.push_back(std::move(event));
    return out;
}

Result<NamedMap> parse_map_info(Bytes blob) {
    struct Header {
        uint32_t name;
        uint32_t flags;
        uint32_t entry_count;
        uint32_t value_type;
    };
    struct Entry {
        uint32_t text;
        uint32_t value;
    };
    enum : uint32_t { kValueMap = 1, kBitMap = 2 };
    ByteReader in(blob);
    ETW_TRY(const auto header, in.read<Header>("map info: header"));
    if ((header.flags & (kValueMap | kBitMap)) == 0) {
        return Error{Code::kNotSupported, "map info: a kind of map that no manifest has"};
    }
    if (header.entry_count > in.remaining() / sizeof(Entry)) {
        return Error{Code::kInvalidData, "map info: entry count"};
    }
    const Texts texts(blob);
    NamedMap out;
    out.name = texts.label(header.name);
    out.map.bits = (header.flags & kBitMap) != 0;
    for (uint32_t i = 0; i < header.entry_count; ++i) {
        ETW_TRY(const auto entry, in.read<Entry>("map info: entry"));
        out.map.names.emplace_back(entry.value, texts.label(entry.text));
    }
    sort_names(out.map);
    return out;
}

}  // namespace etw::decode
