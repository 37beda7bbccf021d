#include "render/message.h"

#include "render/conversion.h"
#include "render/digits.h"
#include "render/quoted.h"

#include <limits>

namespace etw::render {
namespace {

using decode::Item;
using decode::MessagePart;

constexpr size_t kNone = std::numeric_limits<size_t>::max();

bool is_flat(const Item& item) {
    return item.kind == Item::Kind::kValue || item.kind == Item::Kind::kValues;
}

// The index of top-level item number `number`.
size_t find_top_level(const std::vector<Item>& items, size_t number) {
    size_t depth = 0;
    for (size_t i = 0; i < items.size(); ++i) {
        const Item::Kind kind = items[i].kind;
        if (kind == Item::Kind::kArrayEnd || kind == Item::Kind::kStructEnd) {
            --depth;
            continue;
        }
        if (depth == 0 && number-- == 0) return i;
        if (!is_flat(items[i])) ++depth;
    }
    return kNone;
}

const MessagePart* first_missing(const decode::Event& event) {
    for (const MessagePart& part : event.message->parts) {
        if (part.kind != MessagePart::Kind::kValue) continue;
        if (find_top_level(event.items, part.value) == kNone) return &part;
    }
    return nullptr;
}

void append_item_value(OutBuffer& out, const std::vector<Item>& items, size_t index,
                       std::string_view conversion, ValueRules rules) {
    const Item& item = items[index];
    const auto how = parse_conversion(conversion);
    if (how && item.kind == Item::Kind::kValue) {
        return append_converted(out, *item.field, item.bytes, *how, rules);
    }
    append_item(out, items, index, rules);
}

void append_header_number(OutBuffer& out, uint32_t number, std::string_view conversion) {
    const auto how = parse_conversion(conversion);
    if (how && append_integer(out, *how, number, sizeof(number))) return;
    append_number(out, number);
}

void append_part(OutBuffer& out, const etl::Record& record, const decode::Event& event,
                 const MessagePart& part, ValueRules rules) {
    switch (part.kind) {
        case MessagePart::Kind::kText:
            return append_bare(out, part.text);
        case MessagePart::Kind::kValue:
            return append_item_value(out, event.items, find_top_level(event.items, part.value),
                                     part.text, rules);
        case MessagePart::Kind::kHeader:
            return append_header_number(out, header_number(record, part.value), part.text);
        case MessagePart::Kind::kFunction:
            return append_bare(out, event.message->function);
        case MessagePart::Kind::kLevel:
            return append_level(out, record, event);
        case MessagePart::Kind::kFlags:
            return append_flags(out, record, event);
        case MessagePart::Kind::kComponent:
            return append_component(out, record, event);
        case MessagePart::Kind::kSubcomponent:
            return append_bare(out, event.message->subcomponent);
    }
}

void append_exception(OutBuffer& out, const etl::Record& record, const decode::Event& event,
                      uint32_t parameter) {
    out.append("*****FormatMessage ");
    append_bare(out, event.name);
    out.append('(');
    append_bare(out, event.opcode.empty() ? event.message->function : event.opcode);
    out.append(") of ");
    append_component(out, record, event);
    out.append(", parameter ");
    append_number(out, parameter);
    out.append(" raised an exception*****");
}

}  // namespace

std::optional<uint32_t> missing_parameter(const etl::Record& record, const decode::Event& event) {
    if (event.message == nullptr) return {};
    const MessagePart* const part = first_missing(event);
    if (part == nullptr) return {};
    constexpr uint32_t kFirstOfMessage = 10;  // %1 to %9 are the prefix's
    return part->value + (record.type == wire::HeaderType::kMessage ? kFirstOfMessage : 1);
}

void append_message(OutBuffer& out, const etl::Record& record, const decode::Event& event,
                    ValueRules rules) {
    if (const auto parameter = missing_parameter(record, event)) {
        return append_exception(out, record, event, *parameter);
    }
    for (const MessagePart& part : event.message->parts) {
        append_part(out, record, event, part, rules);
    }
}

void append_level(OutBuffer& out, const etl::Record& record, const decode::Event& event) {
    if (event.message != nullptr && !event.message->level.empty()) {
        return append_bare(out, event.message->level);
    }
    if (record.type == wire::HeaderType::kMessage) return;  // its header has none
    constexpr std::string_view kNames[] = {"LogAlways", "Critical",    "Error",
                                           "Warning",   "Information", "Verbose"};
    const uint8_t level = record.descriptor.level;
    level < std::size(kNames) ? out.append(kNames[level]) : append_number(out, level);
}

void append_flags(OutBuffer& out, const etl::Record& record, const decode::Event& event) {
    if (event.message != nullptr && !event.message->flags.empty()) {
        return append_bare(out, event.message->flags);
    }
    if (record.type == wire::HeaderType::kMessage) return;
    char* const p = out.reserve(2 + kMaxHex);
    std::memcpy(p, "0x", 2);
    out.commit(put_hex(p + 2, record.descriptor.keyword, 1, false));
}

void append_component(OutBuffer& out, const etl::Record& record, const decode::Event& event) {
    if (event.message != nullptr && !event.message->component.empty()) {
        return append_bare(out, event.message->component);
    }
    event.provider.empty() ? append_guid(out, record.provider) : out.append(event.provider);
}

uint32_t header_number(const etl::Record& record, unsigned variable) {
    switch (variable) {
        case 3:
            return record.thread_id;
        case 5:
            return record.kernel_time;
        case 6:
            return record.user_time;
        case 7:
            return record.message_sequence;
        case 8:
            return record.process_id;
        default:
            return record.cpu;
    }
}

void append_event_name(OutBuffer& out, const decode::Event& event) {
    out.append(event.name);
    if (event.opcode.empty()) return;
    out.append('/');
    out.append(event.opcode);
}

}  // namespace etw::render
