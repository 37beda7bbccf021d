// Packets that providers send, checked: from here on their sizes and enumerators are right, their
// values are still the peer's.
#pragma once
#include "etw/bytes.h"
#include "wire/provider_protocol.h"

#include <string>
#include <variant>

namespace etw::host {

struct RegisterPacket {
    wire::Register fixed;
    Bytes traits;  // well formed: see traits_name(); empty where there is none
};

struct EventPacket {
    wire::Event fixed;
    Bytes record;  // one whole record; fixed.time_stamp_offset lies in it
};

using ProviderPacket = std::variant<wire::Hello, wire::Rings, RegisterPacket, wire::Unregister,
                                    wire::Ack, EventPacket, wire::EventsLost, wire::PrivateStatus>;

// Views point into `packet`. Fails with kInvalidData.
Result<ProviderPacket> parse_provider_packet(Bytes packet);

// The provider's name in a traits blob; empty where there is none.
std::string traits_name(Bytes traits);

}  // namespace etw::host
