#include "session/boot_config.h"

#include "etw/kernel_flags.h"
#include "session/boot_rules.h"
#include "support/temp_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace etw::session {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kLogs = test::some_path("log");  // a folder, absolute on any system
constexpr char kProvider[] = "d58c126f-b309-11d1-969e-0000f875a5bc";

BootSession parsed(std::string_view text, const std::string& name = "Auto") {
    const auto out = parse_boot(text, "x.conf", name, kLogs);
    EXPECT_TRUE(out) << (out ? "" : out.error().detail);
    return out ? out->session : BootSession();
}

Failure parse_failure(std::string_view text, const std::string& name = "Auto") {
    const auto out = parse_boot(text, "x.conf", name, kLogs);
    EXPECT_FALSE(out) << text;
    return out ? Failure{} : out.error();
}

Code code_of(const BootSession& boot) {
    const auto checked = check(boot);
    return checked ? Code::kOk : checked.error().code;
}

TEST(BootConfig, GlobalLoggerHasTheReferencesDefaults) {
    const BootSession boot = parsed("Start = 1\n", "globallogger");
    const Properties& p = boot.properties;
    EXPECT_TRUE(boot.start);
    EXPECT_EQ(p.name, "GlobalLogger");
    EXPECT_EQ(p.guid, kGlobalLoggerGuid);
    EXPECT_EQ(p.buffer_size_kb, 64u);
    EXPECT_EQ(p.minimum_buffers, 3u);
    EXPECT_EQ(p.maximum_buffers, 25u);
    EXPECT_EQ(p.flush_timer_s, 0u);
    EXPECT_EQ(p.maximum_file_size, 0u);
    EXPECT_EQ(p.clock, ClockType::kPerfCounter);
    EXPECT_EQ(p.log_file, kLogs + "/trace.log");
    EXPECT_EQ(code_of(boot), Code::kOk);
}

TEST(BootConfig, AnAutoLoggerEndsItsLogAt100MbUnlessItSaysOtherwise) {
    BootSession boot = parsed("Start = 1\n");
    EXPECT_EQ(boot.properties.log_file, kLogs + "/Auto.etl");
    EXPECT_EQ(boot.properties.guid, guid_from_name("Auto"));
    Properties started = start_request(boot).properties;
    EXPECT_EQ(started.maximum_file_size, 100u);
    EXPECT_EQ(started.log_file_mode, kModeSequential);
    started = start_request(parsed("MaxFileSize = 0\n")).properties;
    EXPECT_EQ(started.maximum_file_size, 0u);
    EXPECT_EQ(started.log_file_mode, 0u);
    started = start_request(parsed("LogFileMode = 2\nMaximumFileSize = 7")).properties;
    EXPECT_EQ(started.maximum_file_size, 7u);
    EXPECT_EQ(started.log_file_mode, kModeCircular);
}

TEST(BootConfig, WithoutAFileNameRealTimeAndBufferedOnesHaveNoLog) {
    for (const char* mode : {"LogFileMode = 0x100", "LogFileMode = 0x400"}) {
        const BootSession boot = parsed(mode);
        EXPECT_EQ(start_request(boot).properties.log_file, "") << mode;
        EXPECT_EQ(start_request(boot).properties.maximum_file_size, 0u) << mode;
        EXPECT_EQ(code_of(boot), Code::kOk) << mode;
    }
    const BootSession both = parsed("LogFileMode = 0x100\nFileName = " + kLogs + "\n");
    EXPECT_EQ(start_request(both).properties.log_file, kLogs);
}

// Every value of the reference, in the spelling of the registry.
TEST(BootConfig, ReadsEveryValue) {
    const BootSession boot = parsed(
        "Start = 1\nGuid = {ce5fa4ea-ab00-5402-8b76-9f76ac858fb5}\nBufferSize = 128\n"
        "MinimumBuffers = 8\nMaximumBuffers = 0x10\nFlushTimer = 2\nFlushThreshold = 3\n"
        "ClockType = 2\nLogFileMode = 0x10000001\nMaxFileSize = 50\nFileName = /var/my log.etl\n"
        "FileMax = 4\nFileCounter = 2\nDisableRealtimePersistence = 1\nBoot = 1\nStatus = 112\n"
        "[" +
        std::string(kProvider) +
        "]\nEnabled = 1\nEnableLevel = 5\nEnableFlags = 0x6\n"
        "MatchAnyKeyword = 0x8000000000000001\nMatchAllKeyword = 0x2\nEnableProperty = 4\n");
    const Properties& p = boot.properties;
    EXPECT_EQ(to_string(p.guid), "ce5fa4ea-ab00-5402-8b76-9f76ac858fb5");
    EXPECT_EQ(p.buffer_size_kb, 128u);
    EXPECT_EQ(p.minimum_buffers, 8u);
    EXPECT_EQ(p.maximum_buffers, 16u);
    EXPECT_EQ(p.flush_timer_s, 2u);
    EXPECT_EQ(p.flush_threshold, 3u);
    EXPECT_EQ(p.clock, ClockType::kSystemTime);
    EXPECT_EQ(p.log_file_mode, kModeSequential | kModeNoPerProcessor);
    EXPECT_EQ(p.maximum_file_size, 50u);
    EXPECT_EQ(p.log_file, "/var/my log.etl");
    EXPECT_EQ(boot.file_max, 4u);
    EXPECT_EQ(boot.file_counter, 2u);
    EXPECT_TRUE(boot.disable_realtime_persistence);
    EXPECT_TRUE(boot.boot);
    EXPECT_EQ(boot.status, 112u);
    ASSERT_EQ(boot.providers.size(), 1u);
    const BootProvider& provider = boot.providers[0];
    EXPECT_TRUE(provider.enabled);
    EXPECT_EQ(provider.enable_flags, 6u);
    EXPECT_EQ(provider.how.level, 5);
    EXPECT_EQ(provider.how.match_any_keyword, 0x8000000000000001u);
    EXPECT_EQ(provider.how.match_all_keyword, 2u);
    EXPECT_EQ(provider.how.enable_property, 4u);
    EXPECT_EQ(parsed(format_boot(boot)), boot);
}

TEST(BootConfig, GlobalLoggersProvidersHaveFlagsAndLevel) {
    const BootSession boot = parsed(
        "[{D58C126F-B309-11D1-969E-0000F875A5BC}]\nFlags = 7\nLevel = 0xFFFF\n", "GlobalLogger");
    ASSERT_EQ(boot.providers.size(), 1u);
    EXPECT_EQ(boot.providers[0].how.level, 0xFF);
    EXPECT_EQ(start_request(boot).providers[0].match_any_keyword, 7u);
    EXPECT_THAT(format_boot(boot), HasSubstr("Flags = 0x7\n"));
    EXPECT_EQ(parsed(format_boot(boot), "GlobalLogger"), boot);
}

TEST(BootConfig, KeywordsCountBeforeFlagsAndADisabledProviderIsLeftOut) {
    const std::string section = "[" + std::string(kProvider) + "]\n";
    auto request = start_request(parsed(section + "EnableFlags = 6\nMatchAnyKeyword = 1\n"));
    EXPECT_EQ(request.providers[0].match_any_keyword, 1u);
    request = start_request(parsed(section + "MatchAnyKeyword = 0\nEnableFlags = 6\n"));
    EXPECT_EQ(request.providers[0].match_any_keyword, 6u);
    EXPECT_THAT(start_request(parsed(section + "Enabled = 0\n")).providers, IsEmpty());
}

TEST(BootConfig, IsReadAsPeopleType) {
    const BootSession boot = parsed(
        "\xEF\xBB\xBF# edited\r\n"
        "  START=0x1   # yes\r\n; none\n\"buffersize\" = \"32\"\nBufferSize = 48 ; KB\n"
        "FileName = \"/a # b.etl\"\n");
    EXPECT_TRUE(boot.start);
    EXPECT_EQ(boot.properties.buffer_size_kb, 48u);
    EXPECT_EQ(boot.properties.log_file, "/a # b.etl");
}

TEST(BootConfig, KernelFlagsAreBytesOrANumberAndMakeItTheKernelLogger) {
    for (const char* flags : {"03,00,01,00", "0x10003", "65539", "3, 0, 1, 0, 0, 0, 0, 0"}) {
        const BootSession boot =
            parsed(std::string("EnableKernelFlags = ") + flags + "\n", "GlobalLogger");
        ASSERT_FALSE(boot.kernel_flags.empty()) << flags;
        EXPECT_EQ(boot.kernel_flags[0], 0x10003u) << flags;
        EXPECT_EQ(start_request(boot).properties.name, kKernelLoggerName);
        EXPECT_EQ(start_request(boot).properties.enable_flags, 0x10003u);
        EXPECT_EQ(parsed(format_boot(boot), "GlobalLogger"), boot) << flags;
    }
}

TEST(BootConfig, SaysWhichLineIsWrong) {
    struct Case {
        const char* text;
        const char* says;
    };
    for (const Case& wrong : {
             Case{"Start = 1\nBufferSize = big\n", "x.conf:2: BufferSize is a number"},
             Case{"Start = 2\n", "x.conf:1: Start is a number from 0 to 1"},
             Case{"Start = -1\n", "x.conf:1: Start"},
             Case{"BufferSize = 0x100000000\n", "x.conf:1: BufferSize"},
             Case{"BufferSize =\n", "x.conf:1: BufferSize"},
             Case{"ClockType = 4\n", "x.conf:1: ClockType"},
             Case{"ClockType = 0\n", "x.conf:1: ClockType"},
             Case{"Guid = MyTrace\n", "x.conf:1: Guid is a GUID"},
             Case{"\n\njust words\n", "x.conf:3: 'just words'"},
             Case{"[MyProvider]\n", "x.conf:1: '[MyProvider]'"},
             Case{"[d58c126f-b309-11d1-969e-0000f875a5bc\n", "x.conf:1: '[d58c"},
             Case{"EnableKernelFlags = 1,xx\n", "x.conf:1: EnableKernelFlags"},
             Case{"[d58c126f-b309-11d1-969e-0000f875a5bc]\nEnableLevel = x",
                  "x.conf:2: EnableLevel"},
         }) {
        const Failure failure = parse_failure(wrong.text);
        EXPECT_EQ(failure.code, Code::kInvalidData);
        EXPECT_THAT(failure.detail, HasSubstr(wrong.says));
    }
    std::string long_flags = "EnableKernelFlags = 0";
    for (int i = 0; i < 32; ++i) long_flags += ",0";
    EXPECT_THAT(parse_failure(long_flags).detail, HasSubstr("32 bytes"));
}

TEST(BootConfig, WhatHasNoMeaningIsSaid) {
    const auto out = parse_boot("Start = 1\nAgeLimit = 5\n", "x.conf", "Auto", kLogs);
    ASSERT_TRUE(out);
    EXPECT_THAT(out->notes, ElementsAre(HasSubstr("x.conf:2: 'AgeLimit'")));
    // GlobalLogger's GUID is not for anybody to choose.
    EXPECT_EQ(parsed("Guid = " + std::string(kProvider), "GlobalLogger").properties.guid,
              kGlobalLoggerGuid);
}

TEST(BootConfig, RefusesWhatNoBootSessionMayBe) {
    BootSession boot = boot_defaults("GlobalLogger", kLogs);
    for (const uint32_t mode : {kModeRealTime, kModeBuffering, kModePrivate}) {
        boot.properties.log_file_mode = mode;
        EXPECT_EQ(code_of(boot), Code::kInvalidParameter) << mode;
    }
    boot = boot_defaults("GlobalLogger", kLogs);
    boot.kernel_flags = {1};  // whether it can be had the host says
    EXPECT_EQ(code_of(boot), Code::kOk);
    boot.kernel_flags = {kKernelRegistry};
    EXPECT_EQ(code_of(boot), Code::kNotSupported);
    boot.kernel_flags = {1};
    boot.properties.kernel.stack_events = {0x0524};
    EXPECT_EQ(code_of(boot), Code::kInvalidParameter);
    boot.properties.kernel = {};
    boot.properties.log_file_mode = kModeSystemLogger;
    EXPECT_EQ(code_of(boot), Code::kInvalidParameter);
    boot.properties.log_file_mode = 0;
    boot.properties.guid = *parse_guid(kProvider);
    EXPECT_EQ(code_of(boot), Code::kInvalidParameter);

    const auto with = [](auto change) {
        BootSession changed = boot_defaults("Auto", kLogs);
        change(changed);
        return code_of(changed);
    };
    EXPECT_EQ(with([](BootSession&) {}), Code::kOk);
    const auto newfile = [](BootSession& b) {
        b.properties.log_file_mode = kModeNewFile;
        b.properties.log_file = kLogs + "/a%d.etl";
    };
    EXPECT_EQ(with(newfile), Code::kInvalidParameter);
    EXPECT_EQ(with([](BootSession& b) { b.kernel_flags = {1}; }), Code::kInvalidParameter);
    EXPECT_EQ(with([](BootSession& b) { b.file_max = 16; }), Code::kOk);
    EXPECT_EQ(with([](BootSession& b) { b.file_max = 17; }), Code::kInvalidParameter);
    EXPECT_EQ(with([](BootSession& b) { b.properties.owner_pid = 1; }), Code::kInvalidParameter);
    EXPECT_EQ(with([](BootSession& b) { b.properties.ttl_s = 1; }), Code::kInvalidParameter);
    EXPECT_EQ(with([](BootSession& b) { b.properties.log_file = "a.etl"; }), Code::kBadPathname);
    EXPECT_EQ(with([](BootSession& b) { b.properties.log_file = kLogs + "\n"; }),
              Code::kInvalidName);
    EXPECT_EQ(with([](BootSession& b) { b.properties.buffer_size_kb = 1; }),
              Code::kInvalidParameter);
    for (const char* name : {"a/b", ".hidden", "NT Kernel Logger"}) {
        const Code code = with([&](BootSession& b) { b.properties.name = name; });
        EXPECT_NE(code, Code::kOk) << name;
    }
    const auto filter = [](BootSession& b) {
        b.providers.emplace_back().how.guid = *parse_guid(kProvider);
        b.providers[0].how.pids = {1};
    };
    EXPECT_EQ(with(filter), Code::kInvalidParameter);
}

TEST(BootConfig, LogsAreNumberedUpToFileMaxAndBeginAgain) {
    BootSession boot = boot_defaults("Auto", kLogs);
    EXPECT_FALSE(next_log_number(boot));
    EXPECT_EQ(start_request(boot).properties.log_file, kLogs + "/Auto.etl");
    boot.file_max = 3;
    std::vector<std::string> logs;
    for (int i = 0; i < 5; ++i) {
        logs.push_back(start_request(boot).properties.log_file);
        boot.file_counter = counter_after(boot, *next_log_number(boot));
    }
    EXPECT_THAT(logs, ElementsAre(kLogs + "/Auto.etl.0001", kLogs + "/Auto.etl.0002",
                                  kLogs + "/Auto.etl.0003", kLogs + "/Auto.etl.0001",
                                  kLogs + "/Auto.etl.0002"));
    boot.file_counter = 77;  // of an earlier, larger FileMax
    EXPECT_EQ(next_log_number(boot), 1u);
    boot.file_max = 0;  // no numbers for an AutoLogger, no end of them for GlobalLogger
    EXPECT_FALSE(next_log_number(boot));
    boot.properties.name = "GlobalLogger";
    EXPECT_EQ(next_log_number(boot), 78u);
}

TEST(BootConfig, AValueIsPutIntoTheTextWithoutTouchingTheRest) {
    const std::string section = "[" + std::string(kProvider) + "]\nStatus = 5\n";
    EXPECT_EQ(with_boot_value("", "Status", 0), "Status = 0\n");
    EXPECT_EQ(with_boot_value("Start = 1", "Status", 0), "Start = 1\nStatus = 0\n");
    EXPECT_EQ(with_boot_value("# a\nstatus=7\nStart = 1\n", "Status", 0),
              "# a\nStatus = 0\nStart = 1\n");
    EXPECT_EQ(with_boot_value("Start = 1\n" + section, "Status", 112),
              "Start = 1\nStatus = 112\n" + section);
    EXPECT_EQ(with_boot_value("Start = 1\n\n" + section, "Status", 112),
              "Start = 1\nStatus = 112\n\n" + section);
    EXPECT_EQ(with_boot_value("Status = 1\nStatus = 2\n", "Status", 3), "Status = 3\n");
}

TEST(BootConfig, ANewConfigurationKeepsWhatOnlyHandsWrite) {
    BootSession before = boot_defaults("GlobalLogger", kLogs);
    before.file_max = 4;
    before.file_counter = 2;
    before.kernel_flags = {1};
    before.properties.buffer_size_kb = 512;
    before.status = 112;
    for (const char* guid : {kProvider, "ce5fa4ea-ab00-5402-8b76-9f76ac858fb5"})
        before.providers.emplace_back().how.guid = *parse_guid(guid);
    BootSession asked = boot_defaults("GlobalLogger", kLogs);
    asked.providers.emplace_back().how.guid = *parse_guid(kProvider);
    asked.providers[0].how.level = 5;
    const BootSession now = replaced(before, asked);
    EXPECT_EQ(now.file_max, 4u);
    EXPECT_EQ(now.file_counter, 2u);
    EXPECT_EQ(now.kernel_flags, before.kernel_flags);
    EXPECT_EQ(now.properties, asked.properties);
    EXPECT_EQ(now.status, std::nullopt);
    ASSERT_EQ(now.providers.size(), 2u);
    EXPECT_EQ(now.providers[0].how.level, 5);
    EXPECT_EQ(now.providers[1], before.providers[1]);
    asked.kernel_flags = {2};
    EXPECT_EQ(replaced(before, asked).kernel_flags, asked.kernel_flags);
}

}  // namespace
}  // namespace etw::session
