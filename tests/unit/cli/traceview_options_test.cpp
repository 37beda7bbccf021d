#include "cli/traceview_options.h"

#include "command_line.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace etw::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kGuid[] = "d58c126f-b309-11d1-969e-0000f875a5bc";

TraceviewOptions parsed(CommandLine line) {
    const auto options = parse_traceview(line, session::kLinux);
    EXPECT_TRUE(options) << (options ? "" : options.error().message);
    return options ? *options : TraceviewOptions();
}

std::string refusal(CommandLine line) {
    const auto options = parse_traceview(line, session::kLinux);
    EXPECT_FALSE(options);
    return options ? "" : options.error().message;
}

TEST(TraceviewLine, ControlCommandsAreThoseOfTracelog) {
    const auto o = parsed({"-start", "S", "-guid", kGuid, "/FLAG", "0x3", "-level", "5", "-f",
                           "/tmp/x.etl", "-cir", "4", "-max", "40"});
    EXPECT_EQ(o.command, TraceviewCommand::kControl);
    EXPECT_EQ(o.control.action, TracelogAction::kStart);
    EXPECT_EQ(o.control.session, "S");
    EXPECT_THAT(o.control.provider_sources, ElementsAre(kGuid));
    EXPECT_EQ(o.control.properties.enable_flags, 3u);
    EXPECT_EQ(o.control.properties.log_file, "/tmp/x.etl");
    EXPECT_EQ(o.control.properties.maximum_file_size, 4u);
    EXPECT_EQ(o.control.properties.maximum_buffers, 40u);
    EXPECT_EQ(o.join, Join::kAsk);
    EXPECT_FALSE(o.display);
}

TEST(TraceviewLine, DefaultsAreThoseOfTracelog) {
    EXPECT_EQ(parsed({"-start", "S", "-guid", kGuid, "-f"}).control.properties.log_file,
              kDefaultLogFile);
    const auto sizes = parsed({"-start", "S", "-guid", kGuid, "-seq"}).control;
    EXPECT_EQ(sizes.properties.maximum_file_size, 0u);
    EXPECT_THAT(sizes.notes, ElementsAre(HasSubstr("-seq without a size")));
}

TEST(TraceviewLine, ANameIsNeeded) {
    for (const char* action : {"-start", "-stop", "-q", "-update", "-enable", "-disable", "-flush"})
        EXPECT_THAT(refusal({action}), HasSubstr("needs a session name"));
    EXPECT_THAT(refusal({"-stop", "-json"}), HasSubstr("-stop needs a session name"));
}

TEST(TraceviewLine, NothingAtAllShowsItsOwnHelp) {
    const auto options = parse_traceview(CommandLine{}, session::kLinux);
    ASSERT_FALSE(options);
    EXPECT_EQ(options.error().help, kTraceviewHelp);
}

TEST(TraceviewLine, WhatItDoesNotDocumentIsRefusedByName) {
    EXPECT_EQ(refusal({"-start", "S", "-guid", kGuid, "-matchanykw", "1"}),
              "traceview has no -matchanykw; tracelog has: tracelog -matchanykw");
    EXPECT_EQ(refusal({"-q", "S", "-lp"}), "traceview has no -lp; tracelog has: tracelog -lp");
    EXPECT_THAT(refusal({"-process", "-hires"}), HasSubstr("traceview has no -hires"));
    EXPECT_THAT(parsed({"-start", "S", "-kd"}).control.refusal->detail,
                HasSubstr("kernel debugger"));
    EXPECT_THAT(refusal({"-process", "-csvheader"}), HasSubstr("traceview has no -csvheader"));
    EXPECT_THAT(refusal({"-process", "-ods"}), HasSubstr("-display"));
    EXPECT_THAT(refusal({"-q", "S", "-nonsense"}), HasSubstr("unknown option '-nonsense'"));
    EXPECT_THAT(refusal({"-q", "S", "stray"}), HasSubstr("Invalid option given: stray"));
}

TEST(TraceviewLine, AgeIsAcceptedWithANote) {
    EXPECT_THAT(parsed({"-start", "S", "-guid", kGuid, "-age", "10"}).control.notes,
                ElementsAre(HasSubstr("-age has no effect")));
}

TEST(TraceviewLine, JoinTakesOneOfThreeAnswers) {
    EXPECT_EQ(parsed({"-start", "S", "-guid", kGuid, "-join", "YES"}).join, Join::kYes);
    EXPECT_EQ(parsed({"-start", "S", "-guid", kGuid, "-join=no"}).join, Join::kNo);
    EXPECT_EQ(parsed({"-start", "S", "-guid", kGuid, "-join", "cancel"}).join, Join::kCancel);
    EXPECT_THAT(refusal({"-start", "S", "-join", "maybe"}), HasSubstr("'maybe' is not yes, no"));
    EXPECT_EQ(refusal({"-stop", "S", "-join", "no"}), "-join goes with -start");
    EXPECT_EQ(refusal({"-stop", "S", "-display"}), "-display goes with -start");
}

TEST(TraceviewLine, AnUnquotedHashIsExplained) {
    EXPECT_THAT(refusal({"-start", "S", "-guid"}), HasSubstr("quote it"));
}

TEST(TraceviewLine, ProcessIsTracefmt) {
    const auto defaults = parsed({"-process"});
    EXPECT_EQ(defaults.command, TraceviewCommand::kProcess);
    EXPECT_THAT(defaults.format.inputs, ElementsAre(kDefaultLogFile));
    const auto o = parsed({"-process", "my.etl", "-p", "/tmp", "-o", "my.txt", "-noprefix"});
    EXPECT_THAT(o.format.inputs, ElementsAre("my.etl"));
    EXPECT_EQ(o.format.output, "my.txt");
    EXPECT_FALSE(o.format.render.prefix);
    const auto csv = parsed({"-process", "my.etl", "-csv", "-v"});
    EXPECT_EQ(csv.format.render.format, render::Format::kCsv);
    EXPECT_TRUE(csv.format.buffers);
    EXPECT_THAT(parsed({"/process", "/tmp/x.etl"}).format.inputs, ElementsAre("/tmp/x.etl"));
    for (const char* spelled : {"-process=my.etl", "--process=my.etl", "\u2013Process=my.etl"})
        EXPECT_THAT(parsed({spelled}).format.inputs, ElementsAre("my.etl")) << spelled;
}

TEST(TraceviewLine, HelpIsHelpWithEitherCommand) {
    EXPECT_EQ(parsed({"-h"}).command, TraceviewCommand::kHelp);
    EXPECT_EQ(parsed({"/?"}).command, TraceviewCommand::kHelp);
    EXPECT_EQ(parsed({"-process", "-h"}).command, TraceviewCommand::kHelp);
}

TEST(TraceviewLine, ParsepdbIsTracepdbWithControlFiles) {
    const auto options = parsed({"-parsepdb", "x.pdb", "-p", "y"});
    EXPECT_EQ(options.command, TraceviewCommand::kParsePdb);
    EXPECT_THAT(options.pdb.files, ElementsAre("x.pdb"));
    EXPECT_EQ(options.pdb.folder, "y");
    EXPECT_TRUE(options.pdb.control_files);
    EXPECT_EQ(parsed({"-parsepdb", "x.pdb"}).pdb.folder, ".");
    EXPECT_THAT(parsed({"-parsepdb", "a.pdb", "b.pdb"}).pdb.files, ElementsAre("a.pdb", "b.pdb"));
    EXPECT_EQ(parsed({"-parsepdb", "x.pdb", "-h"}).command, TraceviewCommand::kHelp);
}

TEST(TraceviewLine, ProcessTakesFormatsOfTraceMessages) {
    const auto options = parsed({"-process", "x.etl", "-tmf", "a.tmf", "-p", "y"});
    EXPECT_THAT(options.format.messages.tmf_files, ElementsAre("a.tmf"));
    EXPECT_EQ(options.format.messages.folder, "y");
    EXPECT_TRUE(options.notes.empty());
}

TEST(TraceviewLine, TheHelpTextIsTheGoldenOne) {
    std::ifstream in(std::filesystem::path(ETW_GOLDEN_DIR) / "traceview_help.txt");
    std::stringstream golden;
    golden << in.rdbuf();
    EXPECT_EQ(golden.str(), kTraceviewHelp);
}

}  // namespace
}  // namespace etw::cli
