#include "export/packets.h"

#include "base/utf16.h"
#include "export/pcapng.h"
#include "export_log.h"

#include <gmock/gmock.h>

namespace etw::exports {
namespace {

using test::ByteVector;
using test::EventOptions;

constexpr Guid kNdis{0x2ed6006e, 0x4729, 0x4609, {0xb4, 0x23, 0x3e, 0xe7, 0xbc, 0xd6, 0x78, 0xef}};
constexpr Guid kPktMon{
    0x4d4f80d9, 0xc8bd, 0x4d73, {0xbb, 0x5b, 0x19, 0xc9, 0x04, 0x02, 0xc5, 0xac}};
constexpr uint64_t kStart = 0x40000000, kEnd = 0x80000000, kSend = 0x100000000,
                   kReceive = 0x200000000, kWifi = 0x10000;

// A DNS query in UDP, IPv4 and Ethernet.
ByteVector frame() {
    constexpr uint8_t kBytes[] = {
        0x02, 0,    0, 0,  0, 1,  0x02, 0, 0,  0,  0, 2, 0x08, 0x00,                     // Ethernet
        0x45, 0,    0, 45, 0, 1,  0,    0, 64, 17, 0, 0, 10,   0,    0, 1, 10, 0, 0, 2,  // IPv4
        0x30, 0x39, 0, 53, 0, 25, 0,    0,                                               // UDP
        0x12, 0x34, 1, 0,  0, 1,  0,    0, 0,  0,  0, 0, 0,    0,    1, 0, 1};           // DNS
    const Bytes bytes = std::as_bytes(std::span(kBytes));
    return {bytes.begin(), bytes.end()};
}

ByteVector ndis_payload(Bytes fragment, uint32_t interface = 4, uint32_t miniport = 4) {
    ByteWriter out;
    out.write(miniport);
    out.write(interface);
    out.write(uint32_t(fragment.size()));
    out.append(fragment);
    return out.take();
}

ByteVector pktmon_payload(Bytes packet, uint16_t type = 1, uint16_t original = 0) {
    ByteWriter out;
    out.write(uint64_t{77});  // group
    out.write(uint16_t{1});
    out.write(uint16_t{1});
    out.write(uint16_t{4});  // transmit
    out.write(type);
    out.write(uint16_t{9});  // component
    out.write(uint16_t{2});
    out.write(uint16_t{0});
    out.write(uint32_t{0x0F});
    out.write(uint32_t{0xE0});
    out.write(uint16_t(original != 0 ? original : packet.size()));
    out.write(uint16_t(packet.size()));
    out.append(packet);
    return out.take();
}

ByteVector component_payload(uint16_t id, std::string_view name, std::string_view description) {
    ByteWriter out;
    out.write(id);
    out.write(uint16_t{1});
    for (const auto text : {name, description}) {
        decode::test::put_utf16(out, text);
        out.write(char16_t{0});
    }
    return out.take();
}

etl::Record record(const Guid& provider, uint16_t id, uint64_t keyword, Bytes payload) {
    etl::Record out = decode::test::event_record({}, payload);
    out.provider = provider;
    out.descriptor = {};
    out.descriptor.id = id;
    out.descriptor.keyword = keyword;
    return out;
}

ByteVector copy(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

TEST(PacketReader, ReadsAPacketInOneEvent) {
    PacketReader reader;
    const ByteVector payload = ndis_payload(frame(), 5, 4);
    const auto packet = reader.read(record(kNdis, 1001, kStart | kEnd | kReceive, payload));
    ASSERT_TRUE(packet);
    EXPECT_EQ(copy(packet->bytes), frame());
    EXPECT_EQ(packet->interface.index, 5u);
    EXPECT_EQ(packet->miniport, 4u);
    EXPECT_EQ(packet->interface.link, Link::kEthernet);
    EXPECT_EQ(packet->direction, Packet::Direction::kIn);
    EXPECT_EQ(packet->original_size, packet->bytes.size());
    EXPECT_EQ(reader.incomplete() + reader.malformed(), 0u);
}

TEST(PacketReader, PutsFragmentsTogetherThreadByThread) {
    PacketReader reader;
    const ByteVector whole = frame();
    const ByteVector head = ndis_payload(Bytes(whole).first(10));
    const ByteVector middle = ndis_payload(Bytes(whole).subspan(10, 20));
    const ByteVector tail = ndis_payload(Bytes(whole).subspan(30));
    etl::Record other = record(kNdis, 1001, kStart, head);
    other.thread_id = 1;
    EXPECT_FALSE(reader.read(record(kNdis, 1001, kStart, head)));
    EXPECT_FALSE(reader.read(other));
    EXPECT_FALSE(reader.read(record(kNdis, 1001, 0, middle)));
    const auto packet = reader.read(record(kNdis, 1001, kEnd, tail));
    ASSERT_TRUE(packet);
    EXPECT_EQ(copy(packet->bytes), whole);
    EXPECT_EQ(reader.incomplete(), 1u) << "the other thread's";
}

TEST(PacketReader, CountsPacketsWithAMissingFragment) {
    PacketReader reader;
    const ByteVector payload = ndis_payload(frame());
    EXPECT_FALSE(reader.read(record(kNdis, 1001, kEnd, payload))) << "no start";
    EXPECT_EQ(reader.incomplete(), 1u);
    EXPECT_FALSE(reader.read(record(kNdis, 1001, kStart, payload)));
    EXPECT_TRUE(reader.read(record(kNdis, 1001, kStart | kEnd, payload)));
    EXPECT_EQ(reader.incomplete(), 2u) << "and one that never ended";
}

TEST(PacketReader, KeepsNoMoreThanItsBudget) {
    PacketReader reader;
    const ByteVector payload = ndis_payload(ByteVector(60'000));
    for (uint32_t thread = 0; thread < 10'000; ++thread) {
        etl::Record one = record(kNdis, 1001, kStart, payload);
        one.thread_id = thread;
        EXPECT_FALSE(reader.read(one));
    }
    EXPECT_EQ(reader.incomplete(), 10'000u);
    etl::Record endless = record(kNdis, 1001, kStart, payload);
    PacketReader fresh;
    for (int i = 0; i < 100; ++i) {
        EXPECT_FALSE(fresh.read(endless));
        endless.descriptor.keyword = 0;
    }
    EXPECT_GE(fresh.incomplete(), 1u);
}

TEST(PacketReader, ReadsPktMonsPackets) {
    PacketReader reader;
    const ByteVector component = component_payload(9, "tcpip.sys", "TCP/IP");
    EXPECT_FALSE(reader.read(record(kPktMon, 20, 0, component)));
    const ByteVector payload = pktmon_payload(frame(), 1, 1500);
    const auto packet = reader.read(record(kPktMon, 170, 0, payload));
    ASSERT_TRUE(packet);
    EXPECT_EQ(copy(packet->bytes), frame());
    EXPECT_EQ(packet->original_size, 1500u);
    EXPECT_EQ(packet->direction, Packet::Direction::kOut);
    EXPECT_EQ(packet->group, 77u);
    EXPECT_TRUE(packet->dropped);
    EXPECT_EQ(packet->drop_reason, 0x0Fu);
    EXPECT_EQ(reader.component(packet->interface.index).description, "TCP/IP");
}

TEST(PacketReader, CountsWhatMakesNoSense) {
    PacketReader reader;
    const ByteVector ndis = ndis_payload(frame());
    const ByteVector pktmon = pktmon_payload(frame());
    for (const size_t size : {size_t{0}, size_t{3}, size_t{11}, size_t{12}, size_t{30}}) {
        EXPECT_FALSE(reader.read(record(kNdis, 1001, kStart | kEnd, Bytes(ndis).first(size))));
        EXPECT_FALSE(reader.read(record(kPktMon, 160, 0, Bytes(pktmon).first(size))));
    }
    const ByteVector http = pktmon_payload(frame(), 4);
    EXPECT_FALSE(reader.read(record(kPktMon, 160, 0, http)));
    EXPECT_EQ(reader.malformed(), 11u);
}

TEST(PacketReader, InfersTheSizeOfACutPacketFromItsIpHeader) {
    PacketReader reader;
    const ByteVector payload = ndis_payload(Bytes(frame()).first(40));
    const auto packet = reader.read(record(kNdis, 1001, kStart | kEnd, payload));
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->original_size, 59u);
}

// tshark's fields of each packet, one packet a line; nothing where there is no tshark.
std::string dissect(const std::string& path, const std::string& fields, bool& ran) {
    return test::output_of("tshark -r '" + path + "' -T fields " + fields, ran);
}

TEST(Pcapng, IsReadByTshark) {
    test::TempFolder folder;
    test::LogFile log;
    const auto at = [](int n) { return test::kStartRaw + n; };
    log.add(0, at(1), test::process_event(at(1), 0x0303, test::kProcess, "browser.exe"));
    EventOptions ndis{.provider = kNdis, .id = 1001, .keyword = kStart | kEnd | kSend};
    log.add(0, at(2), test::event_at(at(2), ndis, ndis_payload(frame())));
    ndis.keyword = kStart | kEnd | kReceive | kWifi;
    log.add(0, at(3), test::event_at(at(3), ndis, ndis_payload(frame(), 6)));
    EventOptions pktmon{.provider = kPktMon, .id = 20};
    log.add(0, at(4), test::event_at(at(4), pktmon, component_payload(9, "tcpip.sys", "TCP/IP")));
    pktmon.id = 170;
    log.add(0, at(5), test::event_at(at(5), pktmon, pktmon_payload(frame())));
    const std::string etl = log.write(folder / "net.etl");
    const std::string path = folder / "net.pcapng";
    auto exporter = Pcapng::create(path);
    ASSERT_TRUE(exporter);
    ASSERT_TRUE(test::feed(etl, **exporter));
    EXPECT_EQ((*exporter)->report(), "Packets: 3 of 3 interfaces\n");

    const std::string bytes = test::read_file(path);
    ASSERT_GE(bytes.size(), 12u);
    EXPECT_EQ(bytes.substr(0, 4), "\x0A\x0D\x0D\x0A");
    bool ran = false;
    const std::string shown =
        dissect(path,
                "-e frame.time_epoch -e frame.interface_name -e "
                "frame.packet_flags_direction -e frame.comment -e udp.dstport",
                ran);
    if (!ran) GTEST_SKIP() << "no tshark";
    EXPECT_THAT(shown,
                testing::HasSubstr(
                    "1066912060.173000200\teth:4\t0x00000002\tPID=2184 TID=3424 browser.exe\t53"));
    EXPECT_THAT(shown, testing::HasSubstr("wifi:6\t0x00000001"));
    EXPECT_THAT(shown, testing::HasSubstr("tcpip.sys\t0x00000002\tPID=2184 TID=3424 browser.exe "
                                          "dropped: reason 0xf, location 0xe0\t53"));
}

TEST(Pcapng, OfALogWithoutPacketsIsEmptyAndSaysSo) {
    test::TempFolder folder;
    const std::string etl = test::LogFile().write(folder / "none.etl");
    auto exporter = Pcapng::create(folder / "none.pcapng");
    ASSERT_TRUE(test::feed(etl, **exporter));
    EXPECT_THAT((*exporter)->report(), testing::HasSubstr("netsh trace"));
    bool ran = false;
    const std::string shown = dissect(folder / "none.pcapng", "-e frame.number", ran);
    if (!ran) GTEST_SKIP() << "no tshark";
    EXPECT_THAT(shown, testing::Not(testing::HasSubstr("isn't a capture file")));
}

}  // namespace
}  // namespace etw::exports
