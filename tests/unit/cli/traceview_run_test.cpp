#include "cli/traceview.h"
#include "command_line.h"
#include "etw/kernel_flags.h"
#include "fake_backend.h"
#include "support/temp_folder.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>

namespace etw::cli {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr char kGuid[] = "d58c126f-b309-11d1-969e-0000f875a5bc";
constexpr char kOther[] = "dab01d4d-2d48-477d-b1c3-daad0ce6f06b";

// A backend on which a session "R" runs that has kGuid and kOther enabled.
class Joining : public testing::Test {
protected:
    Joining() {
        backend_.status.properties.name = "S";
        backend_.sessions = {running("R")};
    }

    static session::SessionStatus running(const char* name) {
        session::SessionStatus status;
        session::Properties& p = status.properties;
        p.name = name;
        p.guid = *parse_guid(kOther);
        p.log_file = test::some_path("r.etl");
        p.log_file_mode = kModeCircular | kModePagedMemory;
        p.maximum_file_size = 8;
        p.buffer_size_kb = 32;
        p.minimum_buffers = 6;
        p.maximum_buffers = 60;
        p.flush_timer_s = 3;
        p.clock = ClockType::kSystemTime;
        session::ProviderEnable one, two;
        one.guid = *parse_guid(kGuid), one.level = 2;
        two.guid = *parse_guid(kOther), two.level = 4, two.match_any_keyword = 0x10;
        status.providers = {one, two};
        return status;
    }

    TraceviewReport run(CommandLine line, std::vector<const char*> answers = {}) {
        const auto options = parse_traceview(line, session::kLinux);
        EXPECT_TRUE(options) << (options ? "" : options.error().message);
        if (!options) return {};
        size_t next = 0;
        const Ask ask = [&](const std::string& question) {
            questions_.push_back(question);
            return next < answers.size() ? std::optional<std::string>(answers[next++])
                                         : std::nullopt;
        };
        return run_traceview(*options, backend_, answers.empty() ? Ask() : ask);
    }

    FakeBackend backend_;
    std::vector<std::string> questions_;
};

TEST_F(Joining, NobodyIsAskedWhereNoSessionHasTheProvider) {
    const auto out = run({"-start", "S", "-guid", "12345678-0000-0000-0000-000000000000"});
    EXPECT_EQ(out.report.exit_status, kExitDone);
    EXPECT_THAT(backend_.calls, ElementsAre("list", "start S"));
    EXPECT_THAT(questions_, IsEmpty());
}

TEST_F(Joining, YesStopsAndStartsWithTheSameProvidersAndProperties) {
    const auto out = run({"-start", "S", "-guid", kGuid, "-level", "5", "-join", "yes"});
    EXPECT_EQ(out.report.exit_status, kExitDone);
    EXPECT_THAT(backend_.calls, ElementsAre("list", "list", "stop R", "start S"));
    session::Properties expected = running("R").properties;
    expected.name = "S";
    expected.guid = Guid();
    EXPECT_EQ(backend_.started.properties, expected);
    // What was asked of a provider counts; the others are as they were.
    ASSERT_EQ(backend_.started.providers.size(), 2u);
    EXPECT_EQ(backend_.started.providers[0].level, 5);
    EXPECT_EQ(backend_.started.providers[1], running("R").providers[1]);
    EXPECT_THAT(out.report.notes, Contains("stopped 'R'; events lost: 0"));
}

TEST_F(Joining, WhatTheCommandLineSaysChangesTheRestartedSession) {
    const std::string path = test::some_path("s.etl");
    run({"-start", "S", "-guid", kGuid, "-join", "yes", "-f", path, "-seq", "9", "-b", "128",
         "-min", "10", "-max", "70", "-ft", "7"});
    const session::Properties& p = backend_.started.properties;
    EXPECT_EQ(p.log_file, path);
    EXPECT_EQ(p.log_file_mode, kModeSequential | kModePagedMemory);
    EXPECT_EQ(p.maximum_file_size, 9u);
    EXPECT_EQ(p.buffer_size_kb, 128u);
    EXPECT_EQ(p.minimum_buffers, 10u);
    EXPECT_EQ(p.maximum_buffers, 70u);
    EXPECT_EQ(p.flush_timer_s, 7u);
}

TEST_F(Joining, NoLeavesTheSessionAsItIsAndShowsIt) {
    const auto out = run({"-start", "S", "-guid", kGuid, "-join", "no"});
    EXPECT_EQ(out.report.exit_status, kExitDone);
    EXPECT_TRUE(out.joined);
    EXPECT_THAT(backend_.calls, ElementsAre("list"));
    EXPECT_THAT(out.report.output,
                AllOf(StartsWith("Logger Joined...\nOperation Status:       0L"),
                      HasSubstr("Logger Name:            R\n"), HasSubstr("Total of 2 providers")));
    EXPECT_THAT(out.report.notes, ElementsAre(HasSubstr("-update R changes them")));
    EXPECT_EQ(
        nlohmann::json::parse(
            run({"-start", "S", "-guid", kGuid, "-join", "no", "-json"}).report.output)["name"],
        "R");
}

TEST_F(Joining, CancelStartsNothing) {
    const auto out = run({"-start", "S", "-guid", kGuid, "-join", "cancel"});
    EXPECT_EQ(out.report.exit_status, kExitFailed);
    EXPECT_THAT(backend_.calls, ElementsAre("list"));
    EXPECT_THAT(out.report.output, HasSubstr("Operation Status:       1223L"));
}

TEST_F(Joining, APersonIsAskedUntilTheAnswerIsOne) {
    EXPECT_TRUE(run({"-start", "S", "-guid", kGuid}, {"what", "No"}).joined);
    ASSERT_EQ(questions_.size(), 2u);
    EXPECT_THAT(questions_[0],
                AllOf(HasSubstr("running session 'R' (log file " + test::some_path("r.etl") + ")"),
                      HasSubstr("its log is begun anew")));
    run({"-start", "S", "-guid", kGuid}, {"y"});
    EXPECT_THAT(backend_.calls, Contains("stop R"));
}

TEST_F(Joining, TheQuestionDoesNotThreatenALogThatIsKept) {
    run({"-start", "S", "-guid", kGuid, "-f", "other.etl"}, {"c"});
    backend_.sessions.front().properties.log_file_mode = kModeAppend;
    run({"-start", "S", "-guid", kGuid}, {"c"});
    ASSERT_EQ(questions_.size(), 2u);
    for (const std::string& question : questions_)
        EXPECT_THAT(question, testing::Not(HasSubstr("begun anew")));
}

TEST_F(Joining, AnEndOfInputAfterAQuestionCancels) {
    EXPECT_THAT(run({"-start", "S", "-guid", kGuid}, {"what"}).report.output, HasSubstr("1223L"));
}

TEST_F(Joining, JsonIsNotMixedWithQuestions) {
    run({"-start", "S", "-guid", kGuid, "-json"}, {"yes"});
    EXPECT_THAT(questions_, IsEmpty());
}

TEST_F(Joining, WithNobodyToAskItIsRefused) {
    const auto out = run({"-start", "S", "-guid", kGuid});
    EXPECT_EQ(out.report.exit_status, kExitFailed);
    EXPECT_THAT(backend_.calls, ElementsAre("list"));
    EXPECT_THAT(out.report.output, StartsWith("Could not start logger: S\n"
                                              "Operation Status:       170L"));
    EXPECT_THAT(out.report.notes, ElementsAre(AllOf(HasSubstr("'R'"), HasSubstr("-join yes"))));
}

TEST_F(Joining, OfSeveralSessionsTheOneWithTheAskedNameIsMeant) {
    backend_.sessions = {running("R"), running("s")};
    EXPECT_THAT(run({"-start", "S", "-guid", kGuid, "-join", "no"}).report.output,
                HasSubstr("Logger Name:            s\n"));
    const auto out = run({"-start", "T", "-guid", kGuid, "-join", "no"});
    EXPECT_EQ(out.report.exit_status, kExitFailed);
    EXPECT_THAT(out.report.notes, ElementsAre(HasSubstr("'R', 's'; start with the name")));
}

TEST_F(Joining, WhatTheRulesRefuseStopsNothing) {
    const auto out = run({"-start", "S", "-guid", kGuid, "-join", "yes", "-seq", "1", "-cir", "1"});
    EXPECT_EQ(out.report.exit_status, kExitFailed);
    EXPECT_THAT(out.report.output, HasSubstr("87L"));
    EXPECT_THAT(backend_.calls, IsEmpty());
}

TEST_F(Joining, WhatCannotBeRestartedIsNotStopped) {
    backend_.sessions.push_back(running("T"));
    backend_.sessions.back().providers.clear();
    backend_.sessions.back().properties.log_file = test::some_path("t.etl");
    const std::pair<CommandLine, const char*> kCases[] = {
        {{"-start", "S", "-guid", kGuid, "-join", "yes", "-b", "8192"}, "87L"},
        {{"-start", "S", "-guid", kGuid, "-join", "yes", "-f", test::some_path("no such/s.etl")},
         "3L"},
        {{"-start", "S", "-guid", kGuid, "-join", "yes", "-f", test::some_path("t.etl")}, "161L"},
        {{"-start", "T", "-guid", kGuid, "-join", "yes"}, "183L"},
    };
    for (auto [line, status] : kCases) {
        const auto out = run(line);
        EXPECT_EQ(out.report.exit_status, kExitFailed);
        EXPECT_THAT(out.report.output, HasSubstr("Operation Status:       " + std::string(status)));
    }
    EXPECT_THAT(backend_.calls, Each("list"));
}

TEST_F(Joining, AStartWithoutProvidersIsTheKernelLogger) {
    EXPECT_THAT(backend_.calls, IsEmpty());
    EXPECT_EQ(run({"-start", "S"}).report.exit_status, kExitDone);
    EXPECT_THAT(backend_.calls, ElementsAre("start NT Kernel Logger"));
    EXPECT_EQ(backend_.started.properties.enable_flags, kDefaultKernelFlags);
}

// "Here the word is case-sensitive", says its documentation.
TEST_F(Joining, GlobalLoggerIsConfiguredInThisSpellingOnly) {
    EXPECT_THAT(run({"-start", "globallogger"}).report.notes,
                ElementsAre(HasSubstr("spelled GlobalLogger")));
    EXPECT_THAT(backend_.calls, IsEmpty());
    EXPECT_EQ(run({"-start", "GlobalLogger", "-b", "128"}).report.exit_status, kExitDone);
    EXPECT_THAT(backend_.calls, ElementsAre("configure GlobalLogger"));
    EXPECT_EQ(backend_.configured.properties.buffer_size_kb, 128u);
}

TEST_F(Joining, ASessionThatIsDisplayedIsTheStartedOrTheJoinedOne) {
    EXPECT_EQ(run({"-start", "S", "-guid", kGuid, "-join", "no", "-display"}).shown_session, "R");
    EXPECT_EQ(run({"-start", "S", "-guid", kGuid, "-join", "no"}).shown_session, "");
    EXPECT_EQ(run({"-start", "S", "-guid", kGuid, "-join", "cancel", "-display"}).shown_session,
              "");
}

}  // namespace
}  // namespace etw::cli
