#include "kernel/events/probe_events.h"

#include "synthetic.h"

#include <gtest/gtest.h>

namespace etw::kernel {
namespace {

std::string_view text_of(const std::vector<std::byte>& record, size_t from, size_t size) {
    return {reinterpret_cast<const char*>(record.data()) + from, size};
}

TEST(Tracepoints, HaveABitEachInTheOrderOfTheirNames) {
    const auto events = describe_tracepoints("block", {"c", "a", "b"});
    EXPECT_EQ(events, (std::vector<TracepointEvent>{{"a", 4, 1}, {"b", 4, 2}, {"c", 4, 4}}));
}

TEST(Tracepoints, ShareTheLastBitWhereThereAreMany) {
    std::vector<std::string> names;
    for (int i = 0; i < 60; ++i) names.push_back(std::to_string(100 + i));
    const auto events = describe_tracepoints("x", names);
    EXPECT_EQ(events[46].keyword, uint64_t{1} << 46);
    EXPECT_EQ(events[47].keyword, uint64_t{1} << 47);
    EXPECT_EQ(events[59].keyword, uint64_t{1} << 47);
}

TEST(Tracepoints, BusyOnesAreVerbose) {
    const auto sched =
        describe_tracepoints("sched", {"sched_process_exec", "sched_stat_runtime", "sched_switch"});
    EXPECT_EQ(sched[0].level, 4);
    EXPECT_EQ(sched[1].level, 5);
    EXPECT_EQ(sched[2].level, 5);
    EXPECT_EQ(describe_tracepoints("syscalls", {"sys_enter_read"})[0].level, 5);
}

constexpr char kFields[] =
    "\tfield:__data_loc char[] filename;\toffset:8;\tsize:4;\tsigned:0;\n"
    "\tfield:pid_t pid;\toffset:12;\tsize:4;\tsigned:1;\n"
    "\tfield:char comm[16];\toffset:16;\tsize:16;\tsigned:0;\n"
    "\tfield:void * where;\toffset:32;\tsize:8;\tsigned:0;\n"
    "\tfield:bool last;\toffset:40;\tsize:1;\tsigned:0;\n"
    "\tfield:u16 pair[2];\toffset:42;\tsize:4;\tsigned:0;\n"
    "\tfield:__rel_loc char[] more;\toffset:48;\tsize:4;\tsigned:0;\n"
    "\tfield:int flags;\toffset:56;\tsize:8;\tsigned:0;\n";

TEST(SelfDescribing, TellsItsFieldsWithItsValues) {
    const auto format = Format::parse(format_text(365, "e", kFields), "s");
    ASSERT_TRUE(format);
    const Guid guid = guid_from_name("Linux.s");
    const SelfDescribing event({guid, "Linux.s", "e", 5, 0x40}, format->members());
    ByteWriter out;
    out.write(uint16_t{365});
    out.write(uint16_t{0});
    out.write(uint32_t{42});             // common_pid
    out.write(uint32_t{5u << 16 | 64});  // filename: 5 bytes at 64
    out.write(int32_t{-7});
    char name[16] = "make";
    out.write(name);
    out.write(uint64_t{0xFFFF800012345678});
    out.write(uint8_t{1});
    out.write(uint8_t{0});
    out.write(uint16_t{3});
    out.write(uint16_t{4});
    out.write(uint16_t{0});
    out.write(uint32_t{3u << 16 | 17});  // more: 3 bytes, 17 behind the field's end
    out.write(uint32_t{0});
    out.write(uint64_t{0x00000000FFFFFF9C});
    out.append_text(std::string_view("/a/b\0ok\0", 8));
    FakeSink sink;
    event.send({3, 99, out.bytes()}, {42, 40}, sink);
    ASSERT_EQ(sink.sent.size(), 1u);
    const auto& sent = sink.sent[0];
    EXPECT_EQ(sent.cpu, 3u);
    wire::EventHeader header{};
    std::memcpy(&header, sent.record.data(), sizeof(header));
    EXPECT_EQ(header.size, sent.record.size());
    EXPECT_EQ(header.thread_id, 42u);
    EXPECT_EQ(header.process_id, 40u);
    EXPECT_EQ(header.provider_id, guid);
    EXPECT_EQ(header.descriptor.level, 5);
    EXPECT_EQ(header.descriptor.keyword, 0x40u);
    EXPECT_EQ(header.descriptor.channel, wire::kChannelTraceLogging);
    const std::string schema(
        "e\0filename\0\2pid\0\7comm\0\2where\0\25last\0\204\3pair\0\106more\0"
        "\2flags\0\7",
        57);
    EXPECT_TRUE(sent.contains(schema));
    EXPECT_TRUE(sent.contains(std::string("Linux.s\0", 8)));
    ByteWriter payload;
    payload.append_text(std::string_view("/a/b\0", 5));
    payload.write(int32_t{-7});
    payload.append_text(std::string_view("make\0", 5));
    payload.write(uint64_t{0xFFFF800012345678});
    payload.write(uint8_t{1});
    payload.write(uint16_t{2});
    payload.write(uint16_t{3});
    payload.write(uint16_t{4});
    payload.append_text(std::string_view("ok\0", 3));
    payload.write(int32_t{-100});
    const size_t size = payload.size();
    EXPECT_EQ(text_of(sent.record, sent.record.size() - size, size),
              text_of({payload.bytes().begin(), payload.bytes().end()}, 0, size));
}

TEST(SelfDescribing, FitsIntoTheSmallestBuffer) {
    std::string fields;
    for (int i = 0; i < 200; ++i) {
        const std::string at = std::to_string(8 + 4 * i);
        fields += "\tfield:__data_loc char[] a_long_name_" + at + ";\toffset:" + at +
                  ";\tsize:4;\tsigned:0;\n";
    }
    const auto format = Format::parse(format_text(365, "e", fields), "s");
    ASSERT_TRUE(format);
    const SelfDescribing event({Guid{}, "Linux.s", "e", 4, 1}, format->members());
    ByteWriter out;
    out.write(uint64_t{365});
    for (int i = 0; i < 200; ++i) out.write(uint32_t{3000u << 16 | 808});
    out.append_text(std::string(3000, 'x'));
    FakeSink sink;
    event.send({0, 1, out.bytes()}, {1, 1}, sink);
    ASSERT_EQ(sink.sent.size(), 1u);
    EXPECT_LE(sink.sent[0].record.size(), RecordBuilder::kMaxSize);
}

}  // namespace
}  // namespace etw::kernel
