// What a command line asks of Windows, and what each of the two systems refuses. The words are the
// same on both; this runs on both.
#include "cli/kernel_options.h"
#include "cli/tracelog_grammar.h"
#include "tracelog_fixture.h"

#include <gmock/gmock.h>

namespace etw::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TracelogOptions on_windows(CommandLine line) {
    const auto parsed = parse_tracelog(line, session::kWindows);
    EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().message);
    return parsed ? *parsed : TracelogOptions();
}

std::string error_on_windows(CommandLine line) {
    const auto parsed = parse_tracelog(line, session::kWindows);
    return parsed ? "" : parsed.error().message;
}

class WindowsCommands : public TracelogCommands {
protected:
    WindowsCommands() { backend_.of = &session::kWindows; }
    TracelogReport run(CommandLine line) {
        const TracelogOptions asked = on_windows(std::move(line));
        return run_tracelog(asked, backend_, ask_);
    }
};

TEST(TracelogOnWindows, WhatOneSystemHasIsAWordOnTheOther) {
    const auto known = [](std::string_view word, const session::System& system) {
        const auto words = tracelog_words(system);
        return std::any_of(words.begin(), words.end(),
                           [&](const OptionWord& other) { return other.word == word; });
    };
    for (const auto& row : grammar::options(session::kLinux))
        EXPECT_TRUE(known(row.word, session::kWindows)) << row.word;
    for (const auto& row : grammar::options(session::kWindows))
        EXPECT_TRUE(known(row.word, session::kLinux)) << row.word;
}

TEST_F(WindowsCommands, ModesOfWindowsReachTheBackend) {
    const std::pair<CommandLine, uint32_t> kModes[] = {
        {{"-start", "A", "-kd"}, 0x00080000},
        {{"-start", "A", "-addtotriagedump"}, 0x80000000},
        {{"-start", "A", "-hybridshutdown", "stop"}, 0x00400000},
        {{"-start", "A", "-hybridshutdown", "Persist"}, 0x00800000}};
    for (const auto& [line, mode] : kModes) {
        EXPECT_EQ(run(line).exit_status, kExitDone);
        EXPECT_EQ(backend_.started.properties.log_file_mode, mode);
    }
    EXPECT_EQ(run({"-start", "A", "-QpcDelta"}).exit_status, kExitDone);
    EXPECT_TRUE(backend_.started.properties.qpc_delta);
    EXPECT_THAT(error_on_windows({"-start", "A", "-hybridshutdown", "never"}),
                HasSubstr("'never' is not stop or persist"));
    EXPECT_THAT(run({"-start", "A", "-kd", "-um", "-guid", kGuid}).notes,
                Contains(HasSubstr("leave out -kd or -um")));
}

TEST_F(WindowsCommands, PackagesAreFilters) {
    run({"-enable", "A", "-guid", kGuid, "-PkgIdFilter", "P;Q", "-PkgAppIdFilter", "App"});
    ASSERT_EQ(backend_.enabled.providers.size(), 1u);
    EXPECT_EQ(backend_.enabled.providers[0].package_ids, "P;Q");
    EXPECT_EQ(backend_.enabled.providers[0].package_app_ids, "App");
}

TEST_F(WindowsCommands, KernelFlagsAreThoseThatWindowsDocuments) {
    EXPECT_EQ(run({"-start", "-cm"}).exit_status, kExitDone);
    EXPECT_EQ(backend_.started.properties.enable_flags, kDefaultKernelFlags | kKernelRegistry);
    EXPECT_EQ(run({"-start", "K", "-eflag", "ALPC+VIRT_ALLOC+FILE_IO"}).exit_status, kExitDone);
    EXPECT_EQ(backend_.started.properties.enable_flags, 0x02104000u);
    const TracelogReport refused = run({"-start", "K", "-eflag", "1", "0x80000000"});
    EXPECT_THAT(refused.output, HasSubstr("50L"));
    EXPECT_THAT(refused.notes, Contains(HasSubstr("the documents of Windows")));
    EXPECT_THAT(error_on_windows({"-start", "-eflag", "POOL"}),
                HasSubstr("POOL: the documents of Windows"));
    EXPECT_THAT(run({"-start", "-eflag", "Help"}).output, Not(HasSubstr("not on ")));
}

TEST_F(WindowsCommands, EnablePropertiesAreTheSystemsToKnow) {
    const auto line = CommandLine{"-enable", "A", "-guid", kGuid, "-enableproperty", "0x200"};
    EXPECT_THAT(run(line).notes, IsEmpty());
}

TEST_F(WindowsCommands, WhatNoDocumentedFunctionDoesIsRefusedByName) {
    for (const grammar::RefusedRow& row : grammar::refused(session::kWindows)) {
        const std::string word = "-" + std::string(row.word);
        const auto line = row.takes == Takes::kList
                              ? CommandLine{"-start", "A", word.c_str(), "1", "5"}
                              : CommandLine{"-start", "A", word.c_str(), "value"};
        const TracelogReport report = run(line);
        EXPECT_EQ(report.exit_status, kExitFailed) << word;
        EXPECT_THAT(report.output, HasSubstr("50L")) << word;
        EXPECT_THAT(report.notes, ElementsAre(HasSubstr(word + ": "))) << word;
    }
    EXPECT_THAT(backend_.calls, IsEmpty());
}

TEST(TracelogOnLinux, OptionsOfWindowsAreRefusedByName) {
    for (const OptionWord& word : tracelog_words(session::kWindows)) {
        if (grammar::is_refused(word.word, session::kWindows) ||
            !grammar::is_refused(word.word, session::kLinux)) {
            continue;
        }
        const std::string spelled = "-" + std::string(word.word);
        const TracelogOptions asked = options({"-start", "A", spelled.c_str(), "value"});
        ASSERT_TRUE(asked.refusal) << spelled;
        EXPECT_EQ(asked.refusal->code, Code::kNotSupported);
    }
}

}  // namespace
}  // namespace etw::cli
