// -start GlobalLogger, -addautologger, -remove.
#include "cli/tracelog.h"
#include "command_line.h"
#include "fake_backend.h"
#include "support/temp_folder.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace etw::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr char kGuid[] = "d58c126f-b309-11d1-969e-0000f875a5bc";

class Boot : public testing::Test {
protected:
    TracelogReport run(CommandLine line) {
        const auto options = parse_tracelog(line, session::kLinux);
        EXPECT_TRUE(options) << (options ? "" : options.error().message);
        return options ? run_tracelog(*options, backend_) : TracelogReport();
    }
    const session::BootSession& configured() const { return backend_.configured; }

    FakeBackend backend_;
};

TEST_F(Boot, GlobalLoggerIsConfiguredAndNotStarted) {
    const TracelogReport report = run({"-start", "globallogger"});
    EXPECT_THAT(backend_.calls, ElementsAre("configure GlobalLogger"));
    EXPECT_EQ(report.exit_status, kExitDone);
    EXPECT_THAT(report.output, StartsWith("Operation Status:       0L"));
    EXPECT_THAT(report.output, HasSubstr("Logger Name:            GlobalLogger\n"));
    EXPECT_THAT(report.output, HasSubstr("Start:                  1\n"));
    EXPECT_THAT(report.output, HasSubstr("Configuration:          /etc/openetw/x.conf\n"));
    EXPECT_THAT(report.output, HasSubstr("Buffer Size:            64 Kb\n"));
    EXPECT_THAT(report.output, HasSubstr("Maximum Buffers:        25\n"));
    EXPECT_THAT(report.output, Not(HasSubstr("Logger Started")));
    EXPECT_THAT(report.notes,
                Contains(HasSubstr("and every one after, by hand; nothing runs yet")));
    EXPECT_TRUE(configured().start);
    EXPECT_EQ(configured().properties.log_file, "");  // the backend knows where logs go
}

TEST_F(Boot, KernelOptionsAreItsEnableKernelFlags) {
    const TracelogReport report = run({"-start", "GlobalLogger", "-eflag", "CSWITCH", "-img"});
    EXPECT_EQ(configured().kernel_flags, std::vector<uint32_t>{0x14});
    EXPECT_EQ(configured().properties.log_file_mode, 0u);
    EXPECT_THAT(report.output, HasSubstr("Enabled tracing:        ImageLoad CxtSwap\n"));
    EXPECT_THAT(report.notes, Contains(HasSubstr("NT Kernel Logger")));
    EXPECT_THAT(report.notes, Not(Contains(HasSubstr("-flag has no effect"))));
    EXPECT_THAT(report.notes, Not(Contains(HasSubstr("no provider is named"))));
    // -flag is the providers', whatever the kernel's are.
    run({"-start", "GlobalLogger", "-eflag", "CSWITCH", "-guid", kGuid, "-flag", "0x7"});
    ASSERT_EQ(configured().providers.size(), 1u);
    EXPECT_EQ(configured().providers[0].how.match_any_keyword, 7u);
    run({"-start", "GlobalLogger"});
    EXPECT_THAT(configured().kernel_flags, IsEmpty());
}

TEST_F(Boot, TheOptionsOfAStartAreTaken) {
    const std::string path = test::some_path("a.etl");
    run({"-addautologger",
         "Auto",
         "-sessionguid",
         std::string("#") + kGuid,
         "-b",
         "128",
         "-min",
         "8",
         "-max",
         "40",
         "-ft",
         "2",
         "-bt",
         "3",
         "-UseSystemTime",
         "-cir",
         "50",
         "-f",
         path,
         "-lowcapacity",
         "-secure"});
    const session::Properties& p = configured().properties;
    EXPECT_EQ(p.name, "Auto");
    EXPECT_EQ(to_string(p.guid), kGuid);
    EXPECT_EQ(p.buffer_size_kb, 128u);
    EXPECT_EQ(p.minimum_buffers, 8u);
    EXPECT_EQ(p.maximum_buffers, 40u);
    EXPECT_EQ(p.flush_timer_s, 2u);
    EXPECT_EQ(p.flush_threshold, 3u);
    EXPECT_EQ(p.clock, ClockType::kSystemTime);
    EXPECT_EQ(p.log_file_mode, kModeCircular | kModeNoPerProcessor | kModeSecure);
    EXPECT_EQ(p.maximum_file_size, 50u);
    EXPECT_EQ(p.log_file, path);
}

TEST_F(Boot, AnAutoLoggerHasTheLimitByDefaultInMb) {
    run({"-addautologger", "Auto", "-kb"});
    EXPECT_EQ(configured().properties.maximum_file_size, 100u);
    EXPECT_EQ(configured().properties.log_file_mode, 0u);
}

TEST_F(Boot, ProvidersKeepWhatWasSaidByFlagsAndByKeyword) {
    const TracelogReport report = run({"-addautologger", "A", "-guid", kGuid, "-flag", "6",
                                       "-level", "5", "-enableproperty", "4"});
    ASSERT_EQ(configured().providers.size(), 1u);
    EXPECT_EQ(configured().providers[0].enable_flags, 6u);
    EXPECT_EQ(configured().providers[0].how.match_any_keyword, 0u);
    EXPECT_EQ(configured().providers[0].how.level, 5);
    EXPECT_EQ(configured().providers[0].how.enable_property, 4u);
    EXPECT_THAT(report.output, HasSubstr(std::string(kGuid) + "      5  0x00000006\n"));
    run({"-addautologger", "A", "-guid", kGuid, "-matchanykw", "0x100000000"});
    EXPECT_EQ(configured().providers[0].enable_flags, 0u);
    EXPECT_EQ(configured().providers[0].how.match_any_keyword, 0x100000000u);
}

TEST_F(Boot, WhatAConfigurationCannotSayIsHandedOnToBeRefused) {
    run({"-start", "GlobalLogger", "-rt", "-ttl", "5"});
    EXPECT_EQ(configured().properties.log_file_mode, kModeRealTime);
    EXPECT_EQ(configured().properties.ttl_s, 5u);
}

TEST_F(Boot, WhatHasNoEffectIsSaid) {
    auto notes = run({"-start", "GlobalLogger", "-guid", kGuid, "-timeout", "5", "-sourceguid",
                      kGuid, "-matchallkw", "1", "-seq"})
                     .notes;
    for (const char* word : {"-timeout", "-sourceguid", "-matchallkw", "-seq"})
        EXPECT_THAT(notes, Contains(HasSubstr(std::string(word) + " "))) << word;
    EXPECT_THAT(notes, Not(Contains(HasSubstr("no provider"))));
    notes = run({"-addautologger", "A", "-flag", "1", "-level", "5"}).notes;
    EXPECT_THAT(notes, Contains("-flag has no effect without -guid"));
    EXPECT_THAT(notes, Contains("-level has no effect without -guid"));
    EXPECT_THAT(notes, Contains(HasSubstr("no provider is named")));
}

TEST_F(Boot, ARefusalShowsItsCode) {
    backend_.failure = session::Failure{Code::kInvalidParameter, "no such thing"};
    for (const CommandLine& line :
         {CommandLine{"-start", "GlobalLogger"}, CommandLine{"-addautologger", "A"},
          CommandLine{"-remove", "A"}}) {
        const TracelogReport report = run(line);
        EXPECT_EQ(report.exit_status, kExitFailed);
        EXPECT_THAT(report.output, StartsWith("Operation Status:       87L"));
    }
}

TEST_F(Boot, RemoveLeavesAStartOf0) {
    const TracelogReport report = run({"-remove", "GlobalLogger"});
    EXPECT_THAT(backend_.calls, ElementsAre("remove GlobalLogger"));
    EXPECT_THAT(report.output, HasSubstr("Start:                  0\n"));
    EXPECT_THAT(report.output, Not(HasSubstr("Buffer Size")));
    EXPECT_THAT(report.notes, IsEmpty());
}

TEST_F(Boot, JsonSaysTheSame) {
    const auto json =
        nlohmann::json::parse(run({"-start", "GlobalLogger", "-guid", kGuid, "-json"}).output);
    EXPECT_EQ(json["operation_status"], 0);
    EXPECT_EQ(json["name"], "GlobalLogger");
    EXPECT_EQ(json["start"], true);
    EXPECT_EQ(json["configuration"], "/etc/openetw/x.conf");
    EXPECT_EQ(json["minimum_buffers"], 3);
    EXPECT_EQ(json["providers"][0]["guid"], kGuid);
}

}  // namespace
}  // namespace etw::cli
