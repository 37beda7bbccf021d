// -x, -capturestate, -incrementfile, -enumguidex, refusals, and what has no effect.
#include "support/temp_folder.h"
#include "tracelog_fixture.h"

#include <gmock/gmock.h>

#include <deque>

namespace etw::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class Actions : public TracelogCommands {
protected:
    Actions() {
        session::RegisteredProvider& there = backend_.registered.front();
        session::ProviderEnable enabled;
        enabled.guid = there.guid;
        enabled.level = 3;
        backend_.status.providers = {enabled};
        there.name = "My.Provider";
        there.pids = {100, 200};
        there.sessions = {{2, enabled}, {5, enabled}};
        there.instances = {{100, 0, false, "app", {2}}, {200, 1000, true, "jailed", {}}};
        for (const char* name : {"My Trace", "Other"}) {
            backend_.sessions.push_back(backend_.status);
            backend_.sessions.back().properties.name = name;
        }
    }

    // Somebody sits there and types these lines, and then end-of-file.
    void type(std::deque<std::string> lines) {
        ask_ = [this, lines](const std::string& text) mutable -> std::optional<std::string> {
            screen_ += text;
            if (lines.empty()) return std::nullopt;
            std::string line = lines.front();
            lines.pop_front();
            return line;
        };
    }

    std::string screen_;
};

TEST_F(Actions, T7StopAllAsksForEachSession) {
    type({"maybe", "y", "N"});
    const auto report = run({"-x"});
    EXPECT_EQ(report.exit_status, kExitDone);
    EXPECT_THAT(backend_.calls, ElementsAre("list", "stop My Trace"));
    constexpr char kQuestion[] = "Do you want to stop the \"My Trace\" session (Y or N)? ";
    EXPECT_THAT(screen_, StartsWith(std::string(kQuestion) + kQuestion + "Operation Status:"));
    EXPECT_THAT(screen_, HasSubstr("The \"My Trace\" session has been stopped\n"));
    EXPECT_THAT(screen_, HasSubstr("Do you want to stop the \"Other\" session (Y or N)? "));
    EXPECT_EQ(report.output, "");
}

TEST_F(Actions, StopAllEndsWithTheInput) {
    type({});
    EXPECT_EQ(run({"-x"}).exit_status, kExitDone);
    EXPECT_THAT(backend_.calls, ElementsAre("list"));
}

TEST_F(Actions, StopAllAsksNobodyAndSaysHow) {
    const auto report = run({"-x"});
    EXPECT_EQ(report.exit_status, kExitFailed);
    EXPECT_THAT(report.output, StartsWith("Operation Status:       1223L"));
    EXPECT_THAT(report.notes, ElementsAre(HasSubstr("-x -y stops all of them")));
    EXPECT_THAT(backend_.calls, IsEmpty());
}

TEST_F(Actions, StopAllWithYesStopsAllAndTellsOfLosses) {
    backend_.status.events_lost = 5;
    const auto report = run({"-x", "-y"});
    EXPECT_EQ(report.exit_status, kExitLoss);
    EXPECT_THAT(backend_.calls, ElementsAre("list", "stop My Trace", "stop Other"));
    EXPECT_THAT(report.notes,
                ElementsAre(HasSubstr("'My Trace' lost 5"), HasSubstr("'Other' lost 5")));
    EXPECT_THAT(run({"-x", "-y", "-json"}).output, StartsWith("[{\"name\":"));
    type({"y"});
    EXPECT_EQ(run({"-x", "-json"}).exit_status, kExitFailed);  // a question is no JSON
}

TEST_F(Actions, StopAllOfNothingSaysSo) {
    backend_.sessions.clear();
    const auto report = run({"-x", "-y"});
    EXPECT_EQ(report.exit_status, kExitDone);
    EXPECT_THAT(report.notes, ElementsAre("no session runs"));
}

TEST_F(Actions, StopAllGoesOnAfterASessionThatCannotBeStopped) {
    backend_.failure = session::Failure{Code::kActiveConnections, "is being stopped"};
    backend_.list_fails = false;
    const auto report = run({"-x", "-y"});
    EXPECT_EQ(report.exit_status, kExitFailed);
    EXPECT_THAT(backend_.calls, ElementsAre("list", "stop My Trace", "stop Other"));
}

TEST_F(Actions, CaptureStateAsksTheSessionsProvidersOrThoseOfGuid) {
    const auto report = run({"-capturestate", "A", "-matchanykw", "0x10"});
    EXPECT_EQ(report.exit_status, kExitDone);
    EXPECT_THAT(backend_.calls, ElementsAre("query A", "capture A"));
    ASSERT_EQ(backend_.enabled.providers.size(), 1u);
    EXPECT_EQ(backend_.enabled.providers[0].guid, *parse_guid(kGuid));
    EXPECT_EQ(backend_.enabled.providers[0].match_any_keyword, 0x10u);
    EXPECT_THAT(report.output, StartsWith("Capturing state of " + std::string(kGuid) +
                                          " for logger 2\nOperation Status:       0L"));
    backend_.calls.clear();
    run({"-capturestate", "A", "-guid", "*Other", "-timeout", "50"});
    EXPECT_THAT(backend_.calls, ElementsAre("capture A"));
    EXPECT_EQ(backend_.enabled.providers.at(0).guid, guid_from_name("Other"));
    EXPECT_EQ(backend_.enabled.timeout_ms, 50u);
}

TEST_F(Actions, CaptureStateWithoutProvidersSaysSo) {
    backend_.status.providers.clear();
    EXPECT_THAT(run({"-capturestate", "A"}).notes, ElementsAre(HasSubstr("no state to capture")));
}

TEST_F(Actions, IncrementFileShowsTheSession) {
    EXPECT_THAT(run({"-incrementfile", "A"}).output, StartsWith("Operation Status:       0L"));
    EXPECT_THAT(backend_.calls, ElementsAre("increment A"));
}

TEST_F(Actions, EnumGuidExShowsProcessesAndSessionsOfEachProvider) {
    const auto report = run({"-enumguidex"});
    EXPECT_THAT(report.output,
                StartsWith("Guid:                   " + std::string(kGuid) +
                           "\n"
                           "Name:                   My.Provider\n"
                           "Process:                100 app\n"
                           "LoggerId Level Property   MatchAnyKeyword    MatchAllKeyword\n"
                           "2        3     0x00000000 0x0000000000000000 0x0000000000000000\n"
                           "Process:                200 jailed (events by socket)\n"
                           "Process:                none (filtered out)\n"
                           "LoggerId Level Property   MatchAnyKeyword    MatchAllKeyword\n"
                           "5        3     0x00000000 0x0000000000000000 0x0000000000000000\n"));
    EXPECT_EQ(run({"-enumguidex", kGuid}).output, report.output);
    EXPECT_THAT(run({"-enumguidex", "-json"}).output,
                HasSubstr("{\"pid\":200,\"uid\":1000,\"executable\":\"jailed\",\"events_by\":"
                          "\"socket\",\"logger_ids\":[]}"));
    const auto missing = run({"-enumguidex", "*Other"});
    EXPECT_EQ(missing.exit_status, kExitFailed);
    EXPECT_THAT(missing.notes, ElementsAre(HasSubstr("no running program has registered " +
                                                     to_string(guid_from_name("Other")))));
    EXPECT_EQ(missing.output, "");
}

TEST_F(Actions, EnumGuidExShowsTheKernelsProvidersAndTheEventsOfTheOneThatIsNamed) {
    session::RegisteredProvider sched;
    sched.name = "Linux.sched";
    sched.guid = guid_from_name(sched.name);
    sched.events = {{"sched_switch", 5, 0x800}};
    backend_.kernel = {sched};
    const std::string head = "Guid:                   " + to_string(sched.guid) +
                             "\nName:                   Linux.sched\n";
    EXPECT_THAT(run({"-enumguidex"}).output, testing::EndsWith(head));
    EXPECT_EQ(run({"-enumguidex", "*Linux.sched"}).output,
              head +
                  "Event:                  sched_switch                     level 5  keyword "
                  "0x800\n");
    EXPECT_THAT(run({"-enumguidex", "*Linux.sched", "-json"}).output,
                HasSubstr("\"events\":[{\"name\":\"sched_switch\",\"level\":5,"
                          "\"keyword\":\"0x800\"}]"));
    EXPECT_THAT(run({"-enumguid"}).output, testing::Not(HasSubstr(to_string(sched.guid))));
}

TEST_F(Actions, FlushHandsTheSnapshotsPathOnAndSaysWhereItHasNoEffect) {
    const std::string path = test::some_path("s.etl");
    auto report = run({"-flush", "A", "-f", path});
    EXPECT_EQ(backend_.flushed.snapshot_file, path);
    EXPECT_THAT(report.notes, ElementsAre(HasSubstr("'A' is not a buffered session")));
    backend_.status.properties.log_file_mode = kModeBuffering;
    EXPECT_THAT(run({"-flush", "A", "-f", path}).notes, IsEmpty());
}

TEST_F(Actions, ARefusalShowsItsCodeAndReachesNobody) {
    auto report = run({"-start", "A", "-rt", "-kd"});
    EXPECT_EQ(report.exit_status, kExitFailed);
    EXPECT_THAT(report.output, StartsWith("Could not start logger: A\n"
                                          "Operation Status:       50L     "));
    EXPECT_THAT(report.notes, ElementsAre(HasSubstr("-kd: there is no kernel debugger")));
    report = run({"-disableex", "A", "-guid", kGuid});
    EXPECT_EQ(report.exit_status, kExitFailed);
    EXPECT_THAT(report.output, StartsWith("Operation Status:       50L"));
    EXPECT_THAT(run({"-start", "A", "-kd", "-json"}).output,
                StartsWith("{\"operation_status\":50,"));
    EXPECT_THAT(backend_.calls, IsEmpty());
}

TEST_F(Actions, WhatHasNoEffectIsSaid) {
    EXPECT_THAT(run({"-start", "A"}).notes, ElementsAre(HasSubstr("no provider is enabled")));
    EXPECT_THAT(run({"-start", "A", "-level", "5"}).notes,
                ElementsAre("-level has no effect without -guid", HasSubstr("no provider")));
    EXPECT_THAT(run({"-start", "A", "-guid", kGuid, "-matchallkw", "1"}).notes,
                ElementsAre(HasSubstr("-matchallkw has no effect")));
    EXPECT_THAT(run({"-start", "A", "-guid", kGuid, "-kb"}).notes,
                ElementsAre(HasSubstr("-kb has no effect")));
    EXPECT_THAT(run({"-update", "A"}).notes, ElementsAre(HasSubstr("-f, -rt, -max and -ft")));
    EXPECT_THAT(run({"-update", "A", "-b", "64"}).notes,
                ElementsAre("-b has no effect with -update"));
}

}  // namespace
}  // namespace etw::cli
