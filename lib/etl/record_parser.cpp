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

// What a header that is no event's does not have.
void clear_event_parts(Record& out) {
    out.message_flags = 0;
    out.message_sequence = 0;
    out.activity = {};
    out.extended = {};
}

// Version, hook and what the consumer makes of them; the payload starts behind the counters.
bool fill_hook(const std::byte* at, const Peek& peek, Record& out) {
    // Both headers begin alike but for the width of the version.
    const auto header = load<wire::PerfInfoHeader>(at);
    clear_event_parts(out);
    out.hook_id = header.hook_id;
    out.descriptor = {};
    out.descriptor.version = header.version;
    out.descriptor.opcode = uint8_t(header.hook_id);
    out.provider =
        kernel_class(header.hook_id == kHookImageLoad ? kGroupImage : uint8_t(header.hook_id >> 8));
    size_t start = peek.header_size;
    if (header.flags != 0) [[unlikely]] {
        start += size_t{8} * (header.flags & kItemCounters);
        start += (header.flags & kItemPebs) != 0 ? 8 : 0;
        if (start > peek.size) return false;
    }
    out.payload = Bytes(at + start, peek.size - start);
    return true;
}

bool fill_system(const std::byte* at, const Peek& peek, Record& out) {
    out.thread_id = load<uint32_t>(at + offsetof(wire::SystemHeader, thread_id));
    out.process_id = load<uint32_t>(at + offsetof(wire::SystemHeader, process_id));
    out.kernel_time = out.user_time = 0;
    if (peek.header_size == sizeof(wire::SystemHeader)) {
        out.kernel_time = load<uint32_t>(at + offsetof(wire::SystemHeader, kernel_time));
        out.user_time = load<uint32_t>(at + offsetof(wire::SystemHeader, user_time));
    }
    return fill_hook(at, peek, out);
}

bool fill_perfinfo(const std::byte* at, const Peek& peek, Record& out) {
    out.thread_id = out.process_id = kNoId;
    out.kernel_time = out.user_time = 0;
    return fill_hook(at, peek, out);
}

bool fill_event(const std::byte* at, const Peek& peek, Record& out) {
    using wire::EventHeader;
    out.process_id = load<uint32_t>(at + offsetof(EventHeader, process_id));
    out.thread_id = load<uint32_t>(at + offsetof(EventHeader, thread_id));
    out.provider = load<Guid>(at + offsetof(EventHeader, provider_id));
    out.descriptor = load<wire::EventDescriptor>(at + offsetof(EventHeader, descriptor));
    out.hook_id = 0;
    out.message_flags = 0;
    out.message_sequence = 0;
    out.kernel_time = load<uint32_t>(at + offsetof(EventHeader, kernel_time));
    out.user_time = load<uint32_t>(at + offsetof(EventHeader, user_time));
    out.activity = load<Guid>(at + offsetof(EventHeader, activity_id));
    const Bytes rest(at + sizeof(EventHeader), peek.size - sizeof(EventHeader));
    size_t items = 0;
    if ((load<uint16_t>(at + offsetof(EventHeader, flags)) & wire::kEventExtended) != 0) {
        const auto length = chain_length(rest);
        if (!length) return false;
        items = *length;
    }
    out.extended = rest.first(items);
    out.payload = rest.subspan(items);
    return true;
}

bool fill_full(const std::byte* at, const Peek& peek, Record& out) {
    const auto header = load<wire::FullHeader>(at);
    clear_event_parts(out);
    out.process_id = header.process_id;
    out.thread_id = header.thread_id;
    out.provider = header.event_class;
    out.descriptor = {};
    out.descriptor.version = uint8_t(header.version);
    out.descriptor.level = header.level;
    out.descriptor.opcode = header.opcode;
    out.hook_id = 0;
    out.kernel_time = header.kernel_time;
    out.user_time = header.user_time;
    out.payload = Bytes(at + peek.header_size, size_t{peek.size} - peek.header_size);
    return true;
}

bool fill_message(const std::byte* at, const Peek& peek, Record& out) {
    const auto header = load<wire::MessageHeader>(at);
    const MessageLayout layout = message_layout(header.flags);
    if (layout.size > peek.size) return false;
    clear_event_parts(out);
    out.is_64_bit = (header.flags & wire::kMessagePointer32) == 0;
    out.message_flags = header.flags;
    out.descriptor = {};
    out.descriptor.id = header.number;
    out.hook_id = 0;
    out.kernel_time = out.user_time = 0;
    out.thread_id = out.process_id = kNoId;
    if ((header.flags & wire::kMessageSequence) != 0) {
        out.message_sequence = load<uint32_t>(at + sizeof(header));
    }
    out.provider = {};
    if ((header.flags & wire::kMessageComponent) != 0) {
        out.provider.data1 = load<uint32_t>(at + layout.identity_at);
    } else if ((header.flags & wire::kMessageGuid) != 0) {
        out.provider = load<Guid>(at + layout.identity_at);
    }
    if ((header.flags & wire::kMessageSystemInfo) != 0) {
        out.thread_id = load<uint32_t>(at + layout.system_at);
        out.process_id = load<uint32_t>(at + layout.system_at + 4);
    }
    out.payload = Bytes(at + layout.size, size_t{peek.size} - layout.size);
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
    // Every field is set once, here or by the kind of header: clearing the whole of `out` first
    // would double the work.
    out.type = peek.type;
    out.is_64_bit = is_64_bit(peek.type);
    out.size = peek.size;
    out.time_stamp = peek.time;
    out.raw = Bytes(at, peek.size);
    switch (peek.type) {
        case kSystem32:
        case kSystem64:
        case kCompact32:
        case kCompact64:
            return fill_system(at, peek, out);
        case kPerfInfo32:
        case kPerfInfo64:
            return fill_perfinfo(at, peek, out);
        case kEvent32:
        case kEvent64:
            return fill_event(at, peek, out);
        case kFull32:
        case kFull64:
        case kInstance32:
        case kInstance64:
            return fill_full(at, peek, out);
        case kMessage:
            return fill_message(at, peek, out);
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
