#include "kernel/programs/bpf_code.h"
#include "kernel/programs/exit_watch.h"

#include <gtest/gtest.h>

#include <csignal>

namespace etw::kernel {
namespace {

TEST(BpfCode, JumpsAndCallsAreRelativeToWhatFollowsThem) {
    BpfCode code;
    const auto end = code.label();
    const auto function = code.label();
    code.jump_if(BPF_JEQ, r1, 7, end);
    code.call(function);
    code.place(end);
    code.leave(0);
    code.place(function);
    code.load(BpfCode::Size::k32, r2, r1, -8);
    code.leave(0);
    const auto out = code.finish();
    ASSERT_EQ(out.size(), 7u);
    EXPECT_EQ(out[0].off, 1);
    EXPECT_EQ(out[0].imm, 7);
    EXPECT_EQ(out[1].src_reg, BPF_PSEUDO_CALL);
    EXPECT_EQ(out[1].imm, 2);
    EXPECT_EQ(out[4].off, -8);
    EXPECT_EQ(out[4].dst_reg, r2);
}

TEST(BpfCode, AFunctionsAddressTakesTwoInstructionsAndIsRelativeToTheFirst) {
    BpfCode code;
    const auto function = code.label();
    code.load_function(r2, function);
    code.leave(0);
    code.place(function);
    code.leave(0);
    const auto out = code.finish();
    ASSERT_EQ(out.size(), 6u);
    EXPECT_EQ(out[0].src_reg, BPF_PSEUDO_FUNC);
    EXPECT_EQ(out[0].imm, 3);
    EXPECT_EQ(out[0].off, 0);
}

TEST(BpfCode, AMapTakesTwoInstructions) {
    BpfCode code;
    code.load_map(r1, 42);
    const auto out = code.finish();
    ASSERT_EQ(out.size(), 2u);
    EXPECT_EQ(out[0].imm, 42);
    EXPECT_EQ(out[0].src_reg, BPF_PSEUDO_MAP_FD);
}

TEST(ExitStatus, IsWhatShellsSay) {
    EXPECT_EQ(exit_status(0), 0);
    EXPECT_EQ(exit_status(3 << 8), 3);
    EXPECT_EQ(exit_status(SIGKILL), 137);
    EXPECT_EQ(exit_status(SIGSEGV | 0x80), 139);  // with a core dump
}

}  // namespace
}  // namespace etw::kernel
