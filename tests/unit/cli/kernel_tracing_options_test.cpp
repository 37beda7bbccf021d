#include "cli/kernel_tracing_options.h"

#include "cli/kernel_tracing_display.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace etw::cli {
namespace {

using session::KernelTracing;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TEST(KernelTracingOptions, ReadsAllOfThem) {
    const auto read = parse_kernel_tracing({"CSwitch+syscallenter+0x0F2E+CSWITCH",
                                            "cachemisses",
                                            {"5000", "Timer", "0x10", "TotalCycles"},
                                            "CacheMisses,totalcycles:CSwitch+Profile"});
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, (KernelTracing{{0x0524, 0x0F33, 0x0F2E},
                                    "CacheMisses",
                                    {{"Timer", 5000}, {"TotalCycles", 16}},
                                    {"CacheMisses", "TotalCycles"},
                                    {0x0524, 0x0F2E}}));
}

TEST(KernelTracingOptions, NamesWhatItDoesNotKnow) {
    const auto message = [](KernelTracingWords words) {
        const auto read = parse_kernel_tracing(words);
        return read ? std::string() : read.error().message;
    };
    EXPECT_THAT(message({"CSwitch+Nothing", "", {}, ""}),
                HasSubstr("-stackwalk: 'Nothing' is no kernel event"));
    EXPECT_THAT(message({"CSwitch+", "", {}, ""}), HasSubstr("'' is no kernel event"));
    EXPECT_THAT(message({"PoolAlloc", "", {}, ""}), HasSubstr("Linux has no events of this kind"));
    EXPECT_THAT(message({"", "Nothing", {}, ""}), HasSubstr("-ProfileSource: 'Nothing'"));
    EXPECT_THAT(message({"", "", {"x", "Timer"}, ""}), HasSubstr("SetProfInt"));
    EXPECT_THAT(message({"", "", {"1000", "Nothing"}, ""}), HasSubstr("-SetProfInt: 'Nothing'"));
    EXPECT_THAT(message({"", "", {}, "CacheMisses"}), HasSubstr("-Pmc needs counters and events"));
    EXPECT_THAT(message({"", "", {}, "A:CSwitch"}), HasSubstr("-Pmc: 'A' is no source"));
    EXPECT_THAT(message({"", "", {}, "Timer:A"}), HasSubstr("-Pmc: 'A' is no kernel event"));
}

TEST(KernelTracingOptions, ShowsWhatIsAskedAsItIsTyped) {
    EXPECT_THAT(kernel_tracing_lines({}), testing::IsEmpty());
    EXPECT_THAT(kernel_tracing_lines({{0x0524, 0x0F3A},
                                      "CacheMisses",
                                      {{"Timer", 5000}},
                                      {"Timer", "PageFaults"},
                                      {0x0F2E}}),
                ElementsAre(Pair(testing::StrEq("Stacks:"), "CSwitch+0x0F3A"),
                            Pair(testing::StrEq("Profile Source:"), "CacheMisses"),
                            Pair(testing::StrEq("Profile Interval:"), "5000 Timer"),
                            Pair(testing::StrEq("Counters:"), "Timer,PageFaults:Profile")));
}

TEST(KernelTracingOptions, ListsEventsAndSources) {
    EXPECT_THAT(stack_event_help(), HasSubstr("  CSwitch              0x0524\n"));
    EXPECT_THAT(stack_event_help(),
                HasSubstr("  ImageLoad            0x030A  on Linux without counters\n"));
    EXPECT_THAT(stack_event_help(), HasSubstr("  ImageUnload          0x1402  not on Linux\n"));
    EXPECT_THAT(profile_source_help({{"Timer", 0, 1000, 10'000'000}}),
                HasSubstr("  Timer                       0       1000   10000000\n"));
}

}  // namespace
}  // namespace etw::cli
