#include "etw/TraceLoggingProvider.h"
#include "provider/os.h"
#include "support/fake_host.h"
#include "support/fork_under_tsan.h"

#include <gtest/gtest.h>

#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>

TRACELOGGING_DEFINE_PROVIDER(g_test_provider, "OpenEtw.Test", (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));

namespace etw::provider {
namespace {

// Registers while the host is served by another thread, as in life.
class Provider : public testing::Test {
protected:
    void TearDown() override {
        TraceLoggingUnregister(g_test_provider);
        if (host_) host_->serve_until([&] { return host_->unregistered != 0; });
    }
    void start(bool rings = true) {
        host_.emplace(rings);
        host_->ring_doorbell();
    }
    void register_provider() {
        std::atomic<bool> done = false;
        std::thread app([&] {
            EXPECT_EQ(TraceLoggingRegister(g_test_provider), 0);
            done = true;
        });
        EXPECT_TRUE(host_->serve_until([&] { return done && !host_->registered.empty(); }));
        app.join();
    }
    std::optional<FakeHost> host_;
};

wire::EventHeader header_of(const std::vector<std::byte>& record) {
    wire::EventHeader header;
    std::memcpy(static_cast<void*>(&header), record.data(), sizeof(header));
    return header;
}

TEST_F(Provider, IsEnabledWhenRegistrationReturns) {
    runtime_dir();
    start();
    register_provider();
    EXPECT_TRUE(TraceLoggingProviderEnabled(g_test_provider, 5, 1));
    TraceLoggingWrite(g_test_provider, "First", TraceLoggingInt32(7, "x"));
    const auto records = host_->take_records();
    ASSERT_EQ(records.size(), 1u);
    const auto header = header_of(records[0]);
    EXPECT_EQ(header.process_id, uint32_t(::getpid()));
    EXPECT_EQ(header.descriptor.channel, wire::kChannelTraceLogging);
    EXPECT_EQ(header.flags, wire::kEventExtended);
    // traits: u16 size and "OpenEtw.Test"; schema: size, tag, "First", "x", in type; payload
    const std::string expected_schema("\x0c\0\0First\0x\0\x07", 12);
    const size_t traits = wire::align8(size_t{8 + 2 + 13});
    const size_t schema = sizeof(wire::EventHeader) + traits + 8;
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(records[0].data()) + schema, 12),
              expected_schema);
    int32_t value = 0;
    std::memcpy(&value, records[0].data() + records[0].size() - 4, 4);
    EXPECT_EQ(value, 7);
    EXPECT_EQ(records[0].size(), schema - 8 + wire::align8(size_t{8 + 12}) + 4);
}

TEST_F(Provider, FiltersByLevelAndKeyword) {
    runtime_dir();
    start();
    host_->enable.level = 3;
    host_->enable.match_any_keyword = 6;
    host_->enable.match_all_keyword = 2;
    register_provider();
    TraceLoggingWrite(g_test_provider, "Level", TraceLoggingLevel(4), TraceLoggingKeyword(2));
    TraceLoggingWrite(g_test_provider, "Any", TraceLoggingLevel(3), TraceLoggingKeyword(8));
    TraceLoggingWrite(g_test_provider, "All", TraceLoggingLevel(3), TraceLoggingKeyword(4));
    EXPECT_TRUE(host_->take_records().empty());
    TraceLoggingWrite(g_test_provider, "Good", TraceLoggingLevel(3), TraceLoggingKeyword(2));
    TraceLoggingWrite(g_test_provider, "NoKeyword", TraceLoggingLevel(3));
    TraceLoggingWrite(g_test_provider, "NoLevel", TraceLoggingLevel(0), TraceLoggingKeyword(6));
    EXPECT_EQ(host_->take_records().size(), 3u);
}

TEST_F(Provider, WritesNoEventThatIsTooLarge) {
    runtime_dir();
    start();
    register_provider();
    TraceLoggingWrite(g_test_provider, "First");  // a thread's first event is never a quick one
    const std::string bytes(65536, 'x');
    TraceLoggingWrite(g_test_provider, "Large", TraceLoggingBinary(bytes.data(), 65536, "a"));
    // As texts of 2 GB would be. 32 bits do not hold the sum.
    const struct {
        etw_event head;
        uint64_t item[2];
    } event = {{{0, 0, 11, 4, 0, 0, 0}, sizeof(event.item), 0}, {0x8000B0010, 0x610008}};
    const auto address = reinterpret_cast<uint64_t>(bytes.data());
    etw_data halves[] = {{address, 1u << 31, 0}, {address, 1u << 31, 0}};
    const uint64_t state = etw_state_of(&g_test_provider->enabled);
    EXPECT_EQ(etw_tl_send(g_test_provider, &event.head, state, nullptr, nullptr, 2, halves),
              uint32_t{ETW_ARITHMETIC_OVERFLOW});
    EXPECT_EQ(host_->take_records().size(), 1u);
}

TEST_F(Provider, StopsAtDetachAndAcknowledgesIt) {
    runtime_dir();
    start();
    register_provider();
    host_->send_detach();
    const uint64_t cookie = host_->cookie;
    ASSERT_TRUE(
        host_->serve_until([&] { return !host_->acks.empty() && host_->acks.back() == cookie; }));
    EXPECT_FALSE(TraceLoggingProviderEnabled(g_test_provider, 0, 0));
    TraceLoggingWrite(g_test_provider, "Late");
    EXPECT_TRUE(host_->take_records().empty());
}

TEST_F(Provider, WritesLargeEventsWholeAndRefusesMoreThan64K) {
    runtime_dir();
    start();
    register_provider();
    std::string text(30000, 'x');
    TraceLoggingWrite(g_test_provider, "Large", TraceLoggingString(text.c_str(), "text"));
    const auto records = host_->take_records();
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(std::memcmp(records[0].data() + records[0].size() - 30001, text.c_str(), 30001), 0);
    EVENT_DESCRIPTOR descriptor = {};
    EVENT_DATA_DESCRIPTOR data;
    std::string huge(65536, 'x');
    EventDataDescCreate(&data, huge.data(), 65536);
    EXPECT_EQ(EventWrite(g_test_provider->handle, &descriptor, 1, &data),
              ULONG{ERROR_ARITHMETIC_OVERFLOW});
}

TEST_F(Provider, SendsPacketsWhereThereAreNoRings) {
    runtime_dir();
    start(false);
    register_provider();
    TraceLoggingWrite(g_test_provider, "Packet", TraceLoggingInt32(9, "x"));
    ASSERT_TRUE(host_->serve_until([&] { return !host_->packets.empty(); }));
    EXPECT_EQ(header_of(host_->packets[0]).size, host_->packets[0].size());
}

TEST_F(Provider, HandsItsRingsToTheNextHost) {
    runtime_dir();
    start();
    register_provider();
    host_->die();
    TraceLoggingWrite(g_test_provider, "Between", TraceLoggingInt32(1, "x"));
    EXPECT_EQ(host_->take_records().size(), 1u) << "rings stay in force without a host";
    FakeHost next;
    next.go_on_with(host_->enable.session);
    next.ring_doorbell();
    ASSERT_TRUE(next.serve_until([&] { return !next.registered.empty(); }));
    ASSERT_EQ(next.handed_back.size(), 1u);
    EXPECT_EQ(next.handed_back[0].session, next.enable.session);
    host_.reset();
    TraceLoggingUnregister(g_test_provider);
    EXPECT_TRUE(next.serve_until([&] { return next.unregistered == 1; }));
}

TEST_F(Provider, KeepsFormerRingsForANextHostUntilTheyAreDrained) {
    runtime_dir();
    start();
    register_provider();
    const ring::RingSet first = host_->replace_rings(5);
    const ring::RingSet second = host_->replace_rings(6);
    host_->send_drained(first);
    host_->send_enable(host_->registered.back().registration);
    const uint64_t cookie = host_->cookie;
    ASSERT_TRUE(
        host_->serve_until([&] { return !host_->acks.empty() && host_->acks.back() == cookie; }));
    host_->die();
    FakeHost next;
    next.go_on_with(host_->enable.session);
    next.ring_doorbell();
    ASSERT_TRUE(next.serve_until([&] { return !next.registered.empty(); }));
    ASSERT_EQ(next.handed_back.size(), 2u);
    EXPECT_EQ(next.handed_back[0].geometry.blocks, 6u) << "the newest first";
    EXPECT_EQ(next.handed_back[1].geometry.blocks, 5u);
    host_.reset();
    next.send_detach();
    ASSERT_TRUE(
        next.serve_until([&] { return !next.acks.empty() && next.acks.back() == next.cookie; }));
    next.die();
    FakeHost last;
    last.go_on_with(next.enable.session);
    last.ring_doorbell();
    ASSERT_TRUE(last.serve_until([&] { return !last.registered.empty(); }));
    EXPECT_TRUE(last.handed_back.empty()) << "the session is gone";
    TraceLoggingUnregister(g_test_provider);
    EXPECT_TRUE(last.serve_until([&] { return last.unregistered == 1; }));
}

TEST_F(Provider, DoesWithoutAHostOfAnotherVersionAndTakesTheNext) {
    runtime_dir();
    start();
    host_->version = wire::kProviderProtocolVersion + 1;
    std::atomic<bool> done = false;
    std::thread app([&] {
        EXPECT_EQ(TraceLoggingRegister(g_test_provider), 0);
        done = true;
    });
    EXPECT_TRUE(host_->serve_until([&] { return done.load(); }));
    app.join();
    EXPECT_TRUE(host_->registered.empty());
    EXPECT_FALSE(TraceLoggingProviderEnabled(g_test_provider, 0, 0));
    host_.reset();
    start();
    EXPECT_TRUE(host_->serve_until([&] { return !host_->registered.empty(); }));
}

TEST_F(Provider, WritesFromAForkedChildUnderItsOwnProcessId) {
    runtime_dir();
    start();
    register_provider();
    const pid_t child = ::fork();
    if (child == 0) {
        TraceLoggingWrite(g_test_provider, "Child");
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    const auto records = host_->take_records();
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(header_of(records[0]).process_id, uint32_t(child));
}

TEST_F(Provider, RefusesAStaleHandle) {
    runtime_dir();
    EVENT_DESCRIPTOR descriptor = {};
    EXPECT_EQ(EventWrite(0, &descriptor, 0, nullptr), ULONG{ERROR_INVALID_HANDLE});
    EXPECT_EQ(EventUnregister(0x500000001), ULONG{ERROR_INVALID_HANDLE});
}

TEST(Os, SaysWhatTheMacrosOfLibcSay) {
    for (const unsigned major : {0u, 1u, 0xFFFu, 0x1000u, 0x12345678u, ~0u}) {
        for (const unsigned minor : {0u, 1u, 0xFFu, 0x100u, 0x12345678u, ~0u})
            EXPECT_EQ(device_number(major, minor), makedev(major, minor));
    }
    alignas(cmsghdr) char control[CMSG_SPACE(3) + CMSG_SPACE(4) + 4];
    msghdr message{};
    message.msg_control = control;
    for (size_t size = CMSG_LEN(3); size <= sizeof(control); ++size) {
        message.msg_controllen = size;
        auto* const first = CMSG_FIRSTHDR(&message);
        for (const size_t length : {CMSG_LEN(3), CMSG_LEN(4), size_t{3}, sizeof(control)}) {
            first->cmsg_len = length;
            EXPECT_EQ(next_header(message, first), CMSG_NXTHDR(&message, first))
                << length << " of " << size;
        }
    }
}

}  // namespace
}  // namespace etw::provider
