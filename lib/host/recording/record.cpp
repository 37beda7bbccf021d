#include "host/recording/record.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace etw::host {
namespace {

using wire::HeaderType;

constexpr uint32_t kNarrowSizeOffset = 4;  // of the size field in system and perfinfo headers

struct Layout {
    uint32_t minimum;
    uint32_t size_offset;
    RecordShape shape;
};

Result<Layout> layout_of(HeaderType type) {
    constexpr RecordShape kWithIds{0, 16, 8, 12};
    switch (type) {
        case HeaderType::kSystem32:
        case HeaderType::kSystem64:
            return Layout{sizeof(wire::SystemHeader), kNarrowSizeOffset, kWithIds};
        case HeaderType::kCompact32:
        case HeaderType::kCompact64:
            return Layout{wire::kCompactHeaderSize, kNarrowSizeOffset, kWithIds};
        case HeaderType::kPerfInfo32:
        case HeaderType::kPerfInfo64:
            return Layout{sizeof(wire::PerfInfoHeader), kNarrowSizeOffset, {0, 8, 0, 0}};
        case HeaderType::kEvent32:
        case HeaderType::kEvent64:
            return Layout{sizeof(wire::EventHeader), 0, kWithIds};
        case HeaderType::kFull32:
        case HeaderType::kFull64:
            return Layout{sizeof(wire::FullHeader), 0, kWithIds};
        case HeaderType::kInstance32:
        case HeaderType::kInstance64:
            return Layout{sizeof(wire::InstanceHeader), 0, kWithIds};
        default:
            return Error{Code::kInvalidData, "record: header type", 2};
    }
}

Layout message_layout(uint16_t flags) {
    uint32_t at = sizeof(wire::MessageHeader);
    Layout out{0, 0, {}};
    if ((flags & wire::kMessageSequence) != 0) at += 4;
    if ((flags & wire::kMessageComponent) != 0) {
        at += 4;
    } else if ((flags & wire::kMessageGuid) != 0) {
        at += sizeof(Guid);
    }
    if ((flags & (wire::kMessageTime | wire::kMessagePerfTime)) != 0) {
        out.shape.time_offset = at;
        at += 8;
    }
    if ((flags & wire::kMessageSystemInfo) != 0) {
        out.shape.thread_offset = at;
        out.shape.process_offset = at + 4;
        at += 8;
    }
    out.minimum = at;
    return out;
}

}  // namespace

Result<RecordShape> shape_of(Bytes head, size_t available) {
    struct Start {
        uint16_t first;
        uint8_t type;
        uint8_t marker;
        uint16_t second;
        uint16_t third;
    };
    ByteReader in(head);
    ETW_TRY(const auto start, in.read<Start>("record: first bytes"));
    Layout layout{};
    if (start.marker == wire::kMarkerMessage) {
        layout = message_layout(start.third);
    } else if (start.marker == wire::kMarkerEvent) {
        ETW_TRY(layout, layout_of(HeaderType(start.type)));
    } else {
        return Error{Code::kInvalidData, "record: marker", 3};
    }
    RecordShape shape = layout.shape;
    shape.size = layout.size_offset == kNarrowSizeOffset ? start.second : start.first;
    if (shape.size < layout.minimum) return Error{Code::kInvalidData, "record: size", 0};
    if (shape.size > available || wire::align8(shape.size) > available) {
        return Error{Code::kInvalidData, "record: longer than its block", 0};
    }
    return shape;
}

namespace {

// False at the first record that makes no sense.
template <class F>
bool for_each_record(Bytes records, F f) {
    while (!records.empty()) {
        // A copy: the ring's may change under our hands.
        std::array<std::byte, kRecordHeadSize> head;
        const size_t size = std::min(records.size(), head.size());
        std::memcpy(head.data(), records.data(), size);
        const auto shape = shape_of(Bytes(head).first(size), records.size());
        if (!shape) return false;
        f(*shape, head.data());
        records = records.subspan(std::min(records.size(), wire::align8(size_t{shape->size})));
    }
    return true;
}

}  // namespace

std::optional<int64_t> last_time_of(Bytes records) {
    std::optional<int64_t> last;
    const bool whole = for_each_record(records, [&](const RecordShape& shape, const auto* head) {
        if (shape.time_offset == 0) return;
        int64_t time = 0;
        std::memcpy(&time, head + shape.time_offset, sizeof(time));
        last = time;
    });
    return whole ? last : std::nullopt;
}

uint64_t count_records(Bytes records) {
    uint64_t count = 0;
    for_each_record(records, [&](const RecordShape&, const auto*) { ++count; });
    return count;
}

}  // namespace etw::host
