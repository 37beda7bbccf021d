#include "decode/wevt_template.h"

#include "base/utf16.h"
#include "decode/manifest_names.h"
#include "decode/property_list.h"
#include "etw/etl_format.h"

#include <map>

namespace etw::decode {
namespace {

// Every offset is from the start of the resource, 0 for what is not there. A text is a u32 with its
// bytes, itself included, then UTF-16 up to a NUL.
constexpr uint32_t magic(const char (&text)[5]) {
    return uint32_t(text[0]) | uint32_t(text[1]) << 8 | uint32_t(text[2]) << 16 |
           uint32_t(text[3]) << 24;
}

struct FileHeader {
    uint32_t magic;  // CRIM
    uint32_t size;
    uint16_t major, minor;  // 3.1 and 5.1 seen
    uint32_t provider_count;
};
static_assert(sizeof(FileHeader) == 16);

struct ProviderEntry {
    Guid guid;
    uint32_t offset;
};

struct ProviderHeader {
    uint32_t magic;  // WEVT
    uint32_t size;
    uint32_t message;
    uint32_t list_count;
};
struct ListEntry {
    uint32_t kind;  // the list's own magic says the same
    uint32_t offset;
};
struct ListHeader {
    uint32_t magic;
    uint32_t size;
    uint32_t count;
};

struct Channel {
    uint32_t flags;
    uint32_t name;
    uint32_t value;
    uint32_t message;
};
struct Level {
    uint32_t value;
    uint32_t message;
    uint32_t name;
};
struct Opcode {
    uint16_t task;  // 0: of all tasks
    uint16_t value;
    uint32_t message;
    uint32_t name;
};
struct Task {
    uint32_t value;
    uint32_t message;
    Guid event_guid;
    uint32_t name;
};
static_assert(sizeof(Task) == 28);
struct Keyword {
    uint64_t mask;
    uint32_t message;
    uint32_t name;
};
struct MapHeader {
    uint32_t magic;  // VMAP, BMAP
    uint32_t size;
    uint32_t name;
    uint32_t flags;
    uint32_t count;
};
struct MapItem {
    uint32_t value;
    uint32_t message;
};
struct TemplateHeader {
    uint32_t magic;  // TEMP
    uint32_t size;
    uint32_t top_level_count;
    uint32_t property_count;
    uint32_t properties;
    uint32_t flags;
    Guid guid;
};
static_assert(sizeof(TemplateHeader) == 40);
struct Property {
    uint32_t flags;    // PropertyFlag
    uint16_t types;    // in-type, out-type << 8; of a struct: position of its first member
    uint16_t members;  // of a struct: how many
    uint32_t map;
    uint16_t count;   // or position of the property that says it
    uint16_t length;  // likewise
    uint32_t name;
};
static_assert(sizeof(Property) == 20);
enum PropertyFlag : uint32_t {  // other bits than those of TRACE_EVENT_INFO
    kStruct = 0x01,
    kFixedLength = 0x02,
    kLengthRefers = 0x04,
    kFixedCount = 0x08,
    kCountRefers = 0x10,
};
struct Event {
    wire::EventDescriptor descriptor;
    uint32_t message;
    uint32_t fields;
    uint32_t opcode;
    uint32_t level;
    uint32_t task;
    uint32_t keyword_count;
    uint32_t keywords;  // offset of that many offsets
    uint32_t channel;
};
static_assert(sizeof(Event) == 48);
struct Attribute {  // of a provider
    uint32_t kind;
    uint32_t value;
};
constexpr uint32_t kAttributeName = 0x10000001;
struct EventAttribute {
    uint8_t kind;
    uint8_t version;
    uint16_t id;
    uint32_t value;
};
constexpr uint8_t kEventAttributeName = 0x11;

constexpr size_t kMaxNames = 64;  // lists of a provider, keywords of an event
constexpr uint32_t kMaxProviders = 1024;

class ProviderReader {
public:
    ProviderReader(Bytes all, const MessageTable& texts, size_t& budget)
        : all_(all), texts_(texts), budget_(budget) {}

    Result<ProviderModel> read(const ProviderEntry& entry) {
        ETW_TRY(ByteReader in, at(entry.offset));
        ETW_TRY(const auto header, in.read<ProviderHeader>("WEVT: provider"));
        if (header.magic != magic("WEVT")) return Error{Code::kInvalidData, "WEVT: provider"};
        if (header.list_count > kMaxNames) return Error{Code::kInvalidData, "WEVT: provider"};
        for (uint32_t i = 0; i < header.list_count; ++i) {
            ETW_TRY(const auto list, in.read<ListEntry>("WEVT: list of a provider"));
            ETW_TRY(ByteReader list_in, at(list.offset));
            ETW_TRY(const auto list_magic, list_in.read<uint32_t>("WEVT: list"));
            lists_.try_emplace(list_magic, list.offset);
        }
        out_.guid = entry.guid;
        read_names();
        ETW_CHECK(for_each<Attribute>(magic("PRVA"), [&](const Attribute& a, uint32_t) {
            if (a.kind == kAttributeName) out_.name = clean_label(plain_text(a.value));
        }));
        if (out_.name.empty()) out_.name = clean_label(message(header.message));
        ETW_CHECK(read_events());
        return std::move(out_);
    }

private:
    Result<ByteReader> at(uint32_t offset) const {
        if (offset == 0 || offset > all_.size()) return Error{Code::kInvalidData, "WEVT: offset"};
        return ByteReader(all_.subspan(offset));
    }

    // Calls `visit(entry, its offset)` for the entries of a list, if the provider has it.
    template <class T, class Visit>
    Status for_each(uint32_t list, const Visit& visit, size_t extra_header = 0) {
        const auto found = lists_.find(list);
        if (found == lists_.end()) return Ok{};
        ETW_TRY(ByteReader in, at(found->second));
        ETW_TRY(const auto header, in.read<ListHeader>("WEVT: list"));
        ETW_CHECK(in.take(extra_header, "WEVT: list"));
        for (uint32_t i = 0; i < header.count; ++i) {
            const auto offset = uint32_t(found->second + in.offset());
            ETW_TRY(const auto entry, in.read<T>("WEVT: entry of a list"));
            if (!charge(sizeof(T))) return Error{Code::kInvalidData, "WEVT: too large"};
            visit(entry, offset);
        }
        return Ok{};
    }

    std::string text(uint32_t offset) const {
        auto in = at(offset);
        if (!in) return {};
        const auto size = in->read<uint32_t>("WEVT: text");
        if (!size || *size < sizeof(uint32_t)) return {};
        const auto bytes = in->take(*size - sizeof(uint32_t), "WEVT: text");
        return bytes ? until_nul(*bytes) : std::string();
    }
    // A text without its size before it.
    std::string plain_text(uint32_t offset) const {
        const auto in = at(offset);
        return in ? until_nul(in->rest()) : std::string();
    }
    static std::string until_nul(Bytes bytes) {
        constexpr size_t kMaxText = 1024;  // bytes: many entries can name one text
        size_t end = 0;
        while (end < kMaxText && bytes.size() - end >= 2 &&
               (bytes[end] != std::byte{0} || bytes[end + 1] != std::byte{0})) {
            end += 2;
        }
        return to_utf8(bytes.first(end));
    }

    std::string message(uint32_t id) const {
        const auto found = texts_.find(id);
        return found == texts_.end() ? std::string() : found->second;
    }

    // The message of a definition, else its name without prefix.
    std::string shown(uint32_t message_id, uint32_t name) const {
        std::string label = clean_label(message(message_id));
        if (!label.empty()) return label;
        label = clean_label(text(name));
        const size_t colon = label.rfind(':');
        if (colon != label.npos) label.erase(0, colon + 1);
        return label;
    }

    template <class T>
    void read_names_of(uint32_t list) {
        // What the list misses the events go without.
        static_cast<void>(for_each<T>(list, [&](const T& entry, uint32_t offset) {
            keep_name(offset, shown(entry.message, entry.name));
        }));
    }
    void read_names() {
        read_names_of<Level>(magic("LEVL"));
        read_names_of<Task>(magic("TASK"));
        read_names_of<Opcode>(magic("OPCO"));
        read_names_of<Keyword>(magic("KEYW"));
        static_cast<void>(for_each<Channel>(magic("CHAN"), [&](const Channel& c, uint32_t offset) {
            keep_name(offset, clean_label(text(c.name)));
        }));
        const auto add_symbol = [&](const EventAttribute& a, uint32_t) {
            if (a.kind != kEventAttributeName) return;
            std::string symbol = clean_label(plain_text(a.value));
            if (charge(symbol.size()))
                symbols_[uint32_t{a.id} << 8 | a.version] = std::move(symbol);
        };
        static_cast<void>(for_each<EventAttribute>(magic("EVTA"), add_symbol));
    }

    // Many definitions can name one text: it counts for each of them.
    void keep_name(uint32_t offset, std::string name) {
        if (charge(name.size())) names_[offset] = std::move(name);
    }
    std::string name_at(uint32_t offset) const {
        const auto found = names_.find(offset);
        return found == names_.end() ? std::string() : found->second;
    }

    std::shared_ptr<const ValueMap> map_at(uint32_t offset) {
        const auto known = maps_.find(offset);
        if (known != maps_.end()) return known->second;
        std::shared_ptr<const ValueMap> out;
        if (auto map = read_map(offset)) out = std::make_shared<const ValueMap>(*std::move(map));
        return maps_[offset] = out;
    }
    Result<ValueMap> read_map(uint32_t offset) {
        ETW_TRY(ByteReader in, at(offset));
        ETW_TRY(const auto header, in.read<MapHeader>("WEVT: map"));
        if (header.magic != magic("VMAP") && header.magic != magic("BMAP")) {
            return Error{Code::kInvalidData, "WEVT: map"};
        }
        ValueMap map;
        map.bits = header.magic == magic("BMAP");
        for (uint32_t i = 0; i < header.count; ++i) {
            ETW_TRY(const auto item, in.read<MapItem>("WEVT: map entry"));
            std::string label = clean_label(message(item.message));
            if (!charge(sizeof(map.names[0]) + label.size())) break;
            if (!label.empty()) map.names.emplace_back(item.value, std::move(label));
        }
        sort_names(map);
        return map;
    }

    std::shared_ptr<const TemplateModel> template_at(uint32_t offset) {
        if (offset == 0) return nullptr;
        const auto known = templates_.find(offset);
        if (known != templates_.end()) return known->second;
        TemplateModel model;
        if (auto read = read_template(offset)) {
            model = *std::move(read);
        } else {  // leave a field that cannot be read, so that the event says so
            model.fields.push_back({});
            model.fields[0].in_type = UINT16_MAX;
            model.fields[0].end = 1;
        }
        return templates_[offset] = std::make_shared<const TemplateModel>(std::move(model));
    }
    Result<TemplateModel> read_template(uint32_t offset) {
        ETW_TRY(ByteReader in, at(offset));
        ETW_TRY(const auto header, in.read<TemplateHeader>("WEVT: template"));
        if (header.magic != magic("TEMP")) return Error{Code::kInvalidData, "WEVT: template"};
        if (header.property_count == 0) return TemplateModel{};
        ETW_TRY(ByteReader properties, at(header.properties));
        std::vector<PropertyEntry> list;
        for (uint32_t i = 0; i < header.property_count; ++i) {
            ETW_TRY(const auto property, properties.read<Property>("WEVT: property"));
            if (i == kMaxTemplateFields || !charge(sizeof(PropertyEntry))) {
                return Error{Code::kInvalidData, "WEVT: too many properties"};
            }
            list.push_back({to_field(property), property.types, property.members});
            if (!charge(list.back().field.name.size())) {
                return Error{Code::kInvalidData, "WEVT: too large"};
            }
        }
        return to_template(std::move(list), header.top_level_count);
    }
    FieldModel to_field(const Property& property) {
        const auto has = [&](uint32_t flags) { return (property.flags & flags) != 0; };
        const auto amount = [&](uint32_t refers, uint16_t value) {
            return Amount{has(refers) ? Amount::Kind::kField : Amount::Kind::kFixed, value};
        };
        FieldModel out;
        out.name = clean_label(text(property.name));
        out.is_struct = has(kStruct);
        if (has(kFixedCount | kCountRefers)) out.count = amount(kCountRefers, property.count);
        if (out.is_struct) return out;
        out.in_type = property.types & 0xFF;
        out.out_type = property.types >> 8;
        if (has(kFixedLength | kLengthRefers) && can_be_sized(out.in_type)) {
            out.length = amount(kLengthRefers, property.length);
        }
        if (property.map != 0) out.map = map_at(property.map);
        return out;
    }

    Status read_events() {
        constexpr size_t kUnknownField = sizeof(uint32_t);  // that only the list of events has
        bool fits = true;
        const auto add = [&](const Event& e, uint32_t) {
            if (fits) fits = add_event(e);
        };
        ETW_CHECK(for_each<Event>(magic("EVNT"), add, kUnknownField));
        if (!fits) return Error{Code::kInvalidData, "WEVT: too large"};
        return Ok{};
    }

    bool add_event(const Event& e) {
        EventModel event;
        event.id = e.descriptor.id;
        event.version = e.descriptor.version;
        const auto symbol = symbols_.find(uint32_t{event.id} << 8 | event.version);
        if (symbol != symbols_.end()) event.symbol = symbol->second;
        event.level = name_at(e.level);
        if (event.level.empty()) event.level = level_name(e.descriptor.level);
        if (e.descriptor.task != 0) event.task = name_at(e.task);
        event.opcode = opcode_name(e.descriptor.opcode);
        if (event.opcode.empty()) event.opcode = name_at(e.opcode);
        event.channel = name_at(e.channel);
        if (auto in = at(e.keywords); in && e.keyword_count <= kMaxNames) {
            for (uint32_t i = 0; i < e.keyword_count; ++i) {
                const auto offset = in->read<uint32_t>("WEVT: keyword");
                if (!offset) break;
                if (std::string name = name_at(*offset); !name.empty()) {
                    event.keywords.push_back(std::move(name));
                }
            }
        }
        event.message = message(e.message);
        event.fields = template_at(e.fields);
        if (!charge(size_of(event))) return false;
        out_.events.push_back(std::move(event));
        return true;
    }

    bool charge(size_t bytes) {
        if (bytes > budget_) return false;
        budget_ -= bytes;
        return true;
    }

    Bytes all_;
    const MessageTable& texts_;
    size_t& budget_;
    ProviderModel out_;
    std::map<uint32_t, uint32_t> lists_;                        // offset by magic
    std::map<uint32_t, std::string> names_;                     // by offset of the definition
    std::map<uint32_t, std::string> symbols_;                   // by id << 8 | version
    std::map<uint32_t, std::shared_ptr<const ValueMap>> maps_;  // by offset
    std::map<uint32_t, std::shared_ptr<const TemplateModel>> templates_;  // by offset
};

}  // namespace

Result<std::vector<ProviderModel>> parse_wevt_template(Bytes resource, const MessageTable& texts) {
    ByteReader in(resource);
    ETW_TRY(const auto header, in.read<FileHeader>("WEVT: header"));
    if (header.magic != magic("CRIM")) {
        return Error{Code::kInvalidData, "WEVT: no compiled manifest"};
    }
    if (header.provider_count > kMaxProviders) return Error{Code::kInvalidData, "WEVT: header"};
    std::vector<ProviderModel> out;
    size_t budget = kMaxModelBytes;
    for (uint32_t i = 0; i < header.provider_count; ++i) {
        ETW_TRY(const auto entry, in.read<ProviderEntry>("WEVT: provider list"));
        ETW_TRY(ProviderModel provider, ProviderReader(resource, texts, budget).read(entry));
        out.push_back(std::move(provider));
    }
    return out;
}

}  // namespace etw::decode
