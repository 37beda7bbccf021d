// The options of every kind of session, and what has no counterpart here.
#include "cli/tracelog_grammar.h"

#include "tracelog_line.h"

#include <gmock/gmock.h>

namespace etw::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kGuidText[] = "d58c126f-b309-11d1-969e-0000f875a5bc";

TEST(TracelogGrammar, NoWordStandsForTwoThings) {
    std::vector<std::string> seen;
    for (const OptionWord& word : tracelog_words(session::kLinux))
        seen.push_back(to_lower(word.word));
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end());
}

TEST(TracelogGrammar, HelpNamesEveryActionAndOption) {
    const std::string help = kTracelogHelp;
    const auto named = [&](std::string_view word) {
        const std::string spelled = "-" + std::string(word);
        return help.find(spelled + " ") != std::string::npos ||
               help.find(spelled + ",") != std::string::npos;
    };
    for (const auto& row : grammar::actions()) EXPECT_TRUE(named(row.word)) << row.word;
    for (const auto& row : grammar::options(session::kWindows)) {
        if (row.word == "age") continue;  // has no effect anywhere
        EXPECT_TRUE(named(row.word)) << row.word;
    }
}

struct ModeWord {
    const char* word;
    uint32_t mode;
};
void PrintTo(const ModeWord& m, std::ostream* out) { *out << m.word; }
class ModeWords : public testing::TestWithParam<ModeWord> {};

TEST_P(ModeWords, SetTheirBitAtAStartAndAreNotedAtAnUpdate) {
    const auto [word, mode] = GetParam();
    EXPECT_EQ(options({"-start", "A", word}).properties.log_file_mode, mode);
    if (mode == kModeRealTime || mode == kModePrivate) return;  // these go with an update
    EXPECT_THAT(options({"-update", "A", word}).notes,
                ElementsAre(std::string(word) + " has no effect with -update"));
}

INSTANTIATE_TEST_SUITE_P(
    Reference, ModeWords,
    testing::Values(ModeWord{"-rt", kModeRealTime}, ModeWord{"-buffering", kModeBuffering},
                    ModeWord{"-um", kModePrivate}, ModeWord{"-paged", kModePagedMemory},
                    ModeWord{"-lowcapacity", kModeNoPerProcessor},
                    ModeWord{"-independent", kModeIndependent}, ModeWord{"-secure", kModeSecure},
                    ModeWord{"-gs", kModeGlobalSequence}, ModeWord{"-ls", kModeLocalSequence},
                    ModeWord{"-append", kModeAppend}, ModeWord{"-prealloc", kModePreallocate},
                    ModeWord{"-kb", kModeUseKilobytes}));

TEST(TracelogGrammar, OnlyRealTimeAndBufferedSessionsHaveNoDefaultFile) {
    EXPECT_EQ(options({"-start", "A", "-rt"}).properties.log_file, "");
    EXPECT_EQ(options({"-start", "A", "-rt", "-f"}).properties.log_file, "LogFile.etl");
    EXPECT_EQ(options({"-start", "A", "-buffering"}).properties.log_file, "");
    EXPECT_EQ(options({"-start", "A", "-um"}).properties.log_file, "LogFile.etl");
}

TEST(TracelogGrammar, APrivateSessionIsNamedWithUmInLaterCommandsToo) {
    for (const char* action : {"-start", "-stop", "-q", "-flush", "-update"})
        EXPECT_TRUE(options({action, "A", "-um"}).private_session) << action;
    EXPECT_FALSE(options({"-stop", "A"}).private_session);
    EXPECT_THAT(error({"-l", "-um"}), HasSubstr("-um does not go with -l"));
    EXPECT_THAT(options({"-update", "A", "-um", "-guid", "P", "-ft", "1"}).notes,
                testing::IsEmpty());
    EXPECT_THAT(error({"-update", "A", "-guid", "P"}), HasSubstr("-guid does not go with -update"));
}

TEST(TracelogGrammar, BuffersOwnersAndLifetimes) {
    const auto p = options({"-start", "A", "-bt", "8", "-owner-pid", "1234", "-ttl", "10m",
                            "-sessionguid", "#d58c126f-b309-11d1-969e-0000f875a5bc"})
                       .properties;
    EXPECT_EQ(p.flush_threshold, 8u);
    EXPECT_EQ(p.owner_pid, 1234u);
    EXPECT_EQ(p.ttl_s, 600u);
    EXPECT_EQ(to_string(p.guid), kGuidText);
    EXPECT_THAT(options({"-start", "A", "-age", "15"}).notes,
                ElementsAre("-age has no effect with -start"));
    EXPECT_THAT(error({"-start", "A", "-owner-pid", "0"}), HasSubstr("0 is no process"));
    EXPECT_THAT(error({"-start", "A", "-ttl", "0"}), HasSubstr("-ttl"));
    EXPECT_THAT(error({"-start", "A", "-sessionguid", "x"}), HasSubstr("'x' is not a GUID"));
    EXPECT_THAT(error({"-update", "A", "-ttl", "5"}), HasSubstr("it goes with -start"));
}

TEST(TracelogGrammar, WhatAProviderIsEnabledWith) {
    const auto p = options({"-enable", "A", "-guid", "P", "-enableproperty", "0x4", "-sourceguid",
                            kGuidText, "-timeout", "100"});
    EXPECT_EQ(p.provider_defaults.enable_property, 4u);
    EXPECT_EQ(to_string(p.provider_defaults.source_id), kGuidText);
    EXPECT_EQ(p.timeout_ms, 100u);
    EXPECT_THAT(error({"-enable", "A", "-guid", "P", "-sourceguid",
                       "00000000-0000-0000-0000-000000000000"}),
                HasSubstr("-sourceguid"));
}

TEST(TracelogGrammar, FiltersAtTheSource) {
    const auto d = options({"-enable", "A", "-guid", "P", "-ExeFilter", "a;b;", "-PidFilter", "2",
                            "100", "0xc8", "-EventIdFilter", "-in", "2", "1", "65535",
                            "-StackWalkFilter", "-out", "1", "5"})
                       .provider_defaults;
    EXPECT_THAT(d.exe_names, ElementsAre("a", "b"));
    EXPECT_THAT(d.pids, ElementsAre(100u, 200u));
    ASSERT_TRUE(d.event_ids && d.stack_walk_ids);
    EXPECT_FALSE(d.event_ids->exclude);
    EXPECT_THAT(d.event_ids->ids, ElementsAre(1, 65535));
    EXPECT_TRUE(d.stack_walk_ids->exclude);
    EXPECT_THAT(d.stack_walk_ids->ids, ElementsAre(5));
}

TEST(TracelogGrammar, FiltersThatNameNothingAreErrors) {
    EXPECT_THAT(error({"-start", "A", "-ExeFilter", ";"}), HasSubstr("-ExeFilter 'a;b'"));
    EXPECT_THAT(error({"-start", "A", "-PidFilter", "1", "0"}), HasSubstr("0 is no process"));
    EXPECT_THAT(error({"-start", "A", "-PidFilter", "1", "x"}), HasSubstr("not a number"));
    EXPECT_THAT(error({"-start", "A", "-EventIdFilter", "-in", "1", "65536"}),
                HasSubstr("more than 65535"));
    EXPECT_THAT(error({"-start", "A", "-EventIdFilter", "1", "5"}), HasSubstr("-in or -out"));
}

TEST(TracelogGrammar, EnumGuidExTakesOneProviderOrNone) {
    EXPECT_THAT(options({"-enumguidex", "#" + std::string(kGuidText)}).provider_sources,
                ElementsAre("#" + std::string(kGuidText)));
    EXPECT_TRUE(options({"-enumguidex"}).provider_sources.empty());
    EXPECT_EQ(options({"-enumguidex"}).session, "");
}

TEST(TracelogGrammar, YesGoesWithStopAllOnly) {
    EXPECT_TRUE(options({"-x", "-y"}).answer_yes);
    EXPECT_FALSE(options({"-x"}).answer_yes);
    EXPECT_THAT(error({"-stop", "A", "-y"}), HasSubstr("it goes with -x"));
}

TEST(TracelogGrammar, WhatHasNoCounterpartIsRefusedByNameWithTheReason) {
    for (const grammar::RefusedRow& row : grammar::refused(session::kLinux)) {
        const std::string word = "-" + std::string(row.word);
        auto o = row.takes == Takes::kList ? options({"-start", "A", word.c_str(), "1", "5"})
                                           : options({"-start", "A", word.c_str(), "value"});
        ASSERT_TRUE(o.refusal) << word;
        EXPECT_EQ(o.refusal->code, Code::kNotSupported) << word;
        EXPECT_THAT(o.refusal->detail, HasSubstr(word + ": ")) << word;
        EXPECT_EQ(o.action, TracelogAction::kStart);
        EXPECT_EQ(o.session, "A");
    }
}

TEST(TracelogGrammar, ARefusalComesBeforeWhateverElseIsWrongWithTheLine) {
    const auto o = options({"-disableex", "Name", "-sessionguid", kGuidText, "-flag", "F", "-level",
                            "L", "-guid", "P", "stray"});
    EXPECT_EQ(o.action, TracelogAction::kRefused);
    ASSERT_TRUE(o.refusal);
    EXPECT_THAT(o.refusal->detail, HasSubstr("-disableex"));
    EXPECT_EQ(options({"-start", "-cm", "-h"}).action, TracelogAction::kHelp);
}

}  // namespace
}  // namespace etw::cli
