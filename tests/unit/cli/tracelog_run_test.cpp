#include "etw/kernel_flags.h"
#include "tracelog_fixture.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>

namespace etw::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class Run : public TracelogCommands {};

TEST_F(Run, StartAsksForTheSessionWithItsProvidersAndAnAbsolutePath) {
    const auto report = run({"-start", "A", "-guid", kGuid, "-level", "5", "-f", "./x.etl"});
    EXPECT_EQ(report.exit_status, kExitDone);
    EXPECT_THAT(backend_.calls, ElementsAre("start A"));
    EXPECT_EQ(backend_.started.properties.log_file,
              (std::filesystem::current_path() / "x.etl").string());
    ASSERT_EQ(backend_.started.providers.size(), 1u);
    EXPECT_EQ(backend_.started.providers[0].level, 5);
    EXPECT_THAT(report.output,
                StartsWith("Logger Started...\n"
                           "Enabling d58c126f-b309-11d1-969e-0000f875a5bc (Flags = 0x00000000 "
                           "Level = 5  ) to logger 2\n"
                           "Operation Status:       0L      The operation completed successfully.\n"
                           "\n"
                           "Logger Name:            A\n"));
    EXPECT_THAT(report.notes, IsEmpty());
}

TEST_F(Run, StartSaysWhichProvidersNobodyHasRegistered) {
    const auto report = run({"-start", "A", "-guid", "*Absent", "-guid", kGuid});
    EXPECT_EQ(report.exit_status, kExitDone);
    EXPECT_THAT(report.notes, ElementsAre(HasSubstr("no running program has registered " +
                                                    to_string(guid_from_name("Absent")))));
}

TEST_F(Run, StartSaysWhichTracepointsTheKernelLacks) {
    session::RegisteredProvider there;
    there.guid = guid_from_name("Linux.sched");
    backend_.kernel = {there};
    const auto report = run({"-start", "A", "-guid", "Linux.sched", "-guid", "Linux.shced", "-guid",
                             "usdt:/bin/app:app"});
    EXPECT_THAT(report.notes, ElementsAre(AllOf(HasSubstr("Linux.shced: the kernel has no such"),
                                                HasSubstr("-enumguidex lists"))));
    const auto listed = run({"-enumguidex", "*Linux.shced"});
    EXPECT_EQ(listed.exit_status, kExitFailed);
    EXPECT_THAT(listed.notes, ElementsAre(AllOf(HasSubstr("Linux.shced: the kernel has no such"),
                                                HasSubstr("[4200]"))));
    backend_.kernel.clear();  // hidden from this user
    EXPECT_THAT(run({"-start", "A", "-guid", "Linux.shced"}).notes,
                ElementsAre(HasSubstr("no running program has registered " +
                                      to_string(guid_from_name("Linux.shced")))));
}

TEST_F(Run, StartNamesProgramsOfAnotherVersionWhereAProviderIsMissing) {
    backend_.refused = {{77, "old", 2, 3}};
    EXPECT_THAT(run({"-start", "A", "-guid", kGuid}).notes, IsEmpty());
    EXPECT_THAT(run({"-start", "A", "-guid", "*Absent"}).notes,
                ElementsAre(AllOf(HasSubstr("process 77 (old)"), HasSubstr("version 2"),
                                  HasSubstr("version 3")),
                            HasSubstr("no running program has registered")));
    EXPECT_THAT(run({"-enumguid"}).notes, Contains(HasSubstr("process 77 (old)")));
}

TEST_F(Run, StartWithATimeoutStartsAndThenEnables) {
    run({"-start", "A", "-guid", kGuid, "-timeout", "250"});
    EXPECT_THAT(backend_.calls, ElementsAre("start A", "enable A"));
    EXPECT_THAT(backend_.started.providers, IsEmpty());
    EXPECT_EQ(backend_.enabled.timeout_ms, 250u);
}

TEST_F(Run, WhatTheRulesRefuseNeverReachesTheBackend) {
    const auto report = run({"-start", "A", "-seq", "1", "-cir", "1"});
    EXPECT_EQ(report.exit_status, kExitFailed);
    EXPECT_THAT(backend_.calls, IsEmpty());
    EXPECT_THAT(report.output, StartsWith("Could not start logger: A\n"
                                          "Operation Status:       87L     "));
    EXPECT_THAT(report.notes, ElementsAre(HasSubstr("-seq and -cir")));
}

TEST_F(Run, MisuseHasTheCodesOfTheReference) {
    const std::pair<CommandLine, const char*> kCases[] = {
        {{"-start", "-cm"}, "50L"},
        {{"-start", "nt kernel logger", "-gs"}, "87L"},
        {{"-start", "A", "-eflag", "ALPC"}, "50L"},
        {{"-update", "globallogger", "-max", "40"}, "50L"},
        {{"-addautologger", "GlobalLogger"}, "87L"},
        {{"-start", "A", "-newfile", "1"}, "123L"},
        {{"-start", "A", "-newfile", "1", "-f", "a.etl"}, "123L"},
        {{"-start", "A", "-append"}, "87L"},
        {{"-start", "A", "-append", "-f", "a.etl", "-UsePerfCounter"}, "87L"},
        {{"-start", "A", "-prealloc"}, "87L"},
        {{"-start", "A", "-b", "3"}, "87L"},
        {{"-start", "A", "-guid", "missing.guid"}, "2L"},
    };
    for (auto [line, status] : kCases) {
        const auto report = run(line);
        EXPECT_EQ(report.exit_status, kExitFailed);
        EXPECT_THAT(report.output, HasSubstr("Operation Status:       " + std::string(status)));
        EXPECT_EQ(report.notes.size(), 1u);
    }
    EXPECT_THAT(backend_.calls, IsEmpty());
}

TEST_F(Run, TheKernelLoggerTakesNoProviders) {
    const auto report = run({"-start", "-guid", kGuid});
    EXPECT_THAT(report.notes, ElementsAre("System Logger does not accept application guids"));
    EXPECT_EQ(report.exit_status, kExitDone);
    EXPECT_THAT(backend_.started.providers, IsEmpty());
    EXPECT_EQ(backend_.started.properties.enable_flags, kDefaultKernelFlags);
}

TEST_F(Run, NamedKernelGroupsAreToldAsTheyAreTurnedOn) {
    const auto report = run({"-start", "A", "-eflag", "proc_thread+LOADER"});
    EXPECT_THAT(report.output, StartsWith("Turning On group: PROC_THREAD\n"
                                          "Turning On group: LOADER\n"
                                          "Adding GroupMask ExtItem\n"
                                          "Logger Started...\n"));
    EXPECT_EQ(backend_.started.properties.enable_flags, 7u);
    EXPECT_EQ(backend_.started.properties.log_file_mode & kModeSystemLogger,
              uint32_t{kModeSystemLogger});
    EXPECT_THAT(report.notes, IsEmpty());
}

TEST_F(Run, AFailureShowsItsCodeAndItsCause) {
    backend_.failure = session::Failure{Code::kBadPathname, "'/a.etl' belongs to 'Other'"};
    const auto report = run({"-start", "A"});
    EXPECT_EQ(report.exit_status, kExitFailed);
    EXPECT_THAT(report.output,
                StartsWith("Could not start logger: A\n"
                           "Operation Status:       161L    The specified path is invalid.\n\n"
                           "Logger Name:            A\n"));
    EXPECT_THAT(report.notes, ElementsAre("'A': '/a.etl' belongs to 'Other' [161]"));
}

TEST_F(Run, AFailureSaysTheSessionsNameOnce) {
    backend_.failure = session::Failure{Code::kSessionNotFound, "no session 'ünser' is running"};
    EXPECT_THAT(run({"-q", "Ünser"}).notes, ElementsAre("no session 'ünser' is running [4201]"));
    backend_.failure = session::Failure{Code::kActiveConnections, "'A' is being stopped"};
    EXPECT_THAT(run({"-stop", "A"}).notes, ElementsAre("'A' is being stopped [2402]"));
    EXPECT_THAT(run({"-stop", "AA"}).notes, ElementsAre("'AA': 'A' is being stopped [2402]"));
}

TEST_F(Run, AnUnknownSessionIsExplained) {
    backend_.failure = session::Failure{Code::kSessionNotFound, ""};
    for (const char* action : {"-stop", "-q", "-flush", "-update"}) {
        const auto report = run({action, "A"});
        EXPECT_EQ(report.exit_status, kExitFailed) << action;
        EXPECT_THAT(report.output, StartsWith("Operation Status:       4201L   ")) << action;
        EXPECT_THAT(report.notes, ElementsAre(HasSubstr("tracelog -l"))) << action;
    }
    EXPECT_THAT(run({"-enable", "A", "-guid", kGuid}).output,
                StartsWith("ERROR: Logger not started\nOperation Status:       4201L"));
    EXPECT_THAT(run({"-q"}).notes, ElementsAre(HasSubstr("give a session's name")));
}

TEST_F(Run, EnableFailsIfAnyProviderFails) {
    backend_.codes = {Code::kOk, Code::kNoSystemResources};
    const auto report = run({"-enable", "A", "-guid", kGuid, "-guid", "*Other"});
    EXPECT_EQ(report.exit_status, kExitFailed);
    EXPECT_THAT(report.output, HasSubstr("ERROR: Failed to enable Guid...\n"
                                         "Operation Status:       1450L"));
    EXPECT_THAT(report.notes.front(), HasSubstr("[1450]"));
}

TEST_F(Run, DisableNamesTheProvidersAndShowsTheSession) {
    const auto report = run({"-disable", "A", "-guid", kGuid});
    EXPECT_THAT(backend_.calls, ElementsAre("disable A"));
    EXPECT_EQ(backend_.enabled.providers.at(0).guid, *parse_guid(kGuid));
    EXPECT_THAT(report.output, StartsWith("Operation Status:       0L"));
}

TEST_F(Run, UpdateMakesThePathAbsoluteAndTellsWhatItIgnored) {
    const auto report = run({"-update", "A", "-f", "y.etl", "-b", "128"});
    EXPECT_EQ(backend_.updated.log_file, (std::filesystem::current_path() / "y.etl").string());
    EXPECT_EQ(report.exit_status, kExitDone);
    EXPECT_THAT(report.notes, ElementsAre("-b has no effect with -update"));
}

TEST_F(Run, StopOfASessionThatLostEventsEndsWithThree) {
    backend_.status.events_lost = 5;
    const auto report = run({"-stop", "A"});
    EXPECT_EQ(report.exit_status, kExitLoss);
    EXPECT_THAT(report.output, HasSubstr("Events Lost:            5\n"));
    EXPECT_THAT(report.notes, ElementsAre(HasSubstr("lost 5 events")));
    backend_.status.events_lost = 0;
    backend_.status.log_buffers_lost = 1;
    EXPECT_EQ(run({"-stop", "A"}).exit_status, kExitLoss);
    EXPECT_EQ(run({"-q", "A"}).exit_status, kExitDone);
}

TEST_F(Run, StopOfASessionWithoutEventsSaysWhatToTry) {
    backend_.status.events_seen_bytes = 0;
    EXPECT_THAT(run({"-stop", "A"}).notes, ElementsAre(HasSubstr("no provider was enabled")));
    session::ProviderEnable absent;
    absent.guid = guid_from_name("Absent");
    backend_.status.providers = {absent};
    EXPECT_THAT(
        run({"-stop", "A"}).notes,
        ElementsAre(HasSubstr("no running program has registered " + to_string(absent.guid))));
    backend_.status.providers[0].guid = *parse_guid(kGuid);
    EXPECT_THAT(run({"-stop", "A"}).notes, ElementsAre(HasSubstr("level and keywords")));
    EXPECT_EQ(run({"-stop", "A"}).exit_status, kExitDone);
}

TEST_F(Run, ListSeparatesSessionsWithABlankLineAndHasNoStatusLine) {
    backend_.sessions = {backend_.status, backend_.status};
    backend_.sessions[1].properties.name = "B";
    const auto report = run({"-l"});
    EXPECT_THAT(report.output, StartsWith("Logger Name:            A\n"));
    EXPECT_THAT(report.output, HasSubstr("\n\nLogger Name:            B\n"));
    EXPECT_THAT(report.output, testing::Not(HasSubstr("Operation Status")));
    EXPECT_THAT(run({"-l", "-lp"}).output, HasSubstr("Total of 0 providers\n"));
}

TEST_F(Run, AnEmptyListIsNoFailure) {
    EXPECT_EQ(run({"-l"}).exit_status, kExitDone);
    EXPECT_EQ(run({"-l"}).output, "");
    EXPECT_THAT(run({"-l"}).notes, ElementsAre("no session runs"));
    EXPECT_EQ(run({"-l", "-json"}).output, "[]\n");
}

TEST_F(Run, EnumGuidShowsTheRegisteredProviders) {
    EXPECT_THAT(run({"-enumguid"}).output, HasSubstr(kGuid));
    backend_.registered.clear();
    EXPECT_THAT(run({"-enumguid"}).notes, ElementsAre(HasSubstr("no provider is registered")));
}

TEST_F(Run, JsonIsOneDocumentWhateverHappens) {
    using nlohmann::json;
    EXPECT_EQ(json::parse(run({"-start", "A", "-guid", kGuid, "-json"}).output)["name"], "A");
    EXPECT_EQ(json::parse(run({"-stop", "A", "-json"}).output)["events_lost"], 0);
    EXPECT_EQ(json::parse(run({"-disable", "A", "-guid", kGuid, "-json"}).output)["name"], "A");
    EXPECT_EQ(json::parse(run({"-enumguid", "-json"}).output)[0]["guid"], kGuid);
    backend_.failure = session::Failure{Code::kAccessDenied, ""};
    for (const char* action : {"-start", "-stop", "-q"}) {
        EXPECT_EQ(json::parse(run({action, "A", "-json"}).output)["operation_status"], 5);
    }
    EXPECT_EQ(json::parse(run({"-l", "-json"}).output)["operation_status"], 5);
}

}  // namespace
}  // namespace etw::cli
