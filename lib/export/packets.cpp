#include "export/packets.h"

#include "base/utf16.h"
#include "decode/schema.h"

#include <algorithm>
#include <utility>

namespace etw::exports {
namespace {

constexpr Guid kNdisCapture{
    0x2ed6006e, 0x4729, 0x4609, {0xb4, 0x23, 0x3e, 0xe7, 0xbc, 0xd6, 0x78, 0xef}};
constexpr Guid kPktMon{
    0x4d4f80d9, 0xc8bd, 0x4d73, {0xbb, 0x5b, 0x19, 0xc9, 0x04, 0x02, 0xc5, 0xac}};

constexpr uint16_t kNdisFragment = 1001;
constexpr uint16_t kNdisSwitchFragment = 1003;
constexpr uint16_t kPktMonComponent = 20;
constexpr uint16_t kPktMonPacket = 160;
constexpr uint16_t kPktMonDrop = 170;

// Keywords of the NDIS events.
constexpr uint64_t kWirelessWan = 0x200;
constexpr uint64_t kNativeWifi = 0x10000;
constexpr uint64_t kPacketStart = 0x40000000;
constexpr uint64_t kPacketEnd = 0x80000000;
constexpr uint64_t kSend = 0x100000000;
constexpr uint64_t kReceive = 0x200000000;

Link ndis_link(uint64_t keyword) {
    if ((keyword & kNativeWifi) != 0) return Link::kWifi;
    return (keyword & kWirelessWan) != 0 ? Link::kRaw : Link::kEthernet;
}

Packet::Direction ndis_direction(uint64_t keyword) {
    if ((keyword & kSend) != 0) return Packet::Direction::kOut;
    return (keyword & kReceive) != 0 ? Packet::Direction::kIn : Packet::Direction::kUnknown;
}

// PKTMON_DIRECTION: in, out, receive, transmit, ingress, egress.
Packet::Direction pktmon_direction(uint16_t tag) {
    constexpr uint16_t kLast = 6;
    if (tag == 0 || tag > kLast) return Packet::Direction::kUnknown;
    return tag % 2 != 0 ? Packet::Direction::kIn : Packet::Direction::kOut;
}

std::optional<Link> pktmon_link(uint16_t packet_type) {
    switch (packet_type) {
        case 1:
            return Link::kEthernet;
        case 2:
            return Link::kWifi;
        case 3:
            return Link::kRaw;
        default:
            return std::nullopt;
    }
}

// A UTF-16 text up to its NUL, which is taken as well.
Result<Bytes> take_text(ByteReader& in) {
    const Bytes rest = in.rest();
    for (size_t i = 0; rest.size() - i >= 2; i += 2) {
        if (rest[i] != std::byte{0} || rest[i + 1] != std::byte{0}) continue;
        ETW_CHECK(in.take(i + 2, "text"));
        return rest.first(i);
    }
    return Error{Code::kInvalidData, "text without its end", in.offset()};
}

uint32_t big_endian_16(Bytes bytes, size_t at) {
    return uint32_t(bytes[at]) << 8 | uint32_t(bytes[at + 1]);
}

// NDIS does not say that it has cut a packet: the IP header in it does. 0: it does not either.
uint32_t size_by_ip(Link link, Bytes bytes) {
    constexpr size_t kIpv6Header = 40, kIpv4Header = 20;
    constexpr uint32_t kEthernetHeader = 14, kTypeIpv4 = 0x0800, kTypeIpv6 = 0x86DD;
    if (link == Link::kWifi) return 0;
    const uint32_t before = link == Link::kEthernet ? kEthernetHeader : 0;
    if (bytes.size() < before + kIpv4Header) return 0;
    const uint32_t version = uint32_t(bytes[before]) >> 4;
    const uint32_t type = link == Link::kEthernet ? big_endian_16(bytes, kEthernetHeader - 2)
                          : version == 4          ? kTypeIpv4
                                                  : kTypeIpv6;
    if (type == kTypeIpv4 && version == 4) return before + big_endian_16(bytes, before + 2);
    if (type == kTypeIpv6 && version == 6) {
        return before + uint32_t(kIpv6Header) + big_endian_16(bytes, before + 4);
    }
    return 0;
}

Packet finished(Packet packet, Bytes bytes) {
    packet.bytes = bytes;
    packet.original_size =
        std::max(uint32_t(bytes.size()), size_by_ip(packet.interface.link, bytes));
    return packet;
}

// What stands before the bytes of an NDIS fragment.
struct NdisHead {
    uint32_t miniport, lower, size;
};
static_assert(sizeof(NdisHead) == 12);

struct SwitchHead {
    uint32_t miniport, lower, source_port;
};
static_assert(sizeof(SwitchHead) == 12);

// The fragment of a switch event. Where the packet goes to stands before it, in a form that is
// not published: only packets that have no destination yet can be read.
Result<Bytes> switch_fragment(ByteReader& in) {
    for (int names = 0; names < 3; ++names) ETW_CHECK(take_text(in));
    ETW_TRY(const auto destinations, in.read<uint32_t>("destinations"));
    if (destinations != 0) return Error{Code::kInvalidData, "destinations", in.offset()};
    ETW_TRY(const auto size, in.read<uint32_t>("fragment size"));
    return in.take(size, "fragment");
}

// Event 160 and 170 of PktMon, packed: 34 bytes, then the packet.
struct PktMonHead {
    uint64_t group;
    uint16_t number, appearance, direction, type, component, edge, filter;
    uint32_t drop_reason, drop_location;
    uint16_t original_size, logged_size;
};

Result<PktMonHead> read_pktmon_head(ByteReader& in) {
    PktMonHead out{};
    ETW_TRY(out.group, in.read<uint64_t>("group"));
    for (uint16_t* field : {&out.number, &out.appearance, &out.direction, &out.type, &out.component,
                            &out.edge, &out.filter}) {
        ETW_TRY(*field, in.read<uint16_t>("pktmon"));
    }
    ETW_TRY(out.drop_reason, in.read<uint32_t>("drop reason"));
    ETW_TRY(out.drop_location, in.read<uint32_t>("drop location"));
    ETW_TRY(out.original_size, in.read<uint16_t>("original size"));
    ETW_TRY(out.logged_size, in.read<uint16_t>("logged size"));
    return out;
}

}  // namespace

bool is_packet_event(const etl::Record& record) noexcept {
    const uint16_t id = record.descriptor.id;
    if (record.provider == kNdisCapture) return id == kNdisFragment || id == kNdisSwitchFragment;
    return record.provider == kPktMon && (id == kPktMonPacket || id == kPktMonDrop);
}

std::optional<Packet> PacketReader::read(const etl::Record& record) {
    if (record.provider == kPktMon && record.descriptor.id == kPktMonComponent) {
        read_component(record);
        return std::nullopt;
    }
    if (!is_packet_event(record)) return std::nullopt;
    if (record.provider == kPktMon) return read_pktmon(record);
    return record.descriptor.id == kNdisFragment ? read_ndis(record) : read_switch(record);
}

std::optional<Packet> PacketReader::read_ndis(const etl::Record& record) {
    ByteReader in(record.payload);
    const auto head = in.read<NdisHead>("packet fragment");
    const auto fragment = head ? in.take(head->size, "fragment") : Result<Bytes>(head.error());
    if (!fragment) {
        ++malformed_;
        return std::nullopt;
    }
    const uint64_t keyword = record.descriptor.keyword;
    Packet packet;
    packet.interface = {Interface::Kind::kNdis, ndis_link(keyword), head->lower};
    packet.miniport = head->miniport;
    packet.direction = ndis_direction(keyword);
    const Key key{record.thread_id, head->miniport, head->lower, record.cpu,
                  keyword & (kSend | kReceive)};
    return assemble(record, key, packet, *fragment);
}

std::optional<Packet> PacketReader::read_switch(const etl::Record& record) {
    ByteReader in(record.payload);
    const auto head = in.read<SwitchHead>("packet fragment");
    const auto fragment = head ? switch_fragment(in) : Result<Bytes>(head.error());
    if (!fragment) {
        ++malformed_;
        return std::nullopt;
    }
    const uint64_t keyword = record.descriptor.keyword;
    Packet packet;
    packet.interface = {Interface::Kind::kSwitch, ndis_link(keyword), head->source_port};
    packet.miniport = head->miniport;
    packet.direction = ndis_direction(keyword);
    const Key key{record.thread_id, head->miniport, head->source_port, record.cpu,
                  keyword & (kSend | kReceive)};
    return assemble(record, key, packet, *fragment);
}

// A packet is there when its last fragment is; one whose first is missing never will be.
std::optional<Packet> PacketReader::assemble(const etl::Record& record, const Key& key,
                                             Packet packet, Bytes fragment) {
    const bool first = (record.descriptor.keyword & kPacketStart) != 0;
    const bool last = (record.descriptor.keyword & kPacketEnd) != 0;
    auto at = fragments_.find(key);
    if (first && at != fragments_.end()) {  // the one before never ended
        ++incomplete_;
        forget(key);
        at = fragments_.end();
    }
    if (first && last) return finished(std::move(packet), fragment);
    if (!first && at == fragments_.end()) {
        incomplete_ += last;
        return std::nullopt;
    }
    if (first && fragments_.size() >= kMaxUnfinished) {
        ++incomplete_;
        return std::nullopt;
    }
    std::vector<std::byte>& bytes = first ? fragments_[key] : at->second;
    if (bytes.size() + fragment.size() > kMaxPacket || held_ + fragment.size() > kMaxFragments) {
        ++incomplete_;
        forget(key);
        return std::nullopt;
    }
    bytes.insert(bytes.end(), fragment.begin(), fragment.end());
    held_ += fragment.size();
    if (!last) return std::nullopt;
    whole_ = bytes;
    forget(key);
    return finished(std::move(packet), whole_);
}

void PacketReader::forget(const Key& key) {
    const auto at = fragments_.find(key);
    held_ -= at->second.size();
    fragments_.erase(at);
}

std::optional<Packet> PacketReader::read_pktmon(const etl::Record& record) {
    ByteReader in(record.payload);
    const auto head = read_pktmon_head(in);
    const auto link = head ? pktmon_link(head->type) : std::nullopt;
    const auto bytes = head ? in.take(head->logged_size, "packet") : Result<Bytes>(head.error());
    if (!link || !bytes) {
        ++malformed_;
        return std::nullopt;
    }
    Packet packet;
    packet.interface = {Interface::Kind::kPktMon, *link, head->component};
    packet.direction = pktmon_direction(head->direction);
    packet.bytes = *bytes;
    packet.original_size = std::max<uint32_t>(head->original_size, head->logged_size);
    packet.group = head->group;
    packet.dropped = record.descriptor.id == kPktMonDrop;
    packet.drop_reason = head->drop_reason;
    packet.drop_location = head->drop_location;
    return packet;
}

void PacketReader::read_component(const etl::Record& record) {
    ByteReader in(record.payload);
    const auto id = in.read<uint16_t>("component");
    const auto type = in.read<uint16_t>("component type");
    if (!id || !type) return;
    const auto name = take_text(in);
    const auto description = take_text(in);
    if (!name || !description || components_.size() >= kMaxComponents) return;
    components_[*id] = {decode::clean_text(to_utf8(*name)),
                        decode::clean_text(to_utf8(*description))};
}

PacketReader::Component PacketReader::component(uint32_t id) const {
    const auto at = components_.find(id);
    return at == components_.end() ? Component{} : at->second;
}

}  // namespace etw::exports
