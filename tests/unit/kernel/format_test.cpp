#include "kernel/tracefs/format.h"

#include "synthetic.h"

#include <gtest/gtest.h>

namespace etw::kernel {
namespace {

constexpr char kFields[] =
    "\tfield:__data_loc char[] filename;\toffset:8;\tsize:4;\tsigned:0;\n"
    "\tfield:pid_t pid;\toffset:12;\tsize:4;\tsigned:1;\n"
    "\tfield:char comm[16];\toffset:16;\tsize:16;\tsigned:0;\n"
    "\tfield:u64 clone_flags;\toffset:32;\tsize:8;\tsigned:0;\n";

TEST(Format, KnowsWhereFieldsStand) {
    const auto format = Format::parse(format_text(365, "sched_process_exec", kFields), "sched");
    ASSERT_TRUE(format);
    EXPECT_EQ(format->id(), 365);
    EXPECT_EQ(format->field("pid").offset, 12u);
    EXPECT_EQ(format->field("comm").size, 16u);
    EXPECT_TRUE(format->field("filename").is_dynamic);
    EXPECT_FALSE(format->field("no_such_field"));
}

TEST(Format, RefusesWhatIsNoFormat) {
    EXPECT_FALSE(Format::parse("name: x\n", "sched"));
    EXPECT_FALSE(Format::parse("", "sched"));
}

TEST(RawEvent, ReadsNumbersOfAnySizeAndTexts) {
    ByteWriter out;
    out.write(uint16_t{365});
    out.write(uint16_t{0});
    out.write(uint32_t{42});             // common_pid
    out.write(uint32_t{5u << 16 | 40});  // filename: 5 bytes at 40
    out.write(int32_t{7});
    char name[16] = "make";
    out.write(name);
    out.write(uint64_t{1} << 40);
    out.append_text(std::string_view("/a/b\0", 5));
    const RawEvent event{1, 2, out.bytes()};
    const auto format = Format::parse(format_text(365, "sched_process_exec", kFields), "sched");
    ASSERT_TRUE(format);
    EXPECT_EQ(event.id(), 365);
    EXPECT_EQ(event.thread(), 42u);
    EXPECT_EQ(event.number(format->field("pid")), 7u);
    EXPECT_EQ(event.number(format->field("clone_flags")), uint64_t{1} << 40);
    EXPECT_EQ(event.text(format->field("comm")), "make");
    EXPECT_EQ(event.text(format->field("filename")), "/a/b");
}

TEST(RawEvent, ReadsNothingBeyondItsData) {
    ByteWriter out;
    out.write(uint16_t{365});
    out.write(uint16_t{0});
    out.write(uint32_t{42});
    out.write(uint32_t{0xFFFFu << 16 | 0xFFF0});
    const RawEvent event{0, 0, out.bytes()};
    EXPECT_EQ(event.text({8, 4, true}), "");
    EXPECT_EQ(event.number({12, 8, false}), 0u);
    EXPECT_EQ(event.text({4, 400, false}).size(), 1u);  // "*", then a NUL
}

}  // namespace
}  // namespace etw::kernel
