#include "export/pcapng.h"

#include "export/event_fields.h"
#include "render/record_filter.h"

#include <fmt/format.h>

#include <utility>

namespace etw::exports {
namespace {

constexpr uint32_t kSectionHeader = 0x0A0D0D0A;
constexpr uint32_t kInterfaceDescription = 1;
constexpr uint32_t kEnhancedPacket = 6;
constexpr uint32_t kByteOrder = 0x1A2B3C4D;
constexpr size_t kAround = 3 * sizeof(uint32_t);  // type and length before a block, length behind

// Options.
constexpr uint16_t kEnd = 0, kComment = 1;
constexpr uint16_t kApplication = 4;                                  // of the section header
constexpr uint16_t kName = 2, kDescription = 3, kTimeResolution = 9;  // of an interface
constexpr uint16_t kFlags = 2, kPacketId = 5;                         // of a packet
constexpr std::byte kNanoseconds{9};

size_t padding(size_t size) { return (4 - size % 4) % 4; }

void pad(ByteWriter& out, size_t size) {
    for (size_t i = 0; i < padding(size); ++i) out.write(uint8_t{0});
}

// NDIS captures wireless frames as they are after decryption, and leaves the bit set that says
// otherwise.
void append_bytes(ByteWriter& out, const Packet& packet) {
    constexpr size_t kFlagsAt = 1;
    constexpr std::byte kProtected{0x40};
    if (packet.interface.link != Link::kWifi || packet.bytes.size() <= kFlagsAt) {
        return out.append(packet.bytes);
    }
    out.append(packet.bytes.first(kFlagsAt));
    out.write(packet.bytes[kFlagsAt] & ~kProtected);
    out.append(packet.bytes.subspan(kFlagsAt + 1));
}

std::string interface_name(const Interface& interface, const PacketReader::Component& component) {
    switch (interface.kind) {
        case Interface::Kind::kSwitch:
            return fmt::format("vNIC port {}", interface.index);
        case Interface::Kind::kPktMon:
            return component.name.empty() ? fmt::format("component {}", interface.index)
                                          : component.name;
        case Interface::Kind::kNdis:
            break;
    }
    const char* const medium = interface.link == Link::kWifi  ? "wifi"
                               : interface.link == Link::kRaw ? "mbb"
                                                              : "eth";
    return fmt::format("{}:{}", medium, interface.index);
}

}  // namespace

void Pcapng::Options::add(uint16_t code, Bytes value) {
    const Bytes bytes = value.first(std::min<size_t>(value.size(), UINT16_MAX));
    out_.write(code);
    out_.write(uint16_t(bytes.size()));
    out_.append(bytes);
    pad(out_, bytes.size());
}

ByteWriter& Pcapng::Options::end() {
    out_.write(kEnd);
    out_.write(uint16_t{0});
    return out_;
}

Result<std::unique_ptr<Pcapng>> Pcapng::create(const std::string& path) {
    ETW_TRY(OutFile file, OutFile::create(path));
    return std::unique_ptr<Pcapng>(new Pcapng(std::move(file), path == kStandardOutput));
}

bool Pcapng::needs(const etl::Record& record) const {
    return render::describes(record) == render::Describes::kProcesses;
}

Status Pcapng::add(const ExportEvent& in) {
    if (!begun_) ETW_CHECK(begin());
    names_.learn(in.record, in.event);
    if (!in.wanted) return Ok{};
    const auto packet = packets_.read(in.record);
    if (!packet) return Ok{};
    if (interfaces_.size() >= kMaxInterfaces && !interfaces_.contains(packet->interface)) {
        ++left_out_;
        return Ok{};
    }
    ETW_CHECK(write_packet(in, *packet));
    return live_ ? file_.flush() : Ok{};
}

Status Pcapng::write_block(uint32_t type, Bytes body) {
    ByteWriter out;
    const auto length = uint32_t(body.size() + kAround);
    out.write(type);
    out.write(length);
    out.append(body);
    out.write(length);
    return file_.write(out.bytes());
}

Status Pcapng::begin() {
    begun_ = true;
    ByteWriter body;
    body.write(kByteOrder);
    body.write(uint16_t{1});  // version 1.0
    body.write(uint16_t{0});
    body.write(int64_t{-1});  // length of the section: not said
    Options options;
    options.add(kApplication, "openetw tracefmt");
    body.append(options.end().bytes());
    ETW_CHECK(write_block(kSectionHeader, body.bytes()));
    return live_ ? file_.flush() : Ok{};
}

// An interface is described before its first packet.
Result<uint32_t> Pcapng::number_of(const Packet& packet) {
    const auto known = interfaces_.find(packet.interface);
    if (known != interfaces_.end()) return known->second;
    const auto number = uint32_t(interfaces_.size());
    interfaces_.emplace(packet.interface, number);

    const bool is_pktmon = packet.interface.kind == Interface::Kind::kPktMon;
    const auto component =
        is_pktmon ? packets_.component(packet.interface.index) : PacketReader::Component{};
    ByteWriter body;
    body.write(uint16_t(packet.interface.link));
    body.write(uint16_t{0});
    body.write(uint32_t{0});  // length at which packets are cut: none that we know of
    Options options;
    options.add(kName, interface_name(packet.interface, component));
    if (!component.description.empty()) options.add(kDescription, component.description);
    if (packet.interface.kind == Interface::Kind::kNdis &&
        packet.miniport != packet.interface.index) {
        options.add(kDescription, fmt::format("filter over interface {}", packet.miniport));
    }
    options.add(kTimeResolution, Bytes(&kNanoseconds, 1));
    body.append(options.end().bytes());
    ETW_CHECK(write_block(kInterfaceDescription, body.bytes()));
    return number;
}

std::string Pcapng::comment(const ExportEvent& in, const Packet& packet) const {
    std::string out;
    if (in.record.process_id != kNoId) {
        out = fmt::format("PID={} TID={}", in.record.process_id, in.record.thread_id);
        const std::string_view name = names_.process(in.record.process_id);
        if (!name.empty()) out.append(" ").append(name);
    }
    if (packet.dropped) {
        out += fmt::format("{}dropped: reason {:#x}, location {:#x}", out.empty() ? "" : " ",
                           packet.drop_reason, packet.drop_location);
    }
    return out;
}

Status Pcapng::write_packet(const ExportEvent& in, const Packet& packet) {
    ETW_TRY(const uint32_t number, number_of(packet));
    const auto time = uint64_t(in.time > 0 ? in.time : 0);
    ByteWriter body;
    body.write(number);
    body.write(uint32_t(time >> 32));
    body.write(uint32_t(time));
    body.write(uint32_t(packet.bytes.size()));
    body.write(packet.original_size);
    append_bytes(body, packet);
    pad(body, packet.bytes.size());
    Options options;
    if (packet.direction != Packet::Direction::kUnknown) {
        const uint32_t flags = packet.direction == Packet::Direction::kIn ? 1 : 2;
        options.add(kFlags, std::as_bytes(std::span(&flags, 1)));
    }
    if (packet.group != 0) options.add(kPacketId, std::as_bytes(std::span(&packet.group, 1)));
    const std::string text = comment(in, packet);
    if (!text.empty()) options.add(kComment, text);
    body.append(options.end().bytes());
    ++count_;
    return write_block(kEnhancedPacket, body.bytes());
}

Status Pcapng::finish(uint64_t) {
    if (!begun_) ETW_CHECK(begin());
    return file_.finish();
}

std::string Pcapng::report() const {
    std::string out = fmt::format("Packets: {} of {} interfaces\n", count_, interfaces_.size());
    if (count_ == 0) {
        out += "No packets: packets come from netsh trace capture=yes and from pktmon start -c\n";
    }
    if (packets_.incomplete() + packets_.malformed() + left_out_ != 0) {
        out += fmt::format("Packets left out: {} with a fragment missing, {} that make no sense\n",
                           packets_.incomplete(), packets_.malformed() + left_out_);
    }
    return out;
}

}  // namespace etw::exports
