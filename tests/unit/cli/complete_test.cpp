#include "cli/complete.h"

#include "cli/traceview_options.h"
#include "command_line.h"
#include "fake_backend.h"

#include <gmock/gmock.h>

namespace etw::cli {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

class Complete : public testing::Test {
protected:
    Complete() {
        for (const char* name : {"MyTrace", "my other", "Boot"}) {
            session::SessionStatus status;
            status.properties.name = name;
            backend_.sessions.push_back(status);
        }
        add("Company.Component", guid_from_name("Company.Component"));
        add("Named.Otherwise", *parse_guid("d58c126f-b309-11d1-969e-0000f875a5bc"));
        add("\x1b[2J", *parse_guid("dab01d4d-2d48-477d-b1c3-daad0ce6f06b"));
    }

    void add(const char* name, const Guid& guid) {
        session::RegisteredProvider provider;
        provider.name = name;
        provider.guid = guid;
        backend_.registered.push_back(provider);
    }

    std::vector<std::string> tracelog(CommandLine line) {
        return candidates(line, tracelog_words(session::kLinux), backend_);
    }
    std::vector<std::string> traceview(CommandLine line) {
        return candidates(line, traceview_words(line, session::kLinux), backend_);
    }

    FakeBackend backend_;
};

TEST_F(Complete, IsAskedForByTheFirstWordOnly) {
    EXPECT_TRUE(words_to_complete(CommandLine{"-complete", "-st"}));
    EXPECT_FALSE(words_to_complete(CommandLine{"-q", "-complete"}));
    EXPECT_FALSE(words_to_complete(CommandLine{}));
}

TEST_F(Complete, OptionsComeFromTheTool) {
    EXPECT_THAT(tracelog({"-st"}),
                ElementsAre("-StackWalkFilter", "-stackwalk", "-start", "-stop"));
    EXPECT_THAT(tracelog({"-STO"}), ElementsAre("-stop"));
    EXPECT_THAT(tracelog({""}), AllOf(Contains("-start"), Contains("-doctor"), Contains("-guid")));
}

TEST_F(Complete, AnOptionIsOfferedOnceUnlessItRepeats) {
    EXPECT_THAT(tracelog({"-f", "x", "-start", "S", "-f"}), Not(Contains("-f")));
    EXPECT_THAT(tracelog({"-guid", "X", "-gu"}), ElementsAre("-guid"));
}

TEST_F(Complete, SessionsFollowWhatTakesOne) {
    EXPECT_THAT(tracelog({"-stop", ""}), ElementsAre("Boot", "MyTrace", "my other"));
    EXPECT_THAT(tracelog({"/Q", "my"}), ElementsAre("MyTrace", "my other"));
    EXPECT_THAT(tracelog({"-query", "b"}), ElementsAre("Boot"));
    EXPECT_THAT(tracelog({"-stop", "x"}), IsEmpty());
    EXPECT_THAT(tracelog({"-remove", ""}), ElementsAre("GlobalLogger"));
}

TEST_F(Complete, ProvidersAreOfferedByTheNameThatFindsThem) {
    EXPECT_THAT(tracelog({"-enable", "S", "-guid", ""}),
                ElementsAre("Company.Component", "d58c126f-b309-11d1-969e-0000f875a5bc",
                            "dab01d4d-2d48-477d-b1c3-daad0ce6f06b"));
}

TEST_F(Complete, TheKernelsProvidersAreOfferedOnceSomethingIsTyped) {
    session::RegisteredProvider sched;
    sched.name = "Linux.sched";
    sched.guid = guid_from_name(sched.name);
    backend_.kernel = {sched};
    add("Linux.sched", sched.guid);  // a session has it enabled
    EXPECT_THAT(tracelog({"-enable", "S", "-guid", "lin"}), ElementsAre("Linux.sched"));
    backend_.registered.pop_back();
    EXPECT_THAT(tracelog({"-enable", "S", "-guid", ""}), Not(Contains("Linux.sched")));
}

TEST_F(Complete, FilesAreLeftToTheShell) {
    EXPECT_THAT(tracelog({"-start", "S", "-f", ""}), IsEmpty());
    EXPECT_THAT(tracelog({"-start", "S", "-f", "x"}), IsEmpty());
}

TEST_F(Complete, WithoutAHostThereIsNothingAndNoComplaint) {
    backend_.failure = session::Failure{Code::kServiceNotAvailable, "none"};
    EXPECT_THAT(tracelog({"-stop", ""}), IsEmpty());
    EXPECT_THAT(tracelog({"-guid", ""}), IsEmpty());
    EXPECT_THAT(tracelog({}), IsEmpty());
}

TEST_F(Complete, TraceviewHasItsOwnWords) {
    EXPECT_THAT(traceview({"-"}),
                AllOf(Contains("-join"), Contains("-display"), Contains("-process"),
                      Not(Contains("-matchanykw")), Not(Contains("-kd"))));
    EXPECT_THAT(traceview({"-start", "S", "-join", ""}), ElementsAre("cancel", "no", "yes"));
    EXPECT_THAT(traceview({"-process", "x.etl", "-"}),
                AllOf(Contains("-displayonly"), Not(Contains("-start")), Not(Contains("-hires")),
                      Contains("-csv"), Not(Contains("-ods"))));
    EXPECT_THAT(traceview({"-flush", "b"}), ElementsAre("Boot"));
}

}  // namespace
}  // namespace etw::cli
