// Stacks, samples and counters of kernel events: names and rules.
#include "session/kernel_groups.h"
#include "session/kernel_hooks.h"
#include "session/profile_sources.h"
#include "session/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace etw::session {
namespace {

using testing::HasSubstr;

Properties kernel_session(KernelTracing tracing) {
    Properties p;
    p.name = kKernelLoggerName;
    p.log_file = "/tmp/k.etl";
    p.enable_flags = 0x10;
    p.kernel = std::move(tracing);
    return p;
}

TEST(KernelHooks, AreFoundByNameInAnyCaseAndByNumber) {
    EXPECT_EQ(find_kernel_hook("cswitch")->id, 0x0524);
    EXPECT_EQ(find_kernel_hook("0x0524")->name, "CSwitch");
    EXPECT_EQ(find_kernel_hook("0x0F3a")->id, 0x0F3A);
    EXPECT_FALSE(find_kernel_hook("0x0F3a")->on_linux);
    EXPECT_EQ(find_kernel_hook("PoolAlloc")->id, 0);
    for (const char* none : {"", "CSwitc", "0x52", "0x05244", "0524", "0x05g4"})
        EXPECT_FALSE(find_kernel_hook(none)) << none;
}

TEST(KernelHooks, HaveANameAndANumberEach) {
    std::set<uint16_t> ids;
    for (const KernelHook& hook : kernel_hooks()) {
        EXPECT_TRUE(ids.insert(hook.id).second) << hook.name;
        EXPECT_EQ(kernel_hook_name(hook.id), hook.name);
    }
    EXPECT_EQ(kernel_hook_name(0x0F3A), "0x0F3A");
}

TEST(ProfileSources, AreFoundInAnyCase) {
    EXPECT_EQ(find_perf_source("timer")->id, 0);
    EXPECT_EQ(find_perf_source("nothing"), nullptr);
    std::set<uint16_t> ids;
    for (const PerfSource& source : perf_sources()) EXPECT_TRUE(ids.insert(source.id).second);
}

TEST(KernelTracing, PassesWithEventsAndSourcesThatAreThere) {
    EXPECT_TRUE(check(kernel_session({{0x0524, 0x0F33},
                                      "CacheMisses",
                                      {{"Timer", 5000}, {"CacheMisses", 1}},
                                      {"TotalCycles"},
                                      {0x0524}})));
}

TEST(KernelTracing, IsRefusedByName) {
    const std::vector<std::pair<KernelTracing, const char*>> kCases{
        {{{0x1402}, "", {}, {}, {}}, "ImageUnload: Linux has no place where such an event's stack"},
        {{{}, "", {}, {"Timer"}, {0x0443}},
         "FileRead: Linux has no place where such an event's counters"},
        {{{0x0F3A}, "", {}, {}, {}}, "0x0F3A"},
        {{{}, "Nothing", {}, {}, {}}, "'Nothing' is no source"},
        {{{}, "", {{"Timer", 999}}, {}, {}}, "0.1 ms to 1 s"},
        {{{}, "", {{"Timer", 10'000'001}}, {}, {}}, "0.1 ms to 1 s"},
        {{{}, "", {{"CacheMisses", 0}}, {}, {}}, "an interval of 0"},
        {{{}, "", {}, {"Nothing"}, {0x0524}}, "'Nothing' is no source"},
        {{{}, "", {}, {"Timer"}, {}}, "-Pmc needs counters and events"},
        {{{}, "", {}, std::vector<std::string>(8, "Timer"), {0x0524}}, "7 sources at most"},
        {{std::vector<uint16_t>(257, 0x0524), "", {}, {}, {}}, "at most 256 events"},
    };
    for (const auto& [tracing, text] : kCases) {
        const auto refused = check(kernel_session(tracing));
        ASSERT_FALSE(refused) << text;
        EXPECT_THAT(refused.error().detail, HasSubstr(text));
        UpdateRequest update;
        update.name = "any";
        update.kernel = tracing;
        const auto also = check(update);
        ASSERT_FALSE(also) << text;
        EXPECT_EQ(also.error(), refused.error());
    }
    EXPECT_EQ(check(kernel_session(kCases[0].first)).error().code, Code::kNotSupported);
    EXPECT_EQ(check(kernel_session(kCases[3].first)).error().code, Code::kInvalidParameter);
}

TEST(KernelTracing, NeedsASessionWithKernelEvents) {
    Properties p = kernel_session({{0x0524}, "", {}, {}, {}});
    p.name = "Mine";
    EXPECT_EQ(check(p).error().code, Code::kInvalidParameter);
    p.log_file_mode |= kModeSystemLogger;
    EXPECT_TRUE(check(p));
}

TEST(KernelTracing, SaysWhatHasNoEffectWithoutSamples) {
    Properties p = kernel_session({{}, "Timer", {{"Timer", 5000}}, {}, {}});
    EXPECT_EQ(ineffective(p).size(), 2u);
    p.enable_flags |= 0x01000000;
    EXPECT_TRUE(ineffective(p).empty());
}

TEST(KernelTracing, SaysWhichEventsTheFlagsDoNotRecord) {
    Properties p = kernel_session({{0x0524, 0x010A}, "", {}, {"TotalCycles"}, {0x0532}});
    p.enable_flags = 0x00000010;  // CSWITCH
    EXPECT_EQ(ineffective(p),
              (std::vector<std::string>{
                  "-stackwalk DiskRead has no effect: no such event is recorded without DISK_IO; "
                  "add it to -eflag",
                  "-Pmc ReadyThread has no effect: no such event is recorded without DISPATCHER; "
                  "add it to -eflag"}));
    p.enable_flags |= 0x00000900;
    EXPECT_TRUE(ineffective(p).empty());
}

// Each that can be had has a flag, and the flag a name.
TEST(KernelTracing, EveryEventWithAStackIsRecordedByAFlag) {
    for (const KernelHook& hook : kernel_hooks()) {
        if (!hook.on_linux) continue;
        const uint32_t flag = kernel_hook_flag(hook.id);
        const auto named = [flag](const KernelGroup& group) { return group.flags == flag; };
        EXPECT_TRUE(std::any_of(kernel_groups().begin(), kernel_groups().end(), named))
            << hook.name;
    }
}

}  // namespace
}  // namespace etw::session
