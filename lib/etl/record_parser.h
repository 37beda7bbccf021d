// One record of a buffer: how far it goes and when it happened (peek), and all of it (fill). The
// merge peeks at every record of a processor before it knows whose turn it is; so peek is what must
// be fast, and it touches only the header's first bytes.
#pragma once
#include "etl/load.h"
#include "etw/log_reader.h"

#include <algorithm>

namespace etw::etl {

struct Peek {
    int64_t time = 0;
    uint16_t size = 0;
    uint8_t header_size = 0;
    wire::HeaderType type{};
};

enum class Found { kRecord, kEnd, kDamage };

struct HeaderLayout {
    uint8_t size;     // bytes; 0: no such type
    uint8_t size_at;  // offset of the size field
    uint8_t time_at;
};

constexpr auto kHeaderLayouts = [] {
    using enum wire::HeaderType;
    std::array<HeaderLayout, 32> all{};
    const auto set = [&](wire::HeaderType type, HeaderLayout layout) {
        all[size_t(type)] = layout;
    };
    for (const auto type : {kSystem32, kSystem64}) set(type, {sizeof(wire::SystemHeader), 4, 16});
    for (const auto type : {kCompact32, kCompact64}) set(type, {wire::kCompactHeaderSize, 4, 16});
    for (const auto type : {kPerfInfo32, kPerfInfo64}) {
        set(type, {sizeof(wire::PerfInfoHeader), 4, 8});
    }
    for (const auto type : {kEvent32, kEvent64}) set(type, {sizeof(wire::EventHeader), 0, 16});
    for (const auto type : {kFull32, kFull64}) set(type, {sizeof(wire::FullHeader), 0, 16});
    for (const auto type : {kInstance32, kInstance64}) {
        set(type, {sizeof(wire::InstanceHeader), 0, 16});
    }
    return all;
}();

// Where the optional items of a message header are.
struct MessageLayout {
    uint8_t identity_at = 0;  // GUID or component
    uint8_t time_at = 0;      // 0: none
    uint8_t system_at = 0;    // thread and process
    uint8_t size = 0;         // whole header
};

constexpr MessageLayout message_layout(uint16_t flags) {
    MessageLayout out;
    unsigned at = sizeof(wire::MessageHeader);
    if ((flags & wire::kMessageSequence) != 0) at += 4;
    out.identity_at = uint8_t(at);
    if ((flags & wire::kMessageComponent) != 0) {
        at += 4;
    } else if ((flags & wire::kMessageGuid) != 0) {
        at += 16;
    }
    if ((flags & (wire::kMessageTime | wire::kMessagePerfTime)) != 0) {
        out.time_at = uint8_t(at);
        at += 8;
    }
    out.system_at = uint8_t(at);
    if ((flags & wire::kMessageSystemInfo) != 0) at += 8;
    out.size = uint8_t(at);
    return out;
}

Found peek_message(const std::byte* at, size_t room, Peek& out);

// Looks at the record that starts the `room` bytes at `at`. kEnd: there is none any more. kDamage:
// what is there is no record, or says it is longer than `room`. `out` comes in as the predecessor:
// a record without a time has its time.
inline Found peek(const std::byte* at, size_t room, Peek& out) {
    if (room < sizeof(uint32_t) * 2) {
        return room < sizeof(uint32_t) || load<uint32_t>(at) == UINT32_MAX ? Found::kEnd
                                                                           : Found::kDamage;
    }
    // With the size, which stands in the first word or the second: where the next record begins is
    // what all else waits for.
    const auto front = load<uint64_t>(at);
    const auto marker = uint32_t(front);
    if (marker >> 24 != wire::kMarkerEvent) {
        if (marker >> 24 == wire::kMarkerMessage) return peek_message(at, room, out);
        return marker == UINT32_MAX ? Found::kEnd : Found::kDamage;
    }
    const auto type = uint8_t(marker >> 16);
    if (type >= kHeaderLayouts.size()) return Found::kDamage;
    const HeaderLayout& layout = kHeaderLayouts[type];
    const auto size = uint16_t(front >> (8 * layout.size_at));
    if (layout.size == 0 || size < layout.size || size > room) return Found::kDamage;
    out.time = load<int64_t>(at + layout.time_at);
    out.size = size;
    out.header_size = layout.size;
    out.type = wire::HeaderType{type};
    return Found::kRecord;
}

// All of a record that peek found at `at`. Returns false where its inner parts run past its end;
// `out` is then of no use.
bool fill(const std::byte* at, const Peek& peek, Record& out);

}  // namespace etw::etl
