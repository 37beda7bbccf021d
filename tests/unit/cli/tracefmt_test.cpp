// tracefmt as a process, over logs that our writer made and over those of Windows.
#include "cli/output.h"
#include "support/shared_folder.h"
#include "tracefmt_fixture.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace etw::cli {
namespace {

using test::parse_words;
using test::read_file;
using test::Tracefmt;
using testing::HasSubstr;

TEST(TracefmtOptions, DefaultToTheDefaultLog) {
    const auto options = parse_words({});
    ASSERT_TRUE(options);
    EXPECT_EQ(options->inputs, std::vector<std::string>{"LogFile.etl"});
    EXPECT_TRUE(options->output.empty());
    EXPECT_TRUE(options->summary);
    EXPECT_TRUE(options->render.prefix);
    EXPECT_FALSE(options->render.utc);
}

TEST(TracefmtOptions, TakeFilesAsWordsAndByName) {
    const auto options = parse_words({"a.etl", "-o", "out.txt", "-f", "b.etl", "/tmp/c.etl"});
    ASSERT_TRUE(options);
    EXPECT_EQ(options->inputs, (std::vector<std::string>{"a.etl", "/tmp/c.etl", "b.etl"}));
    EXPECT_EQ(options->output, "out.txt");
}

// Which CLI11 would take for lists, and for none.
TEST(TracefmtOptions, TakeNamesOfBrackets) {
    const auto options = parse_words({"[a]", "[b,c]", "[]", "-f", "[d]", "-o", "[o]", "{}"});
    ASSERT_TRUE(options);
    EXPECT_EQ(options->inputs, (std::vector<std::string>{"[a]", "[b,c]", "[]", "{}", "[d]"}));
    EXPECT_EQ(options->output, "[o]");
}

TEST(TracefmtOptions, GiveEachOutputANameOfItsOwn) {
    const auto error_of = [](std::vector<std::string> words) {
        const auto options = parse_words(std::move(words));
        return options ? std::string() : options.error().message;
    };
    const auto is_refused = HasSubstr("would be two outputs");
    EXPECT_THAT(error_of({"a.etl", "-o", "x", "-perfetto", "x"}), is_refused);
    EXPECT_THAT(error_of({"a.etl", "-o", "x", "-perfetto", "x.sum"}), is_refused);
    EXPECT_THAT(error_of({"a.etl", "-perfetto", "x", "-relog", "x"}), is_refused);
    EXPECT_EQ(error_of({"a.etl", "-o", "x", "-perfetto", "x.sum", "-nosummary"}), "");
}

TEST(TracefmtOptions, TakeEveryOptionInAnyCaseAndWithASlash) {
    const auto options = parse_words(
        {"-Display", "/DISPLAYONLY", "-NoSummary", "/json", "-noprefix", "-HiRes", "-gmt"});
    ASSERT_TRUE(options);
    EXPECT_TRUE(options->display);
    EXPECT_TRUE(options->display_only);
    EXPECT_FALSE(options->summary);
    EXPECT_EQ(options->render.format, render::Format::kJson);
    EXPECT_FALSE(options->render.prefix);
    EXPECT_TRUE(options->render.high_resolution);
    EXPECT_TRUE(options->render.utc);
}

TEST(TracefmtOptions, RefuseWhatContradictsItself) {
    EXPECT_FALSE(parse_words({"-summaryonly", "-nosummary"}));
    EXPECT_FALSE(parse_words({"-summaryonly", "-display"}));
    EXPECT_FALSE(parse_words({"-nonsense"}));
    EXPECT_FALSE(parse_words({"-o"}));
}

TEST(TracefmtOptions, RealTimeTakesASessionOrTheKernelLogger) {
    EXPECT_EQ(parse_words({"-rt", "My Trace", "-display"})->real_time, "My Trace");
    EXPECT_EQ(parse_words({"-rt", "-display"})->real_time, "NT Kernel Logger");
    EXPECT_EQ(parse_words({"a.etl"})->real_time, "");
    EXPECT_FALSE(parse_words({"a.etl", "-rt", "S"}));
}

TEST(TracefmtOptions, HelpWinsOverMissingFiles) {
    for (const char* word : {"-h", "-help", "-?", "/?"}) {
        const auto options = parse_words({word});
        ASSERT_TRUE(options) << word;
        EXPECT_TRUE(options->help) << word;
    }
}

TEST(OutputNames, FollowTheTextFile) {
    EXPECT_EQ(default_output_names("").text, "FmtFile.txt");
    EXPECT_EQ(default_output_names("").summary, "FmtSum.txt");
    EXPECT_EQ(default_output_names("x.txt").summary, "x.txt.sum");
    EXPECT_EQ(default_output_names("-").summary, "");
}

TEST_F(Tracefmt, PrintsItsHelp) {
    EXPECT_EQ(run("-h"), 0);
    EXPECT_EQ(out_, read_file(std::string(ETW_GOLDEN_DIR) + "/tracefmt_help.txt"));
    EXPECT_EQ(err_, "");
}

TEST_F(Tracefmt, WritesTheDefaultFiles) {
    write_log("LogFile.etl", {1, 2, 3});
    EXPECT_EQ(run(""), 0) << err_;
    EXPECT_EQ(count(read_file(path("FmtFile.txt")), "[P]Tick: n="), 3u);
    EXPECT_THAT(read_file(path("FmtSum.txt")), HasSubstr("Total Events  Processed 4\n"));
    EXPECT_THAT(out_, HasSubstr("Processing completed   Buffers: 1, Events: 4, EventsLost: 0 :: "
                                "Format Errors: 0, Unknowns: 0\n"));
    EXPECT_THAT(out_, HasSubstr("\nEvent traces dumped to FmtFile.txt\n"
                                "Event Summary dumped to FmtSum.txt\n"));
    EXPECT_EQ(err_, "");
}

TEST_F(Tracefmt, PrintsTheLogHeader) {
    write_log("a.etl", {1});
    EXPECT_EQ(run("a.etl -nosummary"), 0);
    EXPECT_THAT(out_, HasSubstr("Setting log file to: a.etl\n"
                                "Searching for TMF files on path: (null)\n"
                                "Logfile a.etl:\n"));
    EXPECT_THAT(out_, HasSubstr("        Start Time              2003-10-23-12:27:40.173\n"));
    EXPECT_THAT(out_, HasSubstr("        BufferSize              4096 B\n"));
    EXPECT_THAT(out_, HasSubstr("        Buffers  Written        2\n"));
    EXPECT_THAT(out_, HasSubstr("        Logger Mode Settings    (1) ( sequential\n"));
    EXPECT_FALSE(exists("FmtSum.txt"));
}

TEST_F(Tracefmt, LaysOutTheSummary) {
    write_log("a.etl", {1, 2});
    EXPECT_EQ(run("a.etl -o x -summaryonly"), 0);
    EXPECT_FALSE(exists("x"));
    const std::string rule = "+" + std::string(83, '-') + "+\n";
    EXPECT_EQ(read_file(path("x.sum")),
              "Files Processed:\n\ta.etl\n"
              "Total Buffers Processed 1\nTotal Events  Processed 3\nTotal Events  Lost      0\n"
              "Total Format  Errors    0\nTotal Formats Unknown   0\n"
              "Elapsed Time            0 sec\n" +
                  rule +
                  "|EventCount    EventName            EventType   TMF                            "
                  "     |\n" +
                  rule +
                  "|         2    Tick                 P           "
                  "11223344-5566-7788-0102-030405060708|\n"
                  "|         1    EventTrace           Header      "
                  "68fdd900-4a3e-11d1-84f4-0000f80464e3|\n" +
                  rule);
}

TEST_F(Tracefmt, WritesTheSummaryAsJson) {
    write_log("a.etl", {1, 2});
    EXPECT_EQ(run("a.etl -o x -summaryonly -json"), 0);
    const auto json = nlohmann::json::parse(read_file(path("x.sum")));
    const auto expected = nlohmann::json::parse(R"({
        "files": ["a.etl"], "buffers": 1, "events": 3, "events_lost": 0, "events_filtered": 0,
        "format_errors": 0, "formats_unknown": 0, "elapsed_ns": 200000,
        "types": [
            {"event": "Tick", "type": "P", "guid": "11223344-5566-7788-0102-030405060708",
             "count": 2},
            {"event": "EventTrace", "type": "Header",
             "guid": "68fdd900-4a3e-11d1-84f4-0000f80464e3", "count": 1}],
        "processes": [], "disks": [], "connections": []})");
    EXPECT_EQ(json, expected);
}

TEST_F(Tracefmt, WritesTheSummaryAloneIntoAPipe) {
    write_log("a.etl", {1, 2});
    EXPECT_EQ(run("a.etl -o - -summaryonly -json"), 0);
    EXPECT_EQ(nlohmann::json::parse(out_)["events"], 3);
    EXPECT_THAT(err_, HasSubstr("Processing completed"));
    EXPECT_EQ(run("a.etl -o - -summaryonly"), 0);
    EXPECT_THAT(out_, HasSubstr("Files Processed:\n\ta.etl\n"));
    EXPECT_FALSE(exists("FmtSum.txt"));
}

TEST_F(Tracefmt, KeepsAPipeClean) {
    write_log("a.etl", {1, 2});
    EXPECT_EQ(run("a.etl -o - -noprefix"), 0);
    EXPECT_EQ(count(out_, "Tick: n="), 2u);
    EXPECT_EQ(count(out_, ""), 3u);  // the header event, and nothing but events
    EXPECT_THAT(err_, HasSubstr("Processing completed"));
    EXPECT_FALSE(exists("FmtFile.txt"));
    EXPECT_FALSE(exists("FmtSum.txt"));
}

TEST_F(Tracefmt, DisplaysBesideTheFile) {
    write_log("a.etl", {1, 2});
    EXPECT_EQ(run("a.etl -display -o x"), 0);
    EXPECT_EQ(out_, read_file(path("x")));
    EXPECT_EQ(run("a.etl -displayonly -o y"), 0);
    EXPECT_EQ(count(out_, "Tick"), 2u);
    EXPECT_FALSE(exists("y"));
    EXPECT_TRUE(exists("y.sum"));
}

TEST_F(Tracefmt, PrintsJsonLines) {
    write_log("a.etl", {5});
    EXPECT_EQ(run("a.etl -json -displayonly -nosummary"), 0);
    std::istringstream lines(out_);
    std::string line;
    std::getline(lines, line);
    EXPECT_EQ(nlohmann::json::parse(line)["event"], "EventTrace/Header");
    std::getline(lines, line);
    const auto json = nlohmann::json::parse(line);
    EXPECT_EQ(json["fields"]["n"], 5);
    EXPECT_EQ(json["time"], "2003-10-23T12:27:40.1735000Z");
}

// The last digits of the events of a text.
std::string numbers_of(const std::string& text) {
    std::string numbers;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("Tick: n=")) numbers += line.back();
    }
    return numbers;
}

TEST_F(Tracefmt, MergesLogsByTime) {
    write_log("a.etl", {1, 4, 5});
    write_log("b.etl", {2, 3, 6});
    EXPECT_EQ(run("a.etl b.etl -o - -noprefix"), 0);
    EXPECT_EQ(numbers_of(out_), "123456");
}

// As the shell gives the files of -newfile: the tenth before the ninth.
TEST_F(Tracefmt, MergesLogsByTheirClockWhereTheTimeIsTheSame) {
    constexpr int64_t kFrequency = 100'000'000'000;  // ten events in 100 ns
    write_log("s10.etl", {3, 4}, 0, kFrequency);
    write_log("s9.etl", {1, 2}, 0, kFrequency);
    EXPECT_EQ(run("s10.etl s9.etl -o - -noprefix"), 0);
    EXPECT_EQ(numbers_of(out_), "1234");
}

TEST_F(Tracefmt, SaysThatEventsWereLost) {
    write_log("a.etl", {1}, 7);
    EXPECT_EQ(run("a.etl"), 3);
    EXPECT_THAT(out_, HasSubstr("EventsLost: 7"));
    EXPECT_THAT(err_, HasSubstr("tracefmt: a.etl: the session lost 7 events and 0 buffers\n"));
}

TEST_F(Tracefmt, SaysThatBuffersAreDamaged) {
    write_log("a.etl", std::vector<uint32_t>(200, 1));
    std::fstream file(path("a.etl"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096 + 72 + 2);
    file.put('\xEE');  // the first record's header type
    file.close();
    EXPECT_EQ(run("a.etl"), 3);
    EXPECT_THAT(err_, HasSubstr("1 damaged buffers"));
    EXPECT_GT(count(read_file(path("FmtFile.txt")), "Tick"), 0u);
}

TEST_F(Tracefmt, NamesWhatIsWrongWithTheInput) {
    EXPECT_EQ(run("missing.etl"), 1);
    EXPECT_THAT(err_, HasSubstr("tracefmt: missing.etl: no such file"));
    std::ofstream(path("empty.etl"));
    EXPECT_EQ(run("empty.etl"), 1);
    EXPECT_THAT(err_, HasSubstr("the file is empty"));
    std::ofstream(path("text.etl")) << std::string(10'000, 'x');
    EXPECT_EQ(run("text.etl"), 1);
    EXPECT_THAT(err_, HasSubstr("not an event trace log"));
    EXPECT_EQ(run("."), 1);
    EXPECT_THAT(err_, HasSubstr("is a folder"));
    EXPECT_FALSE(exists("FmtFile.txt"));  // nothing was begun
}

TEST_F(Tracefmt, DoesNotWriteOverItsInput) {
    write_log("a.etl", {1});
    const std::string before = read_file(path("a.etl"));
    std::filesystem::create_hard_link(path("a.etl"), path("link"));
    for (const char* arguments : {"a.etl -o a.etl", "a.etl -o link", "a.etl -o ./a.etl"}) {
        EXPECT_EQ(run(arguments), 1) << arguments;
        EXPECT_THAT(err_, HasSubstr("is the log itself"));
    }
    EXPECT_EQ(read_file(path("a.etl")), before);
}

TEST_F(Tracefmt, ReportsAnOutputThatFails) {
    write_log("a.etl", {1});
    EXPECT_EQ(run("a.etl -o no/such/folder"), 1);
    EXPECT_THAT(err_, HasSubstr("tracefmt: no/such/folder: "));
}

TEST_F(Tracefmt, ExplainsUsageErrors) {
    EXPECT_EQ(run("-jsn"), 2);
    EXPECT_THAT(err_, HasSubstr("did you mean -json?"));
}

// What Microsoft's library printed for the same file.
TEST_F(Tracefmt, AgreesWithTheBaselineOfWindows) {
    const std::string log = std::filesystem::absolute(etw::test::shared_folder() +
                                                      "/data/etl/microsoft.net.4.5.2.x86.etl")
                                .string();
    if (!std::filesystem::exists(log)) GTEST_SKIP() << "no " << log;
    EXPECT_EQ(run("'" + log + "' -utc -o x"), 0);
    EXPECT_THAT(out_, HasSubstr("Events: 168298,"));
    const std::string text = read_file(path("x"));
    EXPECT_EQ(count(text, ""), 168'298u);
    EXPECT_EQ(count(text, "]PerfInfo/SampleProf: "), 88'809u);
    EXPECT_EQ(count(text,
                    "SystemDirectory=\"C:\\\\Windows\\\\system32\" "
                    "SystemWindowsDirectory=\"C:\\\\Windows\\\\\""),
              1u);
    EXPECT_EQ(count(text, "BufferSize=65536 MajorVersion=6 MinorVersion=2 "), 1u);
    EXPECT_EQ(count(text, "SessionName=\"Relogger\" LogFileName=\"[multiple files]\""), 1u);
}

}  // namespace
}  // namespace etw::cli
