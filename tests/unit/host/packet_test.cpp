#include "fixtures.h"
#include "host/control/control_frame.h"
#include "host/providers/provider_packet.h"

namespace etw::host {
namespace {

template <class T>
std::vector<std::byte> packet(wire::ProviderMessage type, T value, Bytes more = {}) {
    value.header = {type, uint32_t(sizeof(T) + more.size())};
    const Bytes fixed = std::as_bytes(std::span(&value, 1));
    std::vector<std::byte> out(fixed.begin(), fixed.end());
    out.insert(out.end(), more.begin(), more.end());
    return out;
}

std::vector<std::byte> event_packet(const NumberedEvent& event, uint32_t time_offset) {
    wire::Event fixed{};
    fixed.time_stamp_offset = time_offset;
    return packet(wire::ProviderMessage::kEvent, fixed, bytes_of(event));
}

TEST(ProviderPacket, OfEveryLengthButItsOwnIsRefused) {
    const std::vector<std::vector<std::byte>> good = {
        packet(wire::ProviderMessage::kHello, wire::Hello{}),
        packet(wire::ProviderMessage::kRings, wire::Rings{}),
        packet(wire::ProviderMessage::kUnregister, wire::Unregister{}),
        packet(wire::ProviderMessage::kAck, wire::Ack{}),
        packet(wire::ProviderMessage::kEventsLost, wire::EventsLost{}),
        packet(wire::ProviderMessage::kRegister, wire::Register{{}, 1, 0, 0, {}}),
        event_packet(numbered(1), kTimeOffset),
    };
    for (const auto& whole : good) {
        ASSERT_TRUE(parse_provider_packet(whole));
        for (size_t size = 0; size <= whole.size() + 8; ++size) {
            if (size == whole.size()) continue;
            std::vector<std::byte> cut = whole;
            cut.resize(size);
            EXPECT_FALSE(parse_provider_packet(cut)) << size << " of " << whole.size();
            if (size < sizeof(wire::PacketHeader)) continue;
            const auto claimed = uint32_t(size);  // a size field that agrees does not help
            std::memcpy(cut.data() + 4, &claimed, sizeof(claimed));
            EXPECT_FALSE(parse_provider_packet(cut)) << size << " of " << whole.size();
        }
    }
}

// What changes here changes what programs and hosts say to each other: raise
// wire::kProviderProtocolVersion with it, and take over both.
TEST(ProviderPacket, HasTheFormOfItsVersion) {
    using namespace wire;
    const std::vector<size_t> sizes = {
        sizeof(Hello),        sizeof(Welcome),        sizeof(Rings),
        sizeof(Register),     sizeof(Registered),     sizeof(Unregister),
        sizeof(Attach),       sizeof(Enable),         sizeof(Detach),
        sizeof(Ack),          sizeof(Event),          sizeof(EventsLost),
        sizeof(PrivateStart), sizeof(PrivateControl), sizeof(PrivateStatus),
        sizeof(Drained)};
    EXPECT_EQ(kProviderProtocolVersion, 4u);
    EXPECT_EQ(sizes, (std::vector<size_t>{16, 16, 40, 32, 16, 16, 40, 344, 32, 16, 40, 32, 88, 48,
                                          88, 40}));
    EXPECT_EQ(uint32_t(ProviderMessage::kDrained), sizes.size()) << "a packet for each type";
}

TEST(ProviderPacket, ThatOnlyAHostSendsIsRefused) {
    EXPECT_FALSE(parse_provider_packet(packet(wire::ProviderMessage::kWelcome, wire::Welcome{})));
    EXPECT_FALSE(parse_provider_packet(packet(wire::ProviderMessage(99), wire::Ack{})));
}

TEST(ProviderPacket, RegistersOnlyWithWellFormedTraits) {
    const auto with = [](std::string_view traits) {
        const auto size = uint32_t(traits.size());
        return bool(parse_provider_packet(packet(wire::ProviderMessage::kRegister,
                                                 wire::Register{{}, 1, uint16_t(size), 0, {}},
                                                 std::as_bytes(std::span(traits)))));
    };
    EXPECT_TRUE(with(std::string_view("\x05\0ab\0", 5)));
    EXPECT_FALSE(with(std::string_view("\x05\0abc", 5))) << "no NUL";
    EXPECT_FALSE(with(std::string_view("\x06\0ab\0", 5))) << "another size";
    EXPECT_FALSE(with(std::string_view("\x01", 1))) << "half a size";
    const std::string_view name("\x05\0ab\0", 5);
    EXPECT_EQ(traits_name(std::as_bytes(std::span(name))), "ab");
}

TEST(ProviderPacket, CarriesOneWholeRecordWithItsTimeWhereItSays) {
    EXPECT_FALSE(parse_provider_packet(event_packet(numbered(1), kTimeOffset + 8)));
    EXPECT_FALSE(parse_provider_packet(event_packet(numbered(1), 0)));
    NumberedEvent event = numbered(1);
    event.header.size = 40;  // smaller than its header
    EXPECT_FALSE(parse_provider_packet(event_packet(event, kTimeOffset)));
    event.header.size = sizeof(event) + 1;
    EXPECT_FALSE(parse_provider_packet(event_packet(event, kTimeOffset)));
    event = numbered(1);
    event.header.header_type = 0x0D;
    EXPECT_FALSE(parse_provider_packet(event_packet(event, kTimeOffset)));
}

TEST(RecordShape, FindsTheFieldsOfMessagesBehindTheirOptionalItems) {
    struct Case {
        uint16_t flags;
        uint32_t time;
        uint32_t process;
    };
    for (const Case& c : {Case{0x02 | 0x08 | 0x20, 24, 36}, Case{0x01 | 0x04 | 0x08, 16, 0},
                          Case{0x20, 0, 12}, Case{0x10, 8, 0}}) {
        std::array<std::byte, 64> record{};
        const wire::MessageHeader header{64, 0, wire::kMarkerMessage, 1, c.flags};
        std::memcpy(record.data(), &header, sizeof(header));
        const auto shape = shape_of(record, record.size());
        ASSERT_TRUE(shape);
        EXPECT_EQ(shape->time_offset, c.time);
        EXPECT_EQ(shape->process_offset, c.process);
    }
}

std::vector<std::byte> frame(uint32_t size, size_t body) {
    const wire::ControlFrame head{wire::ControlFrame::kMagic, wire::kControlProtocolVersion,
                                  uint32_t(wire::ControlOp::kQuery), size};
    const Bytes bytes = std::as_bytes(std::span(&head, 1));
    std::vector<std::byte> out(bytes.begin(), bytes.end());
    out.resize(out.size() + body, std::byte{7});
    return out;
}

TEST(ControlFrame, IsPutTogetherFromAnyPieces) {
    ControlFrameReader reader;
    const auto whole = frame(100, 100);
    for (size_t i = 0; i + 1 < whole.size(); ++i) {
        ASSERT_TRUE(reader.feed(Bytes(whole).subspan(i, 1), {}));
        ASSERT_FALSE(reader.next());
    }
    ASSERT_TRUE(reader.feed(Bytes(whole).last(1), {}));
    const auto request = reader.next();
    ASSERT_TRUE(request);
    EXPECT_EQ(request->op, wire::ControlOp::kQuery);
    EXPECT_EQ(request->body.size(), 100u);
    EXPECT_FALSE(reader.in_the_middle());
}

TEST(ControlFrame, OfAnotherKindOrTooLongIsRefusedBeforeItsBody) {
    for (const size_t at : {size_t{0}, size_t{4}}) {
        auto bad = frame(0, 0);
        bad[at] ^= std::byte{1};
        EXPECT_FALSE(ControlFrameReader().feed(bad, {}));
    }
    EXPECT_FALSE(ControlFrameReader().feed(frame(wire::kMaxControlBody + 1, 0), {}));
    EXPECT_FALSE(ControlFrameReader().feed(frame(10, 11), {})) << "bytes behind the frame";
}

TEST(ControlFrame, TakesNoMoreDescriptorsThanARequestHas) {
    ControlFrameReader reader;
    ForeignFds fds;
    for (int i = 0; i < 3; ++i) fds.emplace_back(UniqueFd(::dup(0)), 0);
    EXPECT_FALSE(reader.feed(frame(10, 0), std::move(fds)));
}

}  // namespace
}  // namespace etw::host
