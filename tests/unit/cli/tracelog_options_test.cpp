#include "cli/tracelog_options.h"

#include "etw/traced_processes.h"
#include "tracelog_line.h"

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <regex>

namespace etw::cli {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(TracelogOptions, HelpIsTheGoldenText) {
    std::ifstream file(ETW_GOLDEN_DIR "/tracelog_help.txt");
    const std::string golden(std::istreambuf_iterator<char>(file), {});
    EXPECT_EQ(kTracelogHelp, golden);
    for (const char* word : {"-h", "-help", "-?", "/?", "-H"})
        EXPECT_EQ(options({word}).action, TracelogAction::kHelp);
    EXPECT_EQ(options({"-start", "S", "-h"}).action, TracelogAction::kHelp);
}

TEST(TracelogOptions, EachActionWithItsNameAndAliases) {
    const std::tuple<const char*, TracelogAction> kNamed[] = {
        {"-start", TracelogAction::kStart}, {"-stop", TracelogAction::kStop},
        {"-q", TracelogAction::kQuery},     {"-query", TracelogAction::kQuery},
        {"-flush", TracelogAction::kFlush}, {"-update", TracelogAction::kUpdate},
    };
    for (const auto& [word, action] : kNamed) {
        EXPECT_EQ(options({word, "My Trace"}).action, action) << word;
        EXPECT_EQ(options({word, "My Trace"}).session, "My Trace") << word;
        EXPECT_EQ(options({word}).session, "NT Kernel Logger") << word;
    }
    for (const char* word : {"-enable", "-enableex", "/ENABLE"})
        EXPECT_EQ(options({word, "S", "-guid", "P"}).action, TracelogAction::kEnable);
    EXPECT_EQ(options({"-disable", "S", "-guid", "P"}).action, TracelogAction::kDisable);
    EXPECT_EQ(options({"-capturestate", "S"}).action, TracelogAction::kCaptureState);
    EXPECT_EQ(options({"-incrementfile", "S"}).action, TracelogAction::kIncrementFile);
    EXPECT_EQ(options({"-x"}).action, TracelogAction::kStopAll);
    EXPECT_EQ(options({"-enumguidex"}).action, TracelogAction::kEnumGuidEx);
    EXPECT_EQ(options({"-enumguid"}).action, TracelogAction::kEnumGuid);
    for (const char* word : {"-l", "-list", "/L"}) {
        EXPECT_EQ(options({word}).action, TracelogAction::kList);
        EXPECT_EQ(options({word}).session, "");
    }
    EXPECT_EQ(options({"-start=/odd"}).session, "/odd");
    EXPECT_EQ(options({"-start", "true"}).session, "true");
}

TEST(TracelogOptions, OneActionIsNeeded) {
    EXPECT_EQ(error({}), "ERROR: no action specified");
    EXPECT_EQ(error({"-f", "x.etl"}), "ERROR: no action specified");
    CommandLine none{};
    EXPECT_EQ(parse_tracelog(none, session::kLinux).error().help, kTracelogHelp);
    EXPECT_EQ(error({"-start", "A", "-stop", "B"}), "one action at a time: -start or -stop");
}

TEST(TracelogOptions, AStrayWordIsAnError) {
    EXPECT_THAT(error({"-start", "A", "stray"}), HasSubstr("Invalid option given: stray"));
    EXPECT_THAT(error({"-start", "/tmp/a"}), HasSubstr("Invalid option given: /tmp/a"));
    EXPECT_THAT(error({"-l", "S"}), HasSubstr("Invalid option given: S"));
}

TEST(TracelogOptions, T1StartWithNothingButAName) {
    const auto o = options({"-start", "MyTrace"});
    EXPECT_EQ(o.properties.name, "MyTrace");
    EXPECT_EQ(o.properties.log_file, "LogFile.etl");
    EXPECT_EQ(o.properties.log_file_mode, 0u);
    EXPECT_EQ(o.properties.clock, ClockType::kPerfCounter);
    EXPECT_THAT(o.provider_sources, IsEmpty());
    EXPECT_THAT(o.notes, IsEmpty());
}

// Which CLI11 would take for lists, and for none.
TEST(TracelogOptions, NamesMayBeOfBracketsAndSigns) {
    for (const std::string name : {"[a]", "[a,b]", "[]", "[[a]]", "{}", "%%", "=a", "a=b"}) {
        const auto o = options({"-start", name.c_str(), "-f", name.c_str(), "-guid", name.c_str()});
        EXPECT_EQ(o.properties.name, name);
        EXPECT_EQ(o.properties.log_file, name);
        EXPECT_THAT(o.provider_sources, ElementsAre(name));
        EXPECT_THAT(error({"-start", "A", name.c_str()}), HasSubstr("option given: " + name));
    }
}

TEST(TracelogOptions, T8BuffersAndBareHexLevel) {
    const auto o =
        options({"-start", "MyTrace", "-guid", "MyProvider.guid", "-f", "testtrace.etl", "-flag",
                 "2", "-level", "ffff", "-b", "128", "-min", "10", "-max", "30", "-ft", "5"});
    EXPECT_EQ(o.properties.log_file, "testtrace.etl");
    EXPECT_EQ(o.properties.buffer_size_kb, 128u);
    EXPECT_EQ(o.properties.minimum_buffers, 10u);
    EXPECT_EQ(o.properties.maximum_buffers, 30u);
    EXPECT_EQ(o.properties.flush_timer_s, 5u);
    EXPECT_EQ(o.properties.enable_flags, 2u);
    EXPECT_EQ(o.provider_defaults.level, 255);
    EXPECT_EQ(o.provider_defaults.match_any_keyword, 2u);
    EXPECT_THAT(o.provider_sources, ElementsAre("MyProvider.guid"));
}

TEST(TracelogOptions, RealTimeAloneHasNoFile) {
    auto o = options({"-start", "A", "-rt"});
    EXPECT_EQ(o.properties.log_file_mode, kModeRealTime);
    EXPECT_EQ(o.properties.log_file, "");
    o = options({"-start", "A", "-rt", "-f", "a.etl"});
    EXPECT_EQ(o.properties.log_file, "a.etl");
    EXPECT_TRUE(options({"-update", "A", "-rt"}).update.real_time.value_or(false));
}

TEST(TracelogOptions, T9FileModesWithTheirSizes) {
    auto p = options({"-start", "A", "-cir", "2"}).properties;
    EXPECT_EQ(p.log_file_mode, kModeCircular);
    EXPECT_EQ(p.maximum_file_size, 2u);
    p = options({"-start", "A", "-seq", "128", "-prealloc"}).properties;
    EXPECT_EQ(p.log_file_mode, kModeSequential | kModePreallocate);
    EXPECT_EQ(p.maximum_file_size, 128u);
    p = options({"-start", "A", "-f", "t%d.etl", "-newfile", "1"}).properties;
    EXPECT_EQ(p.log_file_mode, kModeNewFile);
    p = options({"-start", "A", "-seq", "512K", "-kb"}).properties;
    EXPECT_EQ(p.log_file_mode, kModeSequential | kModeUseKilobytes);
    EXPECT_EQ(p.maximum_file_size, 512u);
    EXPECT_EQ(options({"-start", "A", "-seq", "1G"}).properties.maximum_file_size, 1024u);
}

TEST(TracelogOptions, T9aAModeWithoutItsSizeIsIgnoredWithANote) {
    for (const char* word : {"-seq", "-cir", "-newfile"}) {
        const auto o = options({"-start", "A", word});
        EXPECT_EQ(o.properties.log_file_mode, 0u) << word;
        EXPECT_EQ(o.properties.log_file, "LogFile.etl") << word;
        EXPECT_THAT(o.notes, ElementsAre(std::string(word) + " without a size has no effect"));
    }
}

TEST(TracelogOptions, AppendAndNewFileHaveNoDefaultFile) {
    EXPECT_EQ(options({"-start", "A", "-append"}).properties.log_file, "");
    EXPECT_EQ(options({"-start", "A", "-newfile", "1"}).properties.log_file, "");
    EXPECT_EQ(options({"-start", "A", "-append", "-f"}).properties.log_file, "LogFile.etl");
}

TEST(TracelogOptions, ClocksExcludeEachOtherAndAppendBringsTheSystemClock) {
    EXPECT_EQ(options({"-start", "A", "-usesystemtime"}).properties.clock, ClockType::kSystemTime);
    EXPECT_EQ(options({"-start", "A", "-UseCPUCycle"}).properties.clock, ClockType::kCpuCycle);
    EXPECT_EQ(options({"-start", "A", "-append"}).properties.clock, ClockType::kSystemTime);
    EXPECT_EQ(options({"-start", "A", "-append", "-UsePerfCounter"}).properties.clock,
              ClockType::kPerfCounter);
    EXPECT_THAT(error({"-start", "A", "-UseCPUCycle", "-UseSystemTime"}),
                HasSubstr("one clock at a time"));
}

TEST(TracelogOptions, KeywordWinsOverFlag) {
    const auto o = options({"-start", "A", "-flags", "4", "-matchanykw", "0x100000000",
                            "-matchallkw", "3", "-timeout", "250"});
    EXPECT_EQ(o.properties.enable_flags, 4u);
    EXPECT_EQ(o.provider_defaults.match_any_keyword, 0x100000000u);
    EXPECT_EQ(o.provider_defaults.match_all_keyword, 3u);
    EXPECT_EQ(o.timeout_ms, 250u);
}

TEST(TracelogOptions, LevelKeepsItsLowByte) {
    EXPECT_EQ(options({"-start", "A", "-level", "0x7fffff05"}).provider_defaults.level, 5);
    EXPECT_THAT(error({"-start", "A", "-level", "0x100000000"}), HasSubstr("-level"));
}

TEST(TracelogOptions, T26OptionOrderIsFree) {
    const auto o = options({"-f", "f.etl", "-start", "kmdfsession", "-guid", "k.ctl"});
    EXPECT_EQ(o.session, "kmdfsession");
    EXPECT_EQ(o.properties.log_file, "f.etl");
}

TEST(TracelogOptions, ProvidersMayRepeatAndBeHashedOrStarred) {
    EXPECT_THAT(options({"-start", "A", "-guid", "#1", "-guid", "*N", "-guid", "/tmp/p.guid"})
                    .provider_sources,
                ElementsAre("#1", "*N", "/tmp/p.guid"));
}

TEST(TracelogOptions, AMissingGuidExplainsTheShellsComment) {
    EXPECT_THAT(error({"-start", "A", "-guid"}), HasSubstr("unquoted #"));
    EXPECT_THAT(error({"-start", "A", "-guid", "-f", "x"}), HasSubstr("unquoted #"));
    EXPECT_THAT(error({"-enable", "A"}), HasSubstr("-enable needs the providers"));
    EXPECT_THAT(error({"-disable", "A"}), HasSubstr("-disable needs the providers"));
}

TEST(TracelogOptions, UpdateTakesWhatCanChangeAndNotesWhatCannot) {
    const auto o = options(
        {"-update", "A", "-b", "128", "-max", "40", "-ft", "2", "-f", "y.etl", "-cir", "3"});
    EXPECT_EQ(o.update.name, "A");
    EXPECT_EQ(o.update.maximum_buffers, 40u);
    EXPECT_EQ(o.update.flush_timer_s, 2u);
    EXPECT_EQ(o.update.log_file, "y.etl");
    EXPECT_FALSE(o.update.enable_flags);
    EXPECT_THAT(o.notes,
                ElementsAre("-cir has no effect with -update", "-b has no effect with -update"));
}

TEST(TracelogOptions, UpdateLeavesAloneWhatIsNotGivenOrZero) {
    const auto o = options({"-update", "A", "-ft", "0"});
    EXPECT_FALSE(o.update.maximum_buffers);
    EXPECT_FALSE(o.update.flush_timer_s);
    EXPECT_FALSE(o.update.log_file);
}

TEST(TracelogOptions, ANewFileEndsTheRealTimePartUnlessItIsAskedForAgain) {
    EXPECT_EQ(options({"-update", "A", "-f", "y.etl"}).update.real_time, false);
    EXPECT_EQ(options({"-update", "A", "-f", "y.etl", "-rt"}).update.real_time, true);
    EXPECT_EQ(options({"-update", "A", "-rt"}).update.real_time, true);
    EXPECT_FALSE(options({"-update", "A", "-max", "40"}).update.real_time);
}

TEST(TracelogOptions, FlushTakesTheFileOfASnapshot) {
    EXPECT_EQ(options({"-flush", "A", "-f", "x.etl"}).snapshot_file, "x.etl");
    EXPECT_EQ(options({"-flush", "A", "-f"}).snapshot_file, "LogFile.etl");
    EXPECT_FALSE(options({"-flush", "A"}).snapshot_file);
}

TEST(TracelogOptions, DisplaysAreAskedFor) {
    EXPECT_TRUE(options({"-q", "A", "-lp"}).list_providers);
    EXPECT_TRUE(options({"-l", "-lp", "-json"}).json);
    EXPECT_FALSE(options({"-l"}).list_providers);
}

TEST(TracelogOptions, WhatDoesNotGoWithAnActionIsRefused) {
    EXPECT_EQ(error({"-stop", "A", "-b", "64"}),
              "-b does not go with -stop; it goes with -start, -addautologger");
    EXPECT_EQ(error({"-start", "A", "-lp"}), "-lp does not go with -start; it goes with -q, -l");
    EXPECT_EQ(
        error({"-update", "A", "-guid", "P"}),
        "-guid does not go with -update; it goes with -start, -enable, -disable, -capturestate, "
        "-addautologger");
    EXPECT_EQ(error({"-q", "A", "-f", "x"}),
              "-f does not go with -q; it goes with -start, -flush, -recover, -update, "
              "-addautologger");
    EXPECT_EQ(error({"-addautologger", "A", "-append"}),
              "-append does not go with -addautologger; it goes with -start");
    EXPECT_EQ(error({"-addautologger"}), "-addautologger needs a value");
    EXPECT_EQ(error({"-remove"}), "-remove needs a value");
}

TEST(TracelogOptions, PidsGoWithProbesOfPrograms) {
    EXPECT_THAT(options({"-start", "A", "-guid", "usdt:/a:b", "-pids", "2", "7", "8"})
                    .provider_defaults.pids,
                ElementsAre(7u, 8u));
    EXPECT_THAT(error({"-start", "A", "-guid", "Other", "-pids", "1", "7"}),
                HasSubstr("-pids goes with -heap, -critsec or -guid usdt:PATH:PROVIDER"));
    EXPECT_THAT(error({"-start", "A", "-guid", "usdt:/a:b", "-pids", "1", "0"}),
                HasSubstr("-pids: 0 is no process"));
}

TEST(TracelogOptions, HeapAndCritsecAreTheProviderOfAPrivateSession) {
    const auto heap = options({"-start", "A", "-um", "-heap", "-pids", "2", "7", "8"});
    EXPECT_EQ(heap.properties.log_file_mode, kModePrivate | kModeReserved);
    ASSERT_EQ(heap.more_providers.size(), 1u);
    EXPECT_EQ(heap.more_providers[0].guid, session::kHeapGuid);
    EXPECT_THAT(heap.more_providers[0].pids, ElementsAre(7u, 8u));
    const auto locks = options({"-start", "A", "-critsec", "-pids", "1", "7", "-um"});
    EXPECT_EQ(locks.more_providers.at(0).guid, session::kCritSecGuid);
    for (const char* word : {"-heap", "-critsec"}) {
        EXPECT_THAT(error({"-start", "A", word, "-pids", "1", "7"}), HasSubstr("-um"));
        EXPECT_THAT(error({"-start", "A", "-um", word}), HasSubstr("-pids"));
        EXPECT_THAT(error({"-start", "A", "-um", word, "-pids", "1", "7", "-guid", "B"}),
                    HasSubstr("-guid does not go with"));
        EXPECT_THAT(error({"-stop", "A", "-um", word}), HasSubstr("does not go with -stop"));
    }
    EXPECT_THAT(error({"-start", "A", "-um", "-heap", "-critsec", "-pids", "1", "7"}),
                HasSubstr("exclude each other"));
}

TEST(TracelogOptions, BadNumbersNameTheirOption) {
    for (const char* word : {"-b", "-min", "-max", "-ft", "-seq", "-cir", "-flag", "-level",
                             "-matchanykw", "-matchallkw", "-timeout"}) {
        EXPECT_THAT(error({"-start", "A", word, "12z"}), HasSubstr(word)) << word;
    }
    EXPECT_THAT(error({"-start", "A", "-b", "0"}), HasSubstr("4 to 16384"));
    EXPECT_THAT(error({"-start", "A", "-b", "-5"}), HasSubstr("-5"));
}

struct Bounds {
    const char* option;
    std::vector<std::string> before;  // other words that the option needs
    const char* largest;              // that the grammar takes
    const char* larger;

    friend void PrintTo(const Bounds& bounds, std::ostream* out) { *out << bounds.option; }
};

class NumberOptions : public testing::TestWithParam<Bounds> {
protected:
    static std::string result(const std::string& value) {
        std::vector<std::string> line = {"-start", "A"};
        line.insert(line.end(), GetParam().before.begin(), GetParam().before.end());
        line.insert(line.end(), {GetParam().option, value});
        return error(CommandLine(std::move(line)));
    }
};

TEST_P(NumberOptions, TakeAllThatThereIsRoomForAndNoMore) {
    EXPECT_EQ(result(GetParam().largest), "");
    for (const std::string& larger :
         {std::string(GetParam().larger), std::string("18446744073709551616"),
          std::string("0x10000000000000000"), std::string(400, '9')}) {
        EXPECT_THAT(result(larger), AllOf(HasSubstr(GetParam().option), HasSubstr(larger),
                                          AnyOf(HasSubstr("more than"), HasSubstr("too l"))));
    }
}

TEST_P(NumberOptions, TakeNothingElse) {
    for (const char* bad : {"", "+1", " 1", "1 ", "1x2", "1.5", "0x", "0x-1", "ten", "1,5"})
        EXPECT_THAT(result(bad), HasSubstr(GetParam().option)) << "'" << bad << "'";
    EXPECT_THAT(result("-1"), AnyOf(HasSubstr(GetParam().option), HasSubstr("'-1'")));
}

INSTANTIATE_TEST_SUITE_P(
    Tracelog, NumberOptions,
    testing::Values(Bounds{"-b", {}, "4294967295", "4294967296"},
                    Bounds{"-min", {}, "4294967295", "4294967296"},
                    Bounds{"-max", {}, "4294967295", "4294967296"},
                    Bounds{"-ft", {}, "4294967295", "4294967296"},
                    Bounds{"-bt", {}, "4294967295", "4294967296"},
                    Bounds{"-seq", {}, "4294967295", "4294967296"},
                    Bounds{"-cir", {}, "4294967295", "4294967296"},
                    Bounds{"-newfile", {}, "4294967295", "4294967296"},
                    Bounds{"-seq", {"-kb"}, "4294967295", "4294967296"},
                    Bounds{"-seq", {}, "4194303G", "4194304G"}, Bounds{"-b", {}, "4095G", "4096G"},
                    Bounds{"-flag", {}, "0xffffffff", "0x100000000"},
                    Bounds{"-level", {}, "0xffffffff", "0x100000000"},
                    Bounds{"-enableproperty", {}, "0xffffffff", "0x100000000"},
                    Bounds{"-timeout", {}, "4294967295", "4294967296"},
                    Bounds{"-matchanykw", {}, "18446744073709551615", "18446744073709551616"},
                    Bounds{"-matchallkw", {}, "0xffffffffffffffff", "0x10000000000000000"},
                    Bounds{"-owner-pid", {}, "2147483647", "2147483648"},
                    Bounds{"-ttl", {}, "4294967295", "4294967296"},
                    Bounds{"-ttl", {}, "1193046h", "1193047h"},
                    Bounds{"-ttl", {}, "71582788m", "71582789m"}),
    [](const testing::TestParamInfo<Bounds>& bounds) {
        return std::to_string(bounds.index) + "_" +
               std::regex_replace(bounds.param.option, std::regex("\\W"), "");
    });

TEST(TracelogOptions, ListsOfNumbersHaveTheirBounds) {
    const auto pids = [](const char* word, const char* pid) {
        return error({"-enable", "A", "-guid", "usdt:/bin/sh:p", word, "1", pid});
    };
    for (const char* word : {"-PidFilter", "-pids"}) {
        EXPECT_EQ(pids(word, "2147483647"), "");
        for (const char* bad : {"0", "2147483648", "18446744073709551616", "x", "1.5"})
            EXPECT_THAT(pids(word, bad), HasSubstr(word)) << bad;
    }
    for (const char* word : {"-EventIdFilter", "-StackWalkFilter"}) {
        const auto id = [word](const char* text) {
            return error({"-enable", "A", "-guid", "p", word, "-in", "1", text});
        };
        EXPECT_EQ(id("65535"), "");
        for (const char* bad : {"65536", "4294967297", "18446744073709551616", "x", "1.5"})
            EXPECT_THAT(id(bad), HasSubstr(word)) << bad;
    }
    for (const char* bad : {"4294967296", "18446744073709551616", "1.5", "x"}) {
        EXPECT_THAT(error({"-start", "A", "-eflag", "PROFILE", "-SetProfInt", bad, "Timer"}),
                    HasSubstr("SetProfInt"))
            << bad;
    }
    for (const char* bad : {"4294967296", "0x100000000", "18446744073709551616"})
        EXPECT_THAT(error({"-start", "A", "-eflag", "1", bad}), HasSubstr("-eflag")) << bad;
}

}  // namespace
}  // namespace etw::cli
