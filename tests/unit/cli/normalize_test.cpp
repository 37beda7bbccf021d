#include "command_line.h"

#include <gmock/gmock.h>

namespace etw::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr OptionWord kOptions[] = {
    {"flag"},
    {"UseSystemTime"},
    {"f", Takes::kValue},
    {"guid", Takes::kValue, true},
    {"seq", Takes::kMaybe},
    {"rt", Takes::kName, false, {}, "NT Kernel Logger"},
    {"start", Takes::kName},
    {"begin", Takes::kNothing, false, "start"},
    {"?", Takes::kNothing, false, "flag"},
    {"PidFilter", Takes::kList},
    {"EventIdFilter", Takes::kInOutList},
};

std::vector<std::string> words(CommandLine line) {
    auto result = normalize(line, kOptions);
    return result ? *result : std::vector{"error: " + result.error().message};
}

std::string error(CommandLine line) {
    const auto result = normalize(line, kOptions);
    return result ? "" : result.error().message;
}

TEST(Normalize, TakesDashSlashAndAnyCase) {
    EXPECT_THAT(words({"-flag"}), ElementsAre("--flag", "--"));
    EXPECT_THAT(words({"/FLAG"}), ElementsAre("--flag", "--"));
    EXPECT_THAT(words({"--Flag"}), ElementsAre("--flag", "--"));
    EXPECT_THAT(words({"-usesystemtime"}), ElementsAre("--usesystemtime", "--"));
    EXPECT_THAT(words({"/?"}), ElementsAre("--flag", "--"));
}

TEST(Normalize, TakesTheMinusThatDocumentsHave) {
    EXPECT_THAT(words({"\u2212flag", "\u2013f", "x"}), ElementsAre("--flag", "--f=x", "--"));
    EXPECT_THAT(words({"\u2212other"}), ElementsAre("--", "\u2212other"));
    EXPECT_THAT(words({"-seq", "\u2212flag"}), ElementsAre("--seq", "--flag", "--"));
}

TEST(Normalize, ValuesFollowOrAreJoined) {
    EXPECT_THAT(words({"-f", "a.etl"}), ElementsAre("--f=a.etl", "--"));
    EXPECT_THAT(words({"-F=a=b"}), ElementsAre("--f=a=b", "--"));
    EXPECT_THAT(words({"-start=My Trace"}), ElementsAre("--start=My Trace", "--"));
    EXPECT_THAT(words({"-begin", "S"}), ElementsAre("--start=S", "--"));
}

TEST(Normalize, PathsAreValuesAndWordsNotOptions) {
    EXPECT_THAT(words({"-f", "/tmp/x.etl"}), ElementsAre("--f=/tmp/x.etl", "--"));
    EXPECT_THAT(words({"-f", "/flag"}), ElementsAre("--f=/flag", "--"));
    EXPECT_THAT(words({"/flag/x", "/tmp"}), ElementsAre("--", "/flag/x", "/tmp"));
    EXPECT_THAT(words({"-seq", "/flag"}), ElementsAre("--seq", "--flag", "--"));
    EXPECT_THAT(words({"-seq", "/tmp"}), ElementsAre("--seq=/tmp", "--"));
}

TEST(Normalize, ANameNeverBeginsWithDashOrSlash) {
    EXPECT_THAT(words({"-start", "-flag"}), ElementsAre("--start", "--flag", "--"));
    EXPECT_THAT(words({"-start", "/tmp/x"}), ElementsAre("--start", "--", "/tmp/x"));
    EXPECT_THAT(words({"-start=/tmp/x"}), ElementsAre("--start=/tmp/x", "--"));
}

TEST(Normalize, AnAbsentValueIsFilledIn) {
    EXPECT_THAT(words({"-rt", "-flag"}), ElementsAre("--rt=NT Kernel Logger", "--flag", "--"));
    EXPECT_THAT(words({"-rt"}), ElementsAre("--rt=NT Kernel Logger", "--"));
}

TEST(Normalize, WordsKeepTheirOrderBehindTheOptions) {
    EXPECT_THAT(words({"b", "-flag", "a", "-"}), ElementsAre("--flag", "--", "b", "a", "-"));
}

TEST(Normalize, NegativeNumbersReachTheOptionThatNeedsAValue) {
    EXPECT_THAT(words({"-f", "-5"}), ElementsAre("--f=-5", "--"));
    EXPECT_THAT(error({"-seq", "-5"}), HasSubstr("unknown option '-5'"));
}

TEST(Normalize, AMissingValueIsAnError) {
    EXPECT_EQ(error({"-f"}), "-f needs a value");
    EXPECT_EQ(error({"-f", "-flag"}), "-f needs a value, and '-flag' is an option");
    EXPECT_EQ(error({"-f", ""}), "-f has an empty value");
    EXPECT_EQ(error({"-f="}), "-f has an empty value");
    EXPECT_EQ(error({"-flag=1"}), "-flag takes no value");
}

TEST(Normalize, AListIsACountAndSoManyWords) {
    EXPECT_THAT(words({"-PidFilter", "2", "100", "200", "rest"}),
                ElementsAre("--pidfilter=100", "--pidfilter=200", "--", "rest"));
    EXPECT_THAT(words({"/pidfilter=1", "7", "-flag"}),
                ElementsAre("--pidfilter=7", "--flag", "--"));
    EXPECT_THAT(words({"-EventIdFilter", "-out", "1", "5"}),
                ElementsAre("--eventidfilter=-out", "--eventidfilter=5", "--"));
    EXPECT_THAT(words({"-EventIdFilter", "/IN", "1", "5"}),
                ElementsAre("--eventidfilter=-in", "--eventidfilter=5", "--"));
}

TEST(Normalize, AListWithoutItsCountOrWithTooFewWordsIsAnError) {
    constexpr char kForm[] =
        "-PidFilter needs how many values follow, and then those: -PidFilter 2 100 200";
    for (const char* count : {"0", "x", "-1"}) EXPECT_EQ(error({"-PidFilter", count, "1"}), kForm);
    EXPECT_EQ(error({"-PidFilter"}), kForm);
    EXPECT_EQ(error({"-PidFilter", "3", "1", "2"}), "-PidFilter announces 3 values, and 2 follow");
    EXPECT_EQ(error({"-PidFilter", "2", "1", "-flag"}),
              "-PidFilter announces 2 values, and 1 follow");
    EXPECT_EQ(error({"-PidFilter", "18446744073709551615", "1"}),
              "-PidFilter announces 18446744073709551615 values, and 1 follow");
    EXPECT_EQ(error({"-EventIdFilter", "2", "1", "5"}),
              "-EventIdFilter needs -in or -out, how many values follow, and then those: "
              "-EventIdFilter -in 2 100 200");
    EXPECT_THAT(error({"-PidFilter", "1", "1", "-PidFilter", "1", "2"}), HasSubstr("twice"));
}

TEST(Normalize, OnlyWhatMayRepeatMayRepeat) {
    EXPECT_EQ(error({"-f", "a", "-F", "b"}), "-f is given twice");
    EXPECT_EQ(error({"-start", "a", "-begin", "b"}), "-start is given twice");
    EXPECT_THAT(words({"-guid", "a", "-guid", "b"}), ElementsAre("--guid=a", "--guid=b", "--"));
}

TEST(Normalize, AnUnknownOptionNamesTheNearest) {
    EXPECT_EQ(error({"-strat", "S"}), "unknown option '-strat'; did you mean -start?");
    EXPECT_EQ(error({"-usesystemtme"}),
              "unknown option '-usesystemtme'; did you mean -UseSystemTime?");
    EXPECT_EQ(error({"-zzzzzz"}), "unknown option '-zzzzzz'");
    EXPECT_EQ(error({"-zzzzzz.etl"}),
              "unknown option '-zzzzzz.etl'; a file of this name is ./-zzzzzz.etl");
}

struct Number {
    const char* text;
    std::optional<uint64_t> value;
};
void PrintTo(const Number& n, std::ostream* out) { *out << n.text; }
class Numbers : public testing::TestWithParam<Number> {};

TEST_P(Numbers, AreDecimalHexOrRefused) {
    const auto result = parse_number("level", GetParam().text, UINT64_MAX);
    EXPECT_EQ(result ? std::optional(*result) : std::nullopt, GetParam().value);
}

INSTANTIATE_TEST_SUITE_P(
    Rules, Numbers,
    testing::Values(Number{"0", 0}, Number{"010", 10}, Number{"255", 255}, Number{"0xFF", 255},
                    Number{"0Xff", 255}, Number{"ffff", 0xFFFF}, Number{"1f", 0x1F},
                    Number{"0xFFFFFFFFFFFFFFFF", UINT64_MAX},
                    Number{"18446744073709551615", UINT64_MAX}, Number{"18446744073709551616", {}},
                    Number{"0x10000000000000000", {}}, Number{"", {}}, Number{"0x", {}},
                    Number{"-1", {}}, Number{"+1", {}}, Number{" 1", {}}, Number{"1 ", {}},
                    Number{"0x-1", {}}, Number{"1.5", {}}, Number{"12z", {}}, Number{"0x0x1", {}}));

TEST(NumbersError, NameTheOptionAndTheBound) {
    EXPECT_EQ(parse_number("max", "5x", 10).error().message,
              "-max: '5x' is not a number; give digits, or hexadecimal as 0x1f");
    EXPECT_EQ(parse_number("max", "11", 10).error().message, "-max: 11 is more than 10");
    EXPECT_EQ(*parse_number("max", "10", 10), 10u);
    EXPECT_EQ(parse_number("matchanykw", "18446744073709551616", UINT64_MAX).error().message,
              "-matchanykw: 18446744073709551616 is more than 18446744073709551615");
}

TEST(Times, AreSecondsOrHaveAUnit) {
    EXPECT_EQ(*parse_seconds("ttl", "90"), 90u);
    EXPECT_EQ(*parse_seconds("ttl", "90s"), 90u);
    EXPECT_EQ(*parse_seconds("ttl", "10m"), 600u);
    EXPECT_EQ(*parse_seconds("ttl", "2h"), 7200u);
    EXPECT_EQ(parse_seconds("ttl", "1y").error().message,
              "-ttl: '1y' is not a time; give seconds, or 90s, 10m, 2h");
    for (const char* bad : {"", "h", "-1", "1.5h"}) EXPECT_FALSE(parse_seconds("ttl", bad)) << bad;
}

TEST(Times, ReachToTheLastSecondThatThereIsRoomFor) {
    for (const char* longest : {"4294967295", "4294967295s", "0xffffffff"})
        EXPECT_EQ(*parse_seconds("ttl", longest), UINT32_MAX) << longest;
    EXPECT_EQ(*parse_seconds("ttl", "71582788m"), 71582788u * 60);
    EXPECT_EQ(*parse_seconds("ttl", "1193046h"), 1193046u * 3600);
    for (const char* longer :
         {"4294967296", "4294967296s", "71582789m", "1193047h", "307445734561825861m",
          "5124095576030432h", "18446744073709551615", "18446744073709551616",
          "18446744073709551616h", "99999999999999999999999999999999999999999s"}) {
        EXPECT_EQ(parse_seconds("ttl", longer).error().message,
                  std::string("-ttl: ") + longer + " is too long");
    }
}

TEST(Sizes, TakeUnits) {
    constexpr uint64_t kKb = 1024, kMb = 1024 * 1024;
    EXPECT_EQ(*parse_size("b", "64", kKb), 64u);
    EXPECT_EQ(*parse_size("b", "64K", kKb), 64u);
    EXPECT_EQ(*parse_size("b", "64kb", kKb), 64u);
    EXPECT_EQ(*parse_size("b", "2M", kKb), 2048u);
    EXPECT_EQ(*parse_size("b", "0x40", kKb), 64u);
    EXPECT_EQ(*parse_size("seq", "2", kMb), 2u);
    EXPECT_EQ(*parse_size("seq", "2048K", kMb), 2u);
    EXPECT_EQ(*parse_size("seq", "1GB", kMb), 1024u);
    EXPECT_EQ(*parse_size("seq", "4294967295", kMb), 4294967295u);
}

TEST(Sizes, AreRefusedWhereTheyAreNoWholeUnitsOrTooLarge) {
    constexpr uint64_t kMb = 1024 * 1024;
    EXPECT_EQ(parse_size("seq", "512K", kMb).error().message,
              "-seq: 512K is not a whole number of MB; add -kb");
    for (const char* bad : {"K", "64X", "-1", "64KK", ""})
        EXPECT_FALSE(parse_size("seq", bad, kMb)) << bad;
    for (const char* large : {"4294967296", "4194304G", "0xFFFFFFFFFFFFFFFF", "17592186044416G",
                              "18446744073709551616", "18446744073709551616K"})
        EXPECT_THAT(parse_size("seq", large, kMb).error().message, HasSubstr("too large")) << large;
}

}  // namespace
}  // namespace etw::cli
