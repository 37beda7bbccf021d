#include "session/codec.h"

#include "wire/control_protocol.h"

#include <gtest/gtest.h>

namespace etw::session {
namespace {

Properties some_properties() {
    Properties p;
    p.name = "My Trace";
    p.guid = *parse_guid("d58c126f-b309-11d1-969e-0000f875a5bc");
    p.log_file_mode = kModeCircular;
    p.buffer_size_kb = 64;
    p.minimum_buffers = 4;
    p.maximum_buffers = 64;
    p.maximum_file_size = 2;
    p.flush_timer_s = 1;
    p.flush_threshold = 3;
    p.enable_flags = 0x80000001;
    p.clock = ClockType::kSystemTime;
    p.log_file = "/tmp/my.etl";
    p.owner_pid = 4000000001;
    p.ttl_s = 86400;
    p.kernel = {{0x0524, 0x0F33}, "CacheMisses", {{"Timer", 5000}}, {"TotalCycles"}, {0x0524}};
    return p;
}

ProviderEnable some_provider(uint8_t level) {
    ProviderEnable e;
    e.guid = *parse_guid("ce5fa4ea-ab00-5402-8b76-9f76ac858fb5");
    e.level = level;
    e.match_any_keyword = 0xFEDCBA9876543210;
    e.match_all_keyword = 2;
    e.enable_property = 4;
    e.source_id.data1 = 7;
    e.pids = {1, 4000000000};
    e.exe_names = {"a", "b b"};
    e.event_ids = EventIdFilter{true, {0, 65535}};
    e.stack_walk_ids = EventIdFilter{false, {7}};
    return e;
}

SessionStatus some_status() {
    SessionStatus s;
    s.properties = some_properties();
    s.logger_id = 3;
    s.logger_thread_id = 0x123456789A;
    s.number_of_buffers = 64;
    s.free_buffers = 60;
    s.buffers_written = 12;
    s.events_lost = 1ull << 40;
    s.log_buffers_lost = 5;
    s.real_time_buffers_lost = 6;
    s.real_time_consumers = 7;
    s.events_seen_bytes = 8;
    s.owner_uid = 1000;
    s.start_time = -9;
    s.log_file_size = 10;
    s.log_unanswered_s = 12;
    s.providers = {some_provider(5), some_provider(255)};
    s.processes = {{1, true, "/a.etl", 2, 3, 4, 5, 6}, {}};
    return s;
}

template <class T>
std::vector<std::byte> encoded(const T& value) {
    ByteWriter out;
    encode(out, value);
    return out.take();
}

template <class T>
void expect_round_trip(const T& value) {
    const auto decoded = decode<T>(encoded(value));
    ASSERT_TRUE(decoded) << decoded.error().what;
    EXPECT_EQ(*decoded, value);
}

TEST(SessionCodec, GivesBackEveryMemberOfEveryType) {
    expect_round_trip(some_properties());
    expect_round_trip(some_provider(5));
    expect_round_trip(some_status());
    expect_round_trip(EnableResult{some_status(), {Code::kOk, Code::kTimeout}});
    expect_round_trip(Failure{Code::kBadPathname, "in use by 'Other'"});
    expect_round_trip(std::string("name"));
    expect_round_trip(std::vector<SessionStatus>{some_status(), SessionStatus{}});
    RegisteredProvider r;
    r.guid = some_provider(1).guid;
    r.name = "MyCompany.MyComponent";
    r.pids = {1, 4000000000};
    r.sessions = {{3, some_provider(2)}};
    r.instances = {{4000000000, 1000, true, "my service", {3}}};
    expect_round_trip(r);
    expect_round_trip(std::vector<RefusedProgram>{{1, "a", 2, 3}, {}});
    expect_round_trip(std::vector<RegisteredProvider>{r, RegisteredProvider{}});
}

// What changes here changes what tools and hosts say to each other and what hosts save: raise
// wire::kControlProtocolVersion with it, and take over both numbers.
TEST(SessionCodec, HasTheFormOfItsVersion) {
    std::vector<std::byte> all;
    const auto add = [&](const auto& value) {
        const auto bytes = encoded(value);
        all.insert(all.end(), bytes.begin(), bytes.end());
    };
    RegisteredProvider provider;
    provider.sessions = {{3, some_provider(2)}};
    provider.instances = {{1, 1000, true, "x", {3}}};
    add(StartRequest{some_properties(), {some_provider(1)}});
    add(UpdateRequest{});
    add(FlushRequest{});
    add(PrivateRequest{});
    add(EnableRequest{});
    add(EnableResult{some_status(), {Code::kOk}});
    add(provider);
    add(RefusedProgram{});
    add(Failure{});
    add(ConsumeRequest{});
    add(ConsumeGrant{});
    uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
    for (const std::byte b : all) hash = (hash ^ uint64_t(b)) * 0x100000001b3;
    EXPECT_EQ(wire::kControlProtocolVersion, 4u);
    EXPECT_EQ(hash, 14431359749537328849u);
}

TEST(SessionCodec, GivesBackRequests) {
    const auto start =
        decode<StartRequest>(encoded(StartRequest{some_properties(), {some_provider(1)}}));
    ASSERT_TRUE(start);
    EXPECT_EQ(start->properties, some_properties());
    EXPECT_EQ(start->providers, std::vector{some_provider(1)});
    const auto enable = decode<EnableRequest>(encoded(EnableRequest{"S", {some_provider(1)}, 250}));
    ASSERT_TRUE(enable);
    EXPECT_EQ(enable->name, "S");
    EXPECT_EQ(enable->providers, std::vector{some_provider(1)});
    EXPECT_EQ(enable->timeout_ms, 250u);
}

TEST(SessionCodec, TellsAFlushFromASnapshot) {
    const auto flush = decode<FlushRequest>(encoded(FlushRequest{"S", {}}));
    ASSERT_TRUE(flush);
    EXPECT_EQ(flush->name, "S");
    EXPECT_FALSE(flush->snapshot_file);
    const auto snapshot = decode<FlushRequest>(encoded(FlushRequest{"S", "/tmp/s.etl"}));
    ASSERT_TRUE(snapshot);
    EXPECT_EQ(snapshot->snapshot_file, "/tmp/s.etl");
}

TEST(SessionCodec, TellsWhatAnUpdateSetsFromWhatItLeaves) {
    UpdateRequest request;
    request.name = "S";
    request.log_file = "";
    request.maximum_buffers = 0;
    const auto decoded = decode<UpdateRequest>(encoded(request));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->log_file, std::string());
    EXPECT_EQ(decoded->maximum_buffers, 0u);
    EXPECT_FALSE(decoded->real_time);
    EXPECT_FALSE(decoded->flush_timer_s);
    EXPECT_FALSE(decoded->enable_flags);
}

TEST(SessionCodec, RefusesEveryTruncationOfAMessage) {
    const auto whole = encoded(std::vector<SessionStatus>{some_status()});
    for (size_t size = 0; size < whole.size(); ++size) {
        const auto decoded = decode<std::vector<SessionStatus>>(Bytes(whole).first(size));
        ASSERT_FALSE(decoded) << size;
        EXPECT_EQ(decoded.error().code, Code::kInvalidData);
        EXPECT_LE(decoded.error().where, size);
    }
}

TEST(SessionCodec, RefusesBytesLeftOver) {
    auto bytes = encoded(some_status());
    bytes.push_back(std::byte{0});
    const auto decoded = decode<SessionStatus>(bytes);
    ASSERT_FALSE(decoded);
    EXPECT_STREQ(decoded.error().what, "message: bytes left over");
}

TEST(SessionCodec, RefusesACountThatTheMessageCannotHold) {
    ByteWriter out;
    out.write(uint32_t{0xFFFFFFFF});
    out.append(encoded(some_status()));
    const auto decoded = decode<std::vector<SessionStatus>>(out.bytes());
    ASSERT_FALSE(decoded);
    EXPECT_STREQ(decoded.error().what, "message: count");
}

TEST(SessionCodec, RefusesAClockThatDoesNotExist) {
    for (const uint32_t clock : {0u, 4u}) {
        Properties p = some_properties();
        p.clock = ClockType(clock);
        const auto decoded = decode<Properties>(encoded(p));
        ASSERT_FALSE(decoded);
        EXPECT_STREQ(decoded.error().what, "message: clock");
    }
}

TEST(SessionCodec, RefusesAFlagThatIsNeitherSetNorClear) {
    UpdateRequest request;
    auto bytes = encoded(request);
    bytes.back() = std::byte{2};
    const auto decoded = decode<UpdateRequest>(bytes);
    ASSERT_FALSE(decoded);
    EXPECT_STREQ(decoded.error().what, "message: flag");
}

TEST(SessionCodec, KeepsCodesThatHaveNoNameHere) { expect_round_trip(Failure{Code(99999), ""}); }

}  // namespace
}  // namespace etw::session
