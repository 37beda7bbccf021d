#include "session/rules.h"

#include "etw/boot_session.h"
#include "etw/kernel_flags.h"
#include "session/kernel_groups.h"

#include <gtest/gtest.h>

namespace etw::session {
namespace {

Properties valid() {
    Properties p;
    p.name = "MyTrace";
    p.log_file = "/tmp/my.etl";
    return p;
}

Code code_of(const Properties& p) {
    const auto checked = check(p);
    return checked ? Code::kOk : checked.error().code;
}

std::string detail_of(const Properties& p) {
    const auto checked = check(p);
    return checked ? "" : checked.error().detail;
}

TEST(Rules, APlainSessionPasses) { EXPECT_EQ(code_of(valid()), Code::kOk); }

TEST(Rules, NamesAreNeededBoundedAndPrintable) {
    Properties p = valid();
    p.name = "";
    EXPECT_EQ(code_of(p), Code::kInvalidParameter);
    p.name = std::string(kMaxNameLength, 'x');
    EXPECT_EQ(code_of(p), Code::kOk);
    p.name += 'x';
    EXPECT_EQ(code_of(p), Code::kInvalidName);
    p.name = std::string(kMaxNameLength * 4 + 1, '\x80');  // continuation bytes only
    EXPECT_EQ(code_of(p), Code::kInvalidName);
    for (const char c : {'\0', '\n', '\x7F'}) {
        p.name = std::string("a") + c;
        EXPECT_EQ(code_of(p), Code::kInvalidName) << int(c);
    }
    p.name = "Спутник 衛星";
    EXPECT_EQ(code_of(p), Code::kOk);
}

TEST(Rules, ReservedNamesAreRefusedInAnyCase) {
    for (const char* name : {"GlobalLogger", "globallogger"}) {
        Properties p = valid();
        p.name = name;
        EXPECT_EQ(code_of(p), Code::kInvalidParameter) << name;
        p.guid = kGlobalLoggerGuid;  // as the boot starts it
        EXPECT_EQ(code_of(p), Code::kOk) << name;
        p.name = "Other";
        EXPECT_EQ(code_of(p), Code::kInvalidParameter);
    }
}

TEST(Rules, GlobalLoggerCannotBeUpdated) {
    UpdateRequest update;
    update.name = "MyTrace";
    EXPECT_TRUE(check(update));
    update.name = "globallogger";
    ASSERT_FALSE(check(update));
    EXPECT_EQ(check(update).error().code, Code::kNotSupported);
    // But kernel options alone turn it into another session.
    update.enable_flags = kKernelProcess;
    EXPECT_TRUE(check(update));
    update.maximum_buffers = 40;
    EXPECT_FALSE(check(update));
}

TEST(Rules, TheKernelLoggerHasRulesOfItsOwn) {
    Properties p = valid();
    p.name = "nt kernel logger";
    p.enable_flags = kDefaultKernelFlags;
    EXPECT_EQ(code_of(p), Code::kOk);
    EXPECT_TRUE(records_kernel(p));
    EXPECT_EQ(apply_defaults(p, 2).guid, *parse_guid("9e814aad-3204-11d2-9a82-006008a86939"));
    const std::pair<uint32_t, const char*> kRefused[] = {{kModeGlobalSequence, "-gs"},
                                                         {kModeLocalSequence, "-ls"},
                                                         {kModePagedMemory, "-paged"},
                                                         {kModePrivate, "-um"}};
    for (const auto& [mode, option] : kRefused) {
        Properties other = p;
        other.log_file_mode = mode;
        EXPECT_EQ(code_of(other), Code::kInvalidParameter) << option;
        EXPECT_NE(detail_of(other).find(option), std::string::npos) << detail_of(other);
    }
    p.guid = *parse_guid("11111111-3204-11d2-9a82-006008a86939");
    EXPECT_EQ(code_of(p), Code::kInvalidParameter);
}

TEST(Rules, KernelEventsThatLinuxDoesNotHaveAreRefusedByName) {
    Properties p = valid();
    p.log_file_mode = kModeSystemLogger;
    p.enable_flags = kKernelProcess | kKernelAlpc | kKernelSplitIo;
    EXPECT_EQ(code_of(p), Code::kNotSupported);
    EXPECT_NE(detail_of(p).find("ALPC, SPLIT_IO"), std::string::npos) << detail_of(p);
    p.enable_flags = kKernelRegistry;
    EXPECT_NE(detail_of(p).find("no registry"), std::string::npos) << detail_of(p);
    // What -flag says of other sessions is none of the kernel's.
    p.log_file_mode = 0;
    EXPECT_EQ(code_of(p), Code::kOk);
}

TEST(Rules, EachSystemHasModesAndKernelEventsOfItsOwn) {
    Properties p = valid();
    p.log_file_mode = kModeSystemLogger;
    p.enable_flags = kDocumentedKernelFlags;
    EXPECT_TRUE(check(p, kWindows));
    EXPECT_FALSE(check(p, kLinux));
    p.enable_flags |= 0x80000000;
    EXPECT_EQ(check(p, kWindows).error().code, Code::kNotSupported);
    p = valid();
    for (const uint32_t mode : {kModeDebugger, kModeStopOnHybridShutdown,
                                kModePersistOnHybridShutdown, kModeTriageDump}) {
        p.log_file_mode = mode;
        EXPECT_TRUE(check(p, kWindows)) << mode;
        EXPECT_EQ(check(p, kLinux).error().code, Code::kInvalidParameter) << mode;
    }
    p.log_file_mode = kModeStopOnHybridShutdown | kModePersistOnHybridShutdown;
    EXPECT_EQ(check(p, kWindows).error().code, Code::kInvalidParameter);
    p = valid();
    p.qpc_delta = true;
    EXPECT_TRUE(check(p, kWindows));
    EXPECT_EQ(check(p, kLinux).error().code, Code::kNotSupported);
    ProviderEnable e;
    e.guid = *parse_guid("d58c126f-b309-11d1-969e-0000f875a5bc");
    e.enable_property = 0x400;
    EXPECT_TRUE(ineffective(e, kWindows).empty());
    EXPECT_EQ(ineffective(e, kLinux).size(), 1u);
    e.package_ids = std::string(kMaxFilterBytes + 1, 'a');
    EXPECT_EQ(check(e).error().code, Code::kInvalidParameter);
}

TEST(KernelGroups, HaveNamesInAnyCaseAndWordsInDisplays) {
    EXPECT_EQ(find_kernel_group("proc_thread")->flags, uint32_t{kKernelProcess | kKernelThread});
    EXPECT_EQ(find_kernel_group("Process")->name, "PROCESS");
    EXPECT_EQ(find_kernel_group("PIPES"), std::nullopt);
    EXPECT_EQ(find_kernel_group("POOL")->flags, 0u);
    EXPECT_EQ(kernel_flag_words(kDefaultKernelFlags), "Process Thread Disk TcpIp");
    EXPECT_EQ(kernel_flag_words(kKernelProcess | kKernelThread | kKernelImageLoad |
                                kKernelContextSwitch | kKernelDpc | kKernelProfile),
              "Process Thread ImageLoad CxtSwap Dpc Profile");
    EXPECT_EQ(kernel_flag_words(kKernelProcess | 0x80000000), "Process 0x80000000");
}

struct Conflict {
    uint32_t modes;
    const char* first;
    const char* second;
};
void PrintTo(const Conflict& c, std::ostream* out) { *out << c.first << " " << c.second; }

class ModeConflict : public testing::TestWithParam<Conflict> {};

TEST_P(ModeConflict, IsRefusedAndNamesBothOptions) {
    Properties p = valid();
    p.log_file_mode = GetParam().modes;
    p.log_file = "/tmp/a%d.etl";
    p.maximum_file_size = 8;
    EXPECT_EQ(code_of(p), Code::kInvalidParameter);
    EXPECT_NE(detail_of(p).find(GetParam().first), std::string::npos) << detail_of(p);
    EXPECT_NE(detail_of(p).find(GetParam().second), std::string::npos) << detail_of(p);
}

INSTANTIATE_TEST_SUITE_P(
    Reference, ModeConflict,
    testing::Values(Conflict{kModeSequential | kModeCircular, "-seq", "-cir"},
                    Conflict{kModeSequential | kModeNewFile, "-seq", "-newfile"},
                    Conflict{kModeCircular | kModeNewFile, "-cir", "-newfile"},
                    Conflict{kModeAppend | kModeCircular, "-append", "-cir"},
                    Conflict{kModeAppend | kModeNewFile, "-append", "-newfile"},
                    Conflict{kModeAppend | kModeRealTime, "-append", "-rt"},
                    Conflict{kModeAppend | kModePrivate, "-append", "-um"},
                    Conflict{kModePreallocate | kModeNewFile, "-prealloc", "-newfile"},
                    Conflict{kModePreallocate | kModePrivate, "-prealloc", "-um"},
                    Conflict{kModeNewFile | kModePrivate, "-newfile", "-um"},
                    Conflict{kModeRealTime | kModeBuffering, "-rt", "-buffering"},
                    Conflict{kModeRealTime | kModePrivate, "-rt", "-um"},
                    Conflict{kModeIndependent | kModePrivate, "-independent", "-um"},
                    Conflict{kModeBuffering | kModePrivate, "-buffering", "-um"},
                    Conflict{kModePagedMemory | kModePrivate, "-paged", "-um"},
                    Conflict{kModeSystemLogger | kModePrivate, "-systemlogger", "-um"},
                    Conflict{kModeGlobalSequence | kModeLocalSequence, "-gs", "-ls"},
                    Conflict{kModePagedMemory | kModeSystemLogger, "-paged", "system logger"},
                    Conflict{kModeBuffering | kModeSequential, "-buffering", "-seq"},
                    Conflict{kModeBuffering, "-buffering", "-f"}));

TEST(Rules, AModeThatThereIsNotIsRefused) {
    Properties p = valid();
    p.log_file_mode = 0x00000010;
    EXPECT_EQ(code_of(p), Code::kInvalidParameter);
}

ProviderEnable enable() {
    ProviderEnable e;
    e.guid.data1 = 1;
    e.enable_property = kPropertyStackTrace;
    e.pids = {1, 2, 3, 4, 5, 6, 7, 8};
    e.exe_names = {std::string(511, 'a'), std::string(512, 'b')};
    e.event_ids = EventIdFilter{true, std::vector<uint16_t>(64)};
    e.stack_walk_ids = EventIdFilter{false, std::vector<uint16_t>(64)};
    return e;
}

TEST(Rules, AFilterGoesUpToItsLimit) {
    EXPECT_TRUE(check(enable()));
    EXPECT_EQ(ineffective(enable()), std::vector<std::string>());
}

TEST(Rules, AFilterPastItsLimitIsRefusedWithAWord) {
    const auto refused = [](auto change) {
        ProviderEnable e = enable();
        change(e);
        const auto result = check(e);
        return !result && result.error().code == Code::kInvalidParameter &&
               !result.error().detail.empty();
    };
    EXPECT_TRUE(refused([](auto& e) { e.guid = {}; }));
    EXPECT_TRUE(refused([](auto& e) { e.pids.push_back(9); }));
    EXPECT_TRUE(refused([](auto& e) { e.pids = {0}; }));
    EXPECT_TRUE(refused([](auto& e) { e.exe_names.front() += 'a'; }));
    EXPECT_TRUE(refused([](auto& e) { e.exe_names = {""}; }));
    EXPECT_TRUE(refused([](auto& e) { e.exe_names = {"/bin/a"}; }));
    EXPECT_TRUE(refused([](auto& e) { e.event_ids->ids.push_back(1); }));
    EXPECT_TRUE(refused([](auto& e) { e.event_ids->ids.clear(); }));
    EXPECT_TRUE(refused([](auto& e) { e.stack_walk_ids->ids.push_back(1); }));
}

TEST(Rules, WhatOfAnEnableHasNoEffectIsSaid) {
    ProviderEnable e = enable();
    e.enable_property = 0x400;
    EXPECT_EQ(ineffective(e).size(), 2u);
    e.stack_walk_ids.reset();
    EXPECT_EQ(ineffective(e).size(), 1u);
}

TEST(Rules, NeitherFileNorModeIsABadPath) {
    Properties p = valid();
    p.log_file = "";
    EXPECT_EQ(code_of(p), Code::kBadPathname);
}

TEST(Rules, AppendNeedsTheFileAndTheSystemClock) {
    Properties p = valid();
    p.log_file_mode = kModeAppend;
    EXPECT_EQ(code_of(p), Code::kInvalidParameter);
    EXPECT_NE(detail_of(p).find("-UseSystemTime"), std::string::npos);
    p.clock = ClockType::kSystemTime;
    EXPECT_EQ(code_of(p), Code::kOk);
    p.log_file = "";
    EXPECT_EQ(code_of(p), Code::kInvalidParameter);
}

TEST(Rules, NewFileNeedsOneNumberInTheNameOfTheFile) {
    Properties p = valid();
    p.log_file_mode = kModeNewFile;
    p.maximum_file_size = 1;
    for (const char* bad : {"", "/tmp/a.etl", "/tmp/%d/a.etl", "/tmp/a%d%d.etl"}) {
        p.log_file = bad;
        EXPECT_EQ(code_of(p), Code::kInvalidName) << bad;
    }
    p.log_file = "/tmp/a%d.etl";
    EXPECT_EQ(code_of(p), Code::kOk);
    p.maximum_file_size = 0;
    EXPECT_EQ(code_of(p), Code::kInvalidParameter);
}

TEST(Rules, CircularAndPreallocatedFilesNeedASize) {
    for (const uint32_t mode : {kModeCircular, kModePreallocate}) {
        Properties p = valid();
        p.log_file_mode = mode;
        EXPECT_EQ(code_of(p), Code::kInvalidParameter);
        p.maximum_file_size = 1;
        EXPECT_EQ(code_of(p), Code::kOk);
    }
}

TEST(Rules, AFileHoldsAtLeastTwoBuffers) {
    Properties p = valid();
    p.log_file_mode = kModeSequential | kModeUseKilobytes;
    p.maximum_file_size = 127;
    EXPECT_EQ(code_of(p), Code::kInvalidParameter);
    p.maximum_file_size = 128;
    EXPECT_EQ(code_of(p), Code::kOk);
    p.buffer_size_kb = 128;
    EXPECT_EQ(code_of(p), Code::kInvalidParameter);
    p.log_file_mode = kModeSequential;
    p.maximum_file_size = 0xFFFFFFFF;  // MB: must not wrap
    EXPECT_EQ(code_of(p), Code::kOk);
}

TEST(Rules, BufferSizesAndCountsAreBounded) {
    for (const auto& [kb, code] :
         {std::pair{3u, Code::kInvalidParameter}, std::pair{4u, Code::kOk},
          std::pair{16384u, Code::kOk}, std::pair{16385u, Code::kInvalidParameter}}) {
        Properties p = valid();
        p.buffer_size_kb = kb;
        EXPECT_EQ(code_of(p), code) << kb;
    }
    Properties p = valid();
    p.maximum_buffers = kMaxBuffers + 1;
    EXPECT_EQ(code_of(p), Code::kInvalidParameter);
    p.maximum_buffers = 0;
    p.minimum_buffers = kMaxBuffers + 1;
    EXPECT_EQ(code_of(p), Code::kInvalidParameter);
}

TEST(Rules, PathsAreBoundedAndHaveNoZeroByte) {
    Properties p = valid();
    p.log_file = "/" + std::string(kMaxNameLength - 1, 'x');
    EXPECT_EQ(code_of(p), Code::kOk);
    p.log_file += 'x';
    EXPECT_EQ(code_of(p), Code::kInvalidName);
    p.log_file = std::string("/tmp/a\0b", 8);
    EXPECT_EQ(code_of(p), Code::kInvalidName);
}

TEST(Rules, TheGuidOfTheKernelLoggerIsRefused) {
    Properties p = valid();
    p.guid = *parse_guid("9e814aad-3204-11d2-9a82-006008a86939");
    EXPECT_EQ(code_of(p), Code::kInvalidParameter);
}

TEST(Rules, NoSessionButTheKernelsEnablesTheKernelsProvider) {
    ProviderEnable enable;
    enable.guid = *parse_guid("9e814aad-3204-11d2-9a82-006008a86939");
    const auto checked = check(enable);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, Code::kInvalidParameter);
}

struct Ineffective {
    uint32_t modes;
    bool file;
    std::vector<std::string> options;
};

TEST(Ineffective, WhatASessionDoesNotUseIsNamed) {
    const Ineffective kCases[] = {
        {0, true, {}},
        {kModeBuffering, false, {"-max", "-ft", "-bt"}},
        {kModeRealTime, false, {}},
        {kModeRealTime | kModeSequential | kModeUseKilobytes, false, {"-seq", "-kb"}},
        {kModeRealTime | kModeCircular | kModePreallocate, false, {"-cir", "-prealloc"}},
        {kModeUseKilobytes, true, {"-kb"}},
        {kModePagedMemory | kModeIndependent, true, {}},
    };
    for (const Ineffective& c : kCases) {
        Properties p = valid();
        p.log_file_mode = c.modes;
        p.maximum_buffers = 40;
        p.flush_timer_s = 1;
        p.flush_threshold = 2;
        if (!c.file) p.log_file.clear();
        std::vector<std::string> named;
        for (const std::string& text : ineffective(p))
            named.push_back(text.substr(0, text.find(' ')));
        EXPECT_EQ(named, c.options) << c.modes;
    }
}

TEST(Rules, AClockThatDoesNotExistIsRefused) {
    Properties p = valid();
    p.clock = ClockType(9);
    EXPECT_EQ(code_of(p), Code::kInvalidParameter);
}

TEST(Defaults, FillInWhatWasNotSet) {
    const Properties p = apply_defaults(valid(), 1);
    EXPECT_EQ(p.buffer_size_kb, 64u);
    EXPECT_EQ(p.minimum_buffers, 4u);
    EXPECT_EQ(p.maximum_buffers, 64u);
    EXPECT_EQ(p.flush_timer_s, 0u);
}

TEST(Defaults, MinimumIsTwoBuffersForEachProcessor) {
    EXPECT_EQ(apply_defaults(valid(), 16).minimum_buffers, 32u);
    EXPECT_EQ(apply_defaults(valid(), 16).maximum_buffers, 92u);
    Properties p = valid();
    p.minimum_buffers = 3;
    EXPECT_EQ(apply_defaults(p, 1).minimum_buffers, 3u);
    EXPECT_EQ(apply_defaults(p, 2).minimum_buffers, 4u);
    p.log_file_mode = kModeNoPerProcessor;
    EXPECT_EQ(apply_defaults(p, 16).minimum_buffers, 3u);
}

TEST(Defaults, MaximumIsRaisedToTheMinimum) {
    Properties p = valid();
    p.minimum_buffers = 10;
    p.maximum_buffers = 5;
    EXPECT_EQ(apply_defaults(p, 1).maximum_buffers, 10u);
    p.maximum_buffers = 30;
    EXPECT_EQ(apply_defaults(p, 1).maximum_buffers, 30u);
}

TEST(Defaults, BufferSizeIsWholePages) {
    Properties p = valid();
    p.buffer_size_kb = 5;
    EXPECT_EQ(apply_defaults(p, 1).buffer_size_kb, 8u);
    p.buffer_size_kb = kMaxBufferKb;
    EXPECT_EQ(apply_defaults(p, 1).buffer_size_kb, kMaxBufferKb);
}

TEST(Defaults, RealTimeSessionsFlushEverySecond) {
    Properties p = valid();
    p.log_file_mode = kModeRealTime;
    EXPECT_EQ(apply_defaults(p, 1).flush_timer_s, 1u);
    p.flush_timer_s = 5;
    EXPECT_EQ(apply_defaults(p, 1).flush_timer_s, 5u);
}

TEST(Defaults, AreIdempotent) {
    Properties p = valid();
    p.buffer_size_kb = 5;
    const Properties once = apply_defaults(p, 3);
    EXPECT_EQ(apply_defaults(once, 3), once);
}

TEST(Rules, BlocksOfAProcessorAreItsShareOfTheMaximum) {
    Properties p = valid();
    p.maximum_buffers = 30;
    EXPECT_EQ(blocks_per_cpu(p, 4), 7u);
    p.maximum_buffers = 3;
    EXPECT_EQ(blocks_per_cpu(p, 4), 2u);
}

TEST(Rules, NumbersOfLogFilesReplaceThePlaceholder) {
    EXPECT_EQ(numbered_log_file("/tmp/trace%d.etl", 12), "/tmp/trace12.etl");
    EXPECT_EQ(numbered_log_file("/tmp/%d/trace%d.etl", 1), "/tmp/%d/trace1.etl");
    EXPECT_EQ(numbered_log_file("/tmp/trace.etl", 1), "/tmp/trace.etl");
}

}  // namespace
}  // namespace etw::session
