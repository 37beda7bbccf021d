#include "etl/record_parser.h"

#include "etl/kernel_class.h"

#include <optional>

namespace etw::etl {
namespace {

constexpr uint32_t kNoId = UINT32_MAX;
constexpr uint16_t kHookImageLoad = 0x030A;  // logged in the process group, an event of Image
constexpr uint8_t kGroupImage = 0x14;
constexpr uint8_t kItemCounters = 0x07;  // flags of system and perfinfo headers
constexpr uint8_t kItemPebs = 0x80;

bool is_64_bit(wire::HeaderType type) {
    using enum wire::HeaderType;
    switch (type) {
        case kSystem32:
        case kCompact32:
        case kFull32:
        case kInstance32:
        case kPerfInfo32:
        case kEvent32:
            return false;
        default:
            return true;
    }
}

// The item at the start of `rest`, its bytes with padding; nothing where it does not fit.
struct Item {
    wire::ExtendedItem header;
    size_t step;
};
std::optional<Item> item_at(Bytes rest) {
    if (rest.size() < sizeof(wire::ExtendedItem)) return std::nullopt;
    Item item{load<wire::ExtendedItem>(rest.data()), 0};
    const size_t size = item.header.size;
    if (size < sizeof(wire::ExtendedItem) || size > rest.size()) return std::nullopt;
    // The last item's padding may be missing.
    item.step = std::min(wire::align8(size), rest.size());
    if (item.header.data_size > item.step - sizeof(wire::ExtendedItem)) return std::nullopt;
    return item;
}

constexpr uint16_t kAnotherFollows = 1;

// Length of the item chain at the start of `rest`.
std::optional<size_t> chain_length(Bytes rest) {
    size_t at = 0;
    for (;;) {
        const auto item = item_at(rest.subspan(at));
        if (!item) return std::nullopt;
        at += item->step;
        if ((item->header.linkage & kAnotherFollows) == 0) return at;
    }
}

// Version, hook and what the consumer makes of them; the payload starts behind the counters.
bool fill_hook(uint8_t version, uint8_t flags, uint16_t hook, size_t header_size, Record& out) {
    out.hook_id = hook;
    out.descriptor.version = version;
    out.descriptor.opcode = uint8_t(hook);
    out.provider = kernel_class(hook == kHookImageLoad ? kGroupImage : uint8_t(hook >> 8));
    const size_t counters =
        size_t{8} * (flags & kItemCounters) + ((flags & kItemPebs) != 0 ? 8 : 0);
    if (counters > out.raw.size() - header_size) return false;
    out.payload = out.raw.subspan(header_size + counters);
    return true;
}

bool fill_system(const std::byte* at, const Peek& peek, Record& out) {
    const auto version = load<uint16_t>(at + offsetof(wire::SystemHeader, version));
    out.thread_id = load<uint32_t>(at + offsetof(wire::SystemHeader, thread_id));
    out.process_id = load<uint32_t>(at + offsetof(wire::SystemHeader, process_id));
    if (peek.header_size == sizeof(wire::SystemHeader)) {
        out.kernel_time = load<uint32_t>(at + offsetof(wire::SystemHeader, kernel_time));
        out.user_time = load<uint32_t>(at + offsetof(wire::SystemHeader, user_time));
    }
    return fill_hook(uint8_t(version), uint8_t(version >> 8),
                     load<uint16_t>(at + offsetof(wire::SystemHeader, hook_id)), peek.header_size,
                     out);
}

bool fill_perfinfo(const std::byte* at, Record& out) {
    const auto header = load<wire::PerfInfoHeader>(at);
    return fill_hook(header.version, header.flags, header.hook_id, sizeof(header), out);
}

bool fill_event(const std::byte* at, Record& out) {
    const auto header = load<wire::EventHeader>(at);
    out.process_id = header.process_id;
    out.thread_id = header.thread_id;
    out.provider = header.provider_id;
    out.descriptor = header.descriptor;
    out.kernel_time = header.kernel_time;
    out.user_time = header.user_time;
    out.activity = header.activity_id;
    Bytes rest = out.raw.subspan(sizeof(header));
    if ((header.flags & wire::kEventExtended) != 0) {
        const auto length = chain_length(rest);
        if (!length) return false;
        out.extended = rest.first(*length);
        rest = rest.subspan(*length);
    }
    out.payload = rest;
    return true;
}

bool fill_full(const std::byte* at, const Peek& peek, Record& out) {
    const auto header = load<wire::FullHeader>(at);
    out.process_id = header.process_id;
    out.thread_id = header.thread_id;
    out.provider = header.event_class;
    out.descriptor.version = uint8_t(header.version);
    out.descriptor.level = header.level;
    out.descriptor.opcode = header.opcode;
    out.kernel_time = header.kernel_time;
    out.user_time = header.user_time;
    out.payload = out.raw.subspan(peek.header_size);
    return true;
}

bool fill_message(const std::byte* at, Record& out) {
    const auto header = load<wire::MessageHeader>(at);
    const MessageLayout layout = message_layout(header.flags);
    if (layout.size > out.raw.size()) return false;
    out.is_64_bit = (header.flags & wire::kMessagePointer32) == 0;
    out.message_flags = header.flags;
    out.descriptor.id = header.number;
    if ((header.flags & wire::kMessageSequence) != 0) {
        out.message_sequence = load<uint32_t>(at + sizeof(header));
    }
    if ((header.flags & wire::kMessageComponent) != 0) {
        out.provider.data1 = load<uint32_t>(at + layout.identity_at);
    } else if ((header.flags & wire::kMessageGuid) != 0) {
        out.provider = load<Guid>(at + layout.identity_at);
    }
    if ((header.flags & wire::kMessageSystemInfo) != 0) {
        out.thread_id = load<uint32_t>(at + layout.system_at);
        out.process_id = load<uint32_t>(at + layout.system_at + 4);
    }
    out.payload = out.raw.subspan(layout.size);
    return true;
}

}  // namespace

Found peek_message(const std::byte* at, size_t room, Peek& out) {
    const auto header = load<wire::MessageHeader>(at);
    if (header.size < sizeof(header) || header.size > room) return Found::kDamage;
    const MessageLayout layout = message_layout(header.flags);
    if (layout.time_at != 0 && layout.size <= header.size) {
        out.time = load<int64_t>(at + layout.time_at);
    }
    out.size = header.size;
    out.header_size = sizeof(header);
    out.type = wire::HeaderType::kMessage;
    return Found::kRecord;
}

bool fill(const std::byte* at, const Peek& peek, Record& out) {
    using enum wire::HeaderType;
    out = Record{};
    out.type = peek.type;
    out.is_64_bit = is_64_bit(peek.type);
    out.size = peek.size;
    out.time_stamp = peek.time;
    out.process_id = out.thread_id = kNoId;
    out.raw = Bytes(at, peek.size);
    switch (peek.type) {
        case kSystem32:
        case kSystem64:
        case kCompact32:
        case kCompact64:
            return fill_system(at, peek, out);
        case kPerfInfo32:
        case kPerfInfo64:
            return fill_perfinfo(at, out);
        case kEvent32:
        case kEvent64:
            return fill_event(at, out);
        case kFull32:
        case kFull64:
        case kInstance32:
        case kInstance64:
            return fill_full(at, peek, out);
        case kMessage:
            return fill_message(at, out);
        case kError:
            break;
    }
    return false;
}

std::optional<Bytes> find_extended(const Record& record, wire::ExtendedType type) {
    Bytes rest = record.extended;
    while (const auto item = item_at(rest)) {
        if (item->header.type == uint16_t(type)) {
            return rest.subspan(sizeof(wire::ExtendedItem), item->header.data_size);
        }
        rest = rest.subspan(item->step);
    }
    return std::nullopt;
}

}  // namespace etw::etl
