#include "host/providers/provider_packet.h"

#include "host/recording/record.h"

#include <algorithm>

namespace etw::host {
namespace {

using wire::ProviderMessage;

// u16 size of the blob, name, NUL, then what the host passes on unread.
Status check_traits(Bytes traits) {
    if (traits.empty()) return Ok{};
    ByteReader in(traits);
    ETW_TRY(const auto size, in.read<uint16_t>("traits: size"));
    if (size != traits.size()) return Error{Code::kInvalidData, "traits: size", 0};
    const Bytes rest = in.rest();
    if (std::find(rest.begin(), rest.end(), std::byte{0}) == rest.end()) {
        return Error{Code::kInvalidData, "traits: name", in.offset()};
    }
    return Ok{};
}

// A packet of exactly one struct.
template <class T>
Result<ProviderPacket> exactly(ByteReader& in) {
    ETW_TRY(const auto value, in.read<T>("packet"));
    if (in.remaining() != 0) return Error{Code::kInvalidData, "packet: too long", in.offset()};
    return ProviderPacket(value);
}

Result<ProviderPacket> parse_register(ByteReader& in) {
    ETW_TRY(const auto fixed, in.read<wire::Register>("register"));
    if (fixed.registration == 0 || fixed.traits_size > wire::kMaxTraitsSize ||
        fixed.traits_size != in.remaining()) {
        return Error{Code::kInvalidData, "register: fields", 0};
    }
    ETW_CHECK(check_traits(in.rest()));
    return ProviderPacket(RegisterPacket{fixed, in.rest()});
}

Result<ProviderPacket> parse_event(ByteReader& in) {
    ETW_TRY(const auto fixed, in.read<wire::Event>("event"));
    const Bytes record = in.rest();
    // The record may have been sent with its padding: what counts is that nothing else follows.
    ETW_TRY(const auto shape, shape_of(record, wire::align8(record.size())));
    if (shape.size > record.size() || wire::align8(shape.size) < record.size()) {
        return Error{Code::kInvalidData, "event: record size", 0};
    }
    if (fixed.time_stamp_offset != shape.time_offset) {
        return Error{Code::kInvalidData, "event: time stamp offset", 0};
    }
    return ProviderPacket(EventPacket{fixed, record.first(shape.size)});
}

}  // namespace

Result<ProviderPacket> parse_provider_packet(Bytes packet) {
    ETW_TRY(const auto header, ByteReader(packet).read<wire::PacketHeader>("packet header"));
    if (header.size != packet.size()) return Error{Code::kInvalidData, "packet: size", 4};
    ByteReader in(packet);
    switch (header.type) {
        case ProviderMessage::kHello:
            return exactly<wire::Hello>(in);
        case ProviderMessage::kRings:
            return exactly<wire::Rings>(in);
        case ProviderMessage::kUnregister:
            return exactly<wire::Unregister>(in);
        case ProviderMessage::kAck:
            return exactly<wire::Ack>(in);
        case ProviderMessage::kRegister:
            return parse_register(in);
        case ProviderMessage::kEvent:
            return parse_event(in);
        case ProviderMessage::kEventsLost:
            return exactly<wire::EventsLost>(in);
        case ProviderMessage::kPrivateStatus:
            return exactly<wire::PrivateStatus>(in);
        default:
            return Error{Code::kInvalidData, "packet: type", 0};
    }
}

std::string traits_name(Bytes traits) {
    if (traits.size() <= sizeof(uint16_t)) return {};
    const Bytes text = traits.subspan(sizeof(uint16_t));
    const auto end = std::find(text.begin(), text.end(), std::byte{0});
    return {reinterpret_cast<const char*>(text.data()), size_t(end - text.begin())};
}

}  // namespace etw::host
