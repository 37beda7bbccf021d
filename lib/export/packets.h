// Network packets from the events of Windows' packet captures.
//
// `netsh trace` (Microsoft-Windows-NDIS-PacketCapture) writes a packet as one event or as a run of
// fragments of one thread, the first and the last of which are marked by keywords. `pktmon`
// (Microsoft-Windows-PktMon) writes one event for each component of the network stack that a packet
// passes. Layouts: microsoft/etl2pcapng, the driver kit's PKTMON_EVT_STREAM_METADATA, and the
// providers' published manifests.
#pragma once
#include "etw/bytes.h"
#include "etw/log_reader.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace etw::exports {

enum class Link : uint16_t { kEthernet = 1, kRaw = 101, kWifi = 105 };  // as pcapng numbers them

struct Interface {
    enum class Kind : uint8_t { kNdis, kSwitch, kPktMon };
    Kind kind = Kind::kNdis;
    Link link = Link::kEthernet;
    uint32_t index = 0;  // of NDIS, a port of a switch, or a component of pktmon
    auto operator<=>(const Interface&) const = default;
};

struct Packet {
    enum class Direction : uint8_t { kUnknown, kIn, kOut };
    Interface interface;
    uint32_t miniport = 0;  // NDIS: what the interface lies over
    Direction direction = Direction::kUnknown;
    uint32_t original_size = 0;  // bytes on the wire, at least bytes.size()
    Bytes bytes;                 // valid until the next record
    uint64_t group = 0;          // pktmon: of one packet on its way through the components; 0: none
    bool dropped = false;
    uint32_t drop_reason = 0, drop_location = 0;
};

class PacketReader {
public:
    // The packet that the record completes, if it does.
    std::optional<Packet> read(const etl::Record& record);

    // What pktmon calls a component; "" if it has not said.
    struct Component {
        std::string name, description;
    };
    Component component(uint32_t id) const;

    // Packets of which a fragment is missing, and packet events that make no sense.
    uint64_t incomplete() const noexcept { return incomplete_ + fragments_.size(); }
    uint64_t malformed() const noexcept { return malformed_; }

private:
    struct Key {  // fragments of one packet
        uint32_t thread, miniport, lower;
        uint16_t cpu;
        uint64_t direction;
        auto operator<=>(const Key&) const = default;
    };
    // A log can leave as many packets unfinished as it likes: only so much is kept.
    static constexpr size_t kMaxPacket = 256 * 1024;
    static constexpr size_t kMaxFragments = 16 * 1024 * 1024;
    static constexpr size_t kMaxUnfinished = 4096;
    static constexpr size_t kMaxComponents = 65'536;

    std::optional<Packet> read_ndis(const etl::Record& record);
    std::optional<Packet> read_switch(const etl::Record& record);
    std::optional<Packet> read_pktmon(const etl::Record& record);
    void read_component(const etl::Record& record);
    std::optional<Packet> assemble(const etl::Record& record, const Key& key, Packet packet,
                                   Bytes fragment);
    void forget(const Key& key);

    std::map<Key, std::vector<std::byte>> fragments_;
    size_t held_ = 0;  // bytes in fragments_
    std::vector<std::byte> whole_;
    std::map<uint32_t, Component> components_;
    uint64_t incomplete_ = 0, malformed_ = 0;
};

// Whether a record belongs to a packet capture.
bool is_packet_event(const etl::Record& record) noexcept;

}  // namespace etw::exports
