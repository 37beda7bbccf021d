// The options of tracefmt that choose what the output looks like.
#include "cli/tracefmt_progress.h"
#include "cli/tracefmt_report.h"
#include "tracefmt_fixture.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <regex>

namespace etw::cli {
namespace {

using test::parse_words;
using test::read_file;
using test::Tracefmt;
using testing::HasSubstr;
using testing::StartsWith;

TEST(FormatOptions, ChooseOneFormat) {
    EXPECT_EQ(parse_words({"-csv"})->render.format, render::Format::kCsv);
    EXPECT_EQ(parse_words({"-xml"})->render.format, render::Format::kXml);
    EXPECT_EQ(parse_words({"-json"})->render.format, render::Format::kJson);
    EXPECT_FALSE(parse_words({"-csv", "-json"}));
    EXPECT_FALSE(parse_words({"-xml", "-json"}));
    EXPECT_TRUE(parse_words({"-preferjson"})->render.prefer_json);
    EXPECT_FALSE(parse_words({"-preferjson", "-csv"}));
    EXPECT_TRUE(parse_words({"-csv", "-CsvHeader"})->render.csv_header);
    EXPECT_TRUE(parse_words({"-csv", "-csvQuote"})->render.csv_quote);
    EXPECT_FALSE(parse_words({"-csvheader"}));
    EXPECT_FALSE(parse_words({"-csvquote"}));
}

TEST(FormatOptions, TakeTheMembersOfJsonInHexadecimal) {
    EXPECT_EQ(parse_words({"-json"})->render.json_meta, 0xFF3Fu);
    EXPECT_EQ(parse_words({"-json", "-jsonMeta", "40"})->render.json_meta, 0x40u);
    EXPECT_EQ(parse_words({"-json", "-jsonmeta", "0xffff"})->render.json_meta, 0xFFFFu);
    EXPECT_EQ(parse_words({"-preferJson", "-jsonMeta=7ffff"})->render.json_meta, 0x7FFFFu);
    EXPECT_FALSE(parse_words({"-jsonMeta", "1"}));
    EXPECT_FALSE(parse_words({"-json", "-jsonMeta", "wrong"}));
    EXPECT_FALSE(parse_words({"-json", "-jsonMeta", "100000"}));
    EXPECT_THAT(parse_words({"-json", "-jsonMeta", "80000"}).error().message,
                HasSubstr("attributes"));
}

TEST(FormatOptions, TakeTimesAndEncodings) {
    const auto options = parse_words({"-timezonesuffix", "-sortableTime", "-NoFileTimeUtc", "-seq",
                                      "-skipNoFormat", "-v", "-trace", "-cp", "UTF16"});
    ASSERT_TRUE(options);
    EXPECT_TRUE(options->render.zone_suffix);
    EXPECT_TRUE(options->render.sortable_time);
    EXPECT_TRUE(options->render.local_file_times);
    EXPECT_TRUE(options->sequence);
    EXPECT_TRUE(options->skip_unknown);
    EXPECT_TRUE(options->buffers);
    EXPECT_TRUE(options->trace);
    EXPECT_EQ(options->render.encoding, render::Encoding::kUtf16);
    EXPECT_EQ(parse_words({"-cp", "ansi"})->render.encoding, render::Encoding::kAnsi);
    EXPECT_FALSE(parse_words({"-cp", "latin"}));
}

TEST(FormatOptions, RefuseTheDebuggersOutputByName) {
    EXPECT_THAT(parse_words({"-ods"}).error().message, HasSubstr("-display"));
}

TEST(ProgressText, SaysThatTheLogIsLookedThroughFirst) {
    EXPECT_EQ(looking_text(75, 100, 3), " 75%  looking through the log  1 s left");
    EXPECT_EQ(looking_text(0, 100, 3), "  0%  looking through the log");
}

TEST(ProgressText, SaysHowLongTheRestTakes) {
    EXPECT_EQ(progress_text(1000, 25, 100, 2), " 25%  500 events/s  6 s left");
    EXPECT_EQ(progress_text(1000, 1, 100, 2), "  1%  500 events/s  3:18 min left");
    EXPECT_EQ(progress_text(0, 0, 0, 1), "  0%  0 events/s");
}

TEST(BuffersText, IsLaidOutAsWindowsHasIt) {
    const std::vector<etl::BufferInfo> buffers{{127'629'123'455'390'000, 696, 0, false},
                                               {127'629'123'455'390'000, 8192, 1, true}};
    EXPECT_EQ(buffers_text(buffers),
              "06/10/2005-21:25:45.539 ::        1: Filled=     696, Lost=  0 TotalLost= 0\n"
              "06/10/2005-21:25:45.539 ::        2: Filled=    8192, Lost=  1 TotalLost= 1\n");
}

TEST_F(Tracefmt, TakesThePrefixFromTheEnvironment) {
    write_log("a.etl", {5});
    environment_.emplace_back("TRACE_FORMAT_PREFIX=%2!s!: %8!04x!.%3!04x!: %4!s!:");
    EXPECT_EQ(run("a.etl -o -"), 0) << err_;
    EXPECT_THAT(out_, HasSubstr("\nTick: 0888.0d60: 10/23/2003-12:27:40.173:  Tick: n=5\n"));
    EXPECT_EQ(run("a.etl -o - -noprefix"), 0);
    EXPECT_THAT(out_, HasSubstr("\nTick: n=5\n"));
    EXPECT_EQ(run("a.etl -o - -json"), 0);
    EXPECT_TRUE(nlohmann::json::accept(out_.substr(0, out_.find('\n'))));
}

TEST_F(Tracefmt, SaysWhatIsWrongWithThePrefix) {
    write_log("a.etl", {5});
    environment_.emplace_back("TRACE_FORMAT_PREFIX=%1 %12!s!");
    EXPECT_EQ(run("a.etl"), 2);
    EXPECT_THAT(err_, StartsWith("tracefmt: TRACE_FORMAT_PREFIX: at '%12!s!': "));
    EXPECT_FALSE(exists("FmtFile.txt"));
}

TEST_F(Tracefmt, PutsTheSequenceBeforeTheName) {
    write_log("a.etl", {5});
    EXPECT_EQ(run("a.etl -o - -seq"), 0);
    EXPECT_THAT(out_, HasSubstr("]0888.0D60::10/23/2003-12:27:40.173 00000000 [P]Tick: n=5\n"));
}

TEST_F(Tracefmt, WritesCsvWithItsHeadingOnce) {
    write_log("a.etl", {1, 2});
    write_log("b.etl", {3});
    EXPECT_EQ(run("a.etl b.etl -csv -csvheader -o x.csv -display"), 0) << err_;
    EXPECT_THAT(out_, StartsWith("Provider,Event,Time,"));
    EXPECT_EQ(count(out_, "Provider,Event,Time,"), 1u);
    EXPECT_EQ(count(out_, ""), 6u);
    EXPECT_EQ(out_, read_file(path("x.csv")));
    EXPECT_THAT(out_, HasSubstr("\nP,Tick,10/23/2003-12:27:40.173,0,2184,3424,0,Verbose,"));
    EXPECT_THAT(out_, HasSubstr(",[0]0888.0D60::10/23/2003-12:27:40.173 [P]Tick: n=1\n"));
}

TEST_F(Tracefmt, WritesWholeXmlDocuments) {
    write_log("a.etl", {1, 2});
    EXPECT_EQ(run("a.etl -xml -o x.xml"), 0) << err_;
    const std::string xml = read_file(path("x.xml"));
    EXPECT_THAT(xml, StartsWith("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Events>\n<Event "));
    EXPECT_TRUE(xml.ends_with("</Event>\n</Events>\n"));
    EXPECT_EQ(count(xml, "<Data Name=\"n\">"), 2u);
}

TEST_F(Tracefmt, EncodesTextAndSummary) {
    write_log("a.etl", {1});
    EXPECT_EQ(run("a.etl -cp utf16 -o x -noprefix"), 0);
    EXPECT_THAT(read_file(path("x")), StartsWith(std::string("\xFF\xFE"
                                                             "E\0v\0",
                                                             6)));
    EXPECT_THAT(read_file(path("x.sum")), StartsWith(std::string("\xFF\xFE"
                                                                 "F\0i\0",
                                                                 6)));
}

TEST_F(Tracefmt, SortsAndNamesZones) {
    write_log("a.etl", {1});
    environment_ = {"TZ=EST5"};
    EXPECT_EQ(run("a.etl -o - -sortableTime -timeZoneSuffix"), 0);
    EXPECT_THAT(out_, HasSubstr("::2003-10-23T07:27:40.173-05:00 [P]Tick"));
    EXPECT_EQ(run("a.etl -o - -timeZoneSuffix -utc -hires"), 0);
    EXPECT_THAT(out_, HasSubstr("::10/23/2003-12:27:40.1731000Z [P]Tick"));
    EXPECT_EQ(run("a.etl -o - -noprefix"), 0);
    EXPECT_THAT(out_, HasSubstr(" StartTime=2003-10-23T12:27:40.1730000Z "));
    EXPECT_EQ(run("a.etl -o - -noprefix -noFileTimeUtc"), 0);
    EXPECT_THAT(out_, HasSubstr(" StartTime=2003-10-23T07:27:40.1730000 "));
}

TEST_F(Tracefmt, LeavesOutWhatHasNoFormat) {
    decode::test::LogFileWriter log(path("a.etl"), 4096);
    log.add(test::kStartRaw, decode::test::stored_event(test::kStartRaw, {}, {}));
    log.finish();
    EXPECT_EQ(run("a.etl -o - -noprefix"), 0);
    EXPECT_THAT(out_, HasSubstr("Unknown(  0): GUID=11223344-5566-7788-0102-030405060708 "
                                "(No Format Information found). version=0 opcode=0\n"));
    EXPECT_EQ(run("a.etl -o - -noprefix -skipNoFormat"), 0);
    EXPECT_EQ(count(out_, "Unknown"), 0u);
    EXPECT_THAT(err_, HasSubstr("Events: 2, EventsLost: 0 :: Format Errors: 0, Unknowns: 1\n"));
}

TEST_F(Tracefmt, ShowsBuffersAndWhatItDoes) {
    write_log("a.etl", std::vector<uint32_t>(200, 1));
    EXPECT_EQ(run("a.etl -v -trace"), 0);
    EXPECT_THAT(out_, HasSubstr("        ProcessorCount          1\n10/23/2003-12:27:40.173 ::  "
                                "      1: Filled="));
    EXPECT_GT(count(out_, ", Lost=  0 TotalLost= 0"), 1u);
    EXPECT_THAT(err_, HasSubstr("tracefmt: opened a.etl: "));
    EXPECT_THAT(err_, HasSubstr("tracefmt: formatted 201 events\n"));
}

TEST_F(Tracefmt, ShowsTheSystemItRunsOn) {
    write_log("a.etl", {1});
    EXPECT_EQ(run("a.etl"), 0);
    const std::regex line(
        "        OS version              [0-9.]+  \\(Currently running on [0-9.]+\\)\n");
    EXPECT_TRUE(std::regex_search(out_, line)) << out_;
}

}  // namespace
}  // namespace etw::cli
