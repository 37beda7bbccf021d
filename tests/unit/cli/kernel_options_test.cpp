#include "cli/kernel_options.h"

#include "etw/kernel_flags.h"

#include <gmock/gmock.h>

namespace etw::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

uint32_t flags(std::vector<std::string_view> switches, std::vector<std::string> eflag = {},
               bool kernel_logger = true) {
    const auto events = parse_kernel_events({std::move(switches), std::move(eflag), false},
                                            kernel_logger, session::kLinux);
    EXPECT_TRUE(events) << events.error().message;
    return events ? events->flags : 0;
}

std::string error(std::vector<std::string_view> switches, std::vector<std::string> eflag = {},
                  bool kernel_logger = true) {
    const auto events = parse_kernel_events({std::move(switches), std::move(eflag), false},
                                            kernel_logger, session::kLinux);
    EXPECT_FALSE(events);
    return events ? "" : events.error().message;
}

TEST(KernelOptions, SwitchesTakeFromTheDefaultsAndAddToThem) {
    EXPECT_EQ(flags({}), kDefaultKernelFlags);
    EXPECT_EQ(flags({"noprocess", "nothread", "nodisk", "nonet"}), 0u);
    EXPECT_EQ(flags({"fio", "pf", "hf", "img"}),
              kDefaultKernelFlags | 0x200u | 0x1000u | 0x2000u | 0x4u);
}

TEST(KernelOptions, DpcIsrIsWhatTheDisplayOfWindowsShows) {
    EXPECT_EQ(flags({"dpcisr"}),
              uint32_t{kKernelProcess | kKernelThread | kKernelDiskIo | kKernelDiskFileIo |
                       kKernelImageLoad | kKernelDpc | kKernelInterrupt | kKernelContextSwitch});
    EXPECT_THAT(error({"dpcisr"}, {"DPC"}), HasSubstr("-dpcisr does not go with -eflag"));
}

TEST(KernelOptions, NamesReplaceTheDefaultsAndAreKeptForTheirLines) {
    const auto events =
        parse_kernel_events({{}, {"proc_thread+Loader+CSWITCH"}, false}, true, session::kLinux);
    ASSERT_TRUE(events);
    EXPECT_EQ(events->flags, 0x17u);
    EXPECT_THAT(events->groups, ElementsAre("PROC_THREAD", "LOADER", "CSWITCH"));
    EXPECT_THAT(error({}, {"PROCESS+PIPES"}), HasSubstr("'PIPES' is no kernel event"));
    EXPECT_THAT(error({}, {"POOL"}), HasSubstr("POOL: Linux has no events"));
    EXPECT_THAT(error({}, {"PROCESS+"}), HasSubstr("''"));
}

TEST(KernelOptions, FlagWordsAreThoseOfWindowsGroupMasks) {
    EXPECT_EQ(flags({}, {"0x10001"}), 0x10001u);
    EXPECT_EQ(flags({}, {"0x1", "0x4", "0x40"}),
              uint32_t{kKernelProcess | kKernelContextSwitch | kKernelSystemCall});
    EXPECT_THAT(error({}, {"0", "0x100000"}), HasSubstr("0x100000"));
}

TEST(KernelOptions, OtherSessionsHaveWhatTheyName) {
    EXPECT_EQ(flags({"img"}, {}, false), uint32_t{kKernelImageLoad});
    EXPECT_THAT(error({"nodisk"}, {}, false), HasSubstr("goes with NT Kernel Logger"));
}

TEST(KernelOptions, HelpMarksWhatLinuxDoesNotHave) {
    const std::string help = kernel_group_help(session::kLinux);
    EXPECT_THAT(help, HasSubstr("  CSWITCH        0x00000010\n"));
    EXPECT_THAT(help, HasSubstr("  ALPC           0x00100000  not on Linux\n"));
}

}  // namespace
}  // namespace etw::cli
