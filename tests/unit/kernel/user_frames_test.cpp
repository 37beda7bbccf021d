#include "kernel/images/user_frames.h"

#include <gtest/gtest.h>

#include <execinfo.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>

namespace etw::kernel {
namespace {

#if defined(__x86_64__)

// A thread as the kernel would find it in a function that has called something.
struct Found {
    UserStack stack;
    std::vector<uint64_t> words;
    std::vector<uint64_t> callers;  // as libgcc finds them
};

// Word by word and not by memcpy(): the address sanitizer takes what lies between the variables of
// a stack for nobody's.
__attribute__((noinline, no_sanitize("address"))) void copy_stack(std::vector<uint64_t>& to,
                                                                  uint64_t from) {
    const auto* words = reinterpret_cast<const volatile uint64_t*>(from);
    uint64_t* out = to.data();
    for (size_t i = 0, count = to.size(); i < count; ++i) out[i] = words[i];
}

__attribute__((noinline)) void look(Found& out, size_t words) {
    ucontext_t context{};
    ASSERT_EQ(::getcontext(&context), 0);
    const auto reg = [&](int index) { return uint64_t(context.uc_mcontext.gregs[index]); };
    out.stack.place = reg(REG_RIP);
    out.stack.stack_pointer = out.stack.words_at = reg(REG_RSP);
    out.stack.frame_pointer = reg(REG_RBP);
    out.words.resize(words);
    // The stack of a test is deeper than that.
    copy_stack(out.words, out.stack.words_at);
    out.stack.words = out.words;
    void* callers[64];
    const int count = ::backtrace(callers, 64);
    for (int i = 1; i < count; ++i) out.callers.push_back(reinterpret_cast<uintptr_t>(callers[i]));
}

constexpr size_t kWords = 512;

class UserFramesTest : public testing::Test {
protected:
    UserFramesTest() {
        const auto pid = uint32_t(::getpid());
        const auto files = files_with_code(pid);
        EXPECT_TRUE(files);
        if (files) frames_.add(pid, *files, {});
    }
    std::vector<uint64_t> find(const Found& found, const std::vector<uint64_t>& by_pointers) {
        return frames_.find(uint32_t(::getpid()), found.stack, by_pointers);
    }
    UserFrames frames_;
};

TEST_F(UserFramesTest, CallersAreFoundInTheCopyAsDescribed) {
    Found found;
    look(found, kWords);
    const std::vector<uint64_t> out = find(found, {});
    ASSERT_GE(out.size(), 3u);
    EXPECT_EQ(out[0], found.stack.place);
    // The call of backtrace() in it is another place, and under a sanitizer that of its own.
    const auto same = std::find(found.callers.begin(), found.callers.end(), out[2]);
    ASSERT_GE(found.callers.end() - same, out.end() - (out.begin() + 2));
    EXPECT_TRUE(std::equal(out.begin() + 2, out.end(), same));
}

TEST_F(UserFramesTest, WhatTheKernelFoundGoesOnFromWhereTheCopyEnds) {
    Found found;
    look(found, kWords);
    const std::vector<uint64_t> known = find(found, {});
    ASSERT_GE(known.size(), 3u);
    std::vector<uint64_t> expected = known;
    expected.insert(expected.end(), {0x11, 0x22});
    // Frame pointers skip callers that have none.
    EXPECT_EQ(find(found, {known[0], known.back(), 0x11, 0x22}), expected);
}

TEST_F(UserFramesTest, WithoutACopyThereIsWhatTheKernelFound) {
    Found found;
    look(found, 0);
    EXPECT_EQ(find(found, {found.stack.place, 0x11}),
              (std::vector<uint64_t>{found.stack.place, 0x11}));
    EXPECT_EQ(frames_.find(~0u, found.stack, std::vector<uint64_t>{found.stack.place, 0x11}),
              (std::vector<uint64_t>{found.stack.place, 0x11}));
    EXPECT_EQ(frames_.find(~0u, {}, std::vector<uint64_t>{0x11}), std::vector<uint64_t>{0x11});
}

TEST_F(UserFramesTest, ACopyOfAnything) {
    Found found;
    look(found, kWords);
    for (uint64_t seed = 1; seed < 200; ++seed) {
        for (uint64_t& word : found.words) word = seed * word + seed;
        find(found, {});
    }
}

#endif

}  // namespace
}  // namespace etw::kernel
