#include "kernel/events/self_describing.h"

#include "base/byte_writer.h"

#include <algorithm>

namespace etw::kernel {
namespace {

// TraceLogging types; see etl-format.md.
constexpr uint8_t kText = 2;
constexpr uint8_t kSigned[] = {3, 5, 7, 9};  // by the binary logarithm of the size
constexpr uint8_t kUnsigned[] = {4, 6, 8, 10};
constexpr uint8_t kBinary = 14;
constexpr uint8_t kHex64 = 21;
constexpr uint8_t kCounted = 0x40;  // a u16 count, then the elements
constexpr uint8_t kOutFollows = 0x80;
constexpr uint8_t kOutBoolean = 3;

constexpr size_t kMaxFields = 128;  // of a TraceLogging event
constexpr size_t kMaxDescription = 2048;

uint8_t number_type(const Member& m) {
    if (m.is_address && m.element == 8) return kHex64;
    const auto log = size_t(std::countr_zero(m.element));
    return m.is_signed ? kSigned[log] : kUnsigned[log];
}

void describe(const Member& m, ByteWriter& out) {
    out.append_text(m.name);
    out.write(uint8_t{0});
    switch (m.kind) {
        case Member::Kind::kNumber:
            if (m.is_truth) {
                out.write(uint8_t(number_type(m) | kOutFollows));
                out.write(kOutBoolean);
            } else {
                out.write(number_type(m));
            }
            break;
        case Member::Kind::kNumbers:
            out.write(uint8_t(number_type(m) | kCounted));
            break;
        case Member::Kind::kText:
            out.write(kText);
            break;
        case Member::Kind::kBytes:
            out.write(kBinary);
            break;
    }
}

// `body` stands behind a u16 with the size of both.
void put_item(ByteWriter& out, wire::ExtendedType type, bool another, Bytes body) {
    const size_t data = sizeof(uint16_t) + body.size();
    const size_t size = (sizeof(wire::ExtendedItem) + data + 7) / 8 * 8;
    const size_t begin = out.size();
    out.write(wire::ExtendedItem{uint16_t(size), uint16_t(type), uint16_t(another ? 1 : 0),
                                 uint16_t(data)});
    out.write(uint16_t(data));
    out.append(body);
    while (out.size() < begin + size) out.write(uint8_t{0});
}

template <class T>
void append(std::vector<std::byte>& out, const T& value) {
    const auto bytes = std::as_bytes(std::span(&value, 1));
    out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

SelfDescribing::SelfDescribing(const Name& name, std::vector<Member> members)
    : members_(std::move(members)) {
    ByteWriter schema;
    schema.write(uint8_t{0});  // no tags
    schema.append_text(name.event);
    schema.write(uint8_t{0});
    size_t taken = 0;
    size_t varying = 0;
    size_t fields = 0;
    for (const Member& m : members_) {
        if (fields == kMaxFields || schema.size() + m.name.size() > kMaxDescription) break;
        describe(m, schema);
        ++fields;
        taken += m.kind == Member::Kind::kNumber ? m.element : sizeof(uint16_t);
        varying += m.kind == Member::Kind::kNumber ? 0 : 1;
    }
    members_.resize(fields);
    ByteWriter traits;
    traits.append_text(name.provider);
    traits.write(uint8_t{0});
    ByteWriter head;
    wire::EventHeader header{};
    header.header_type = uint8_t(wire::HeaderType::kEvent64);
    header.marker = wire::kMarkerEvent;
    header.flags = wire::kEventExtended;
    header.provider_id = name.guid;
    header.descriptor.channel = wire::kChannelTraceLogging;
    header.descriptor.level = name.level;
    header.descriptor.keyword = name.keyword;
    head.write(header);
    put_item(head, wire::ExtendedType::kEventSchemaTl, true, schema.bytes());
    put_item(head, wire::ExtendedType::kProviderTraits, false, traits.bytes());
    head_ = head.take();
    const size_t fixed = head_.size() + taken;
    if (varying != 0 && fixed < RecordBuilder::kMaxSize) {
        room_ = (RecordBuilder::kMaxSize - fixed) / varying;
    }
}

void SelfDescribing::put(const RawEvent& event, const Member& m,
                         std::vector<std::byte>& out) const {
    if (m.kind == Member::Kind::kNumber) {
        const uint64_t value = event.number(m.field);
        const auto bytes = std::as_bytes(std::span(&value, 1)).first(m.element);
        out.insert(out.end(), bytes.begin(), bytes.end());
        return;
    }
    if (m.kind == Member::Kind::kText) {
        const std::string_view text = event.text(m.field).substr(0, room_);
        const auto bytes = std::as_bytes(std::span(text));
        out.insert(out.end(), bytes.begin(), bytes.end());
        out.push_back(std::byte{0});
        return;
    }
    Bytes bytes = event.bytes(m.field);
    bytes = bytes.first(std::min(bytes.size(), room_) / m.element * m.element);
    append(out, uint16_t(bytes.size() / m.element));
    out.insert(out.end(), bytes.begin(), bytes.end());
}

void SelfDescribing::send(const RawEvent& event, RecordIds ids, RecordSink& sink) const {
    static thread_local std::vector<std::byte> record;
    record = head_;
    for (const Member& m : members_) put(event, m, record);
    wire::EventHeader header{};
    std::memcpy(&header, record.data(), sizeof(header));
    header.size = uint16_t(record.size());
    header.thread_id = ids.thread;
    header.process_id = ids.process;
    header.time_stamp = event.time;
    std::memcpy(record.data(), &header, sizeof(header));
    sink.append(event.cpu, record, offsetof(wire::EventHeader, time_stamp), event.time);
}

}  // namespace etw::kernel
