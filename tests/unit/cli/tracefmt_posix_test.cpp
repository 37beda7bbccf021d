// tracefmt among pipes, signals and links, as shells have them.
#include "tracefmt_fixture.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <sys/types.h>
#include <sys/wait.h>

#include <csignal>
#include <numeric>
#include <thread>

namespace etw::cli {
namespace {

using test::read_file;
using test::Tracefmt;
using testing::HasSubstr;

TEST_F(Tracefmt, DoesNotWriteOverItsInputThroughALink) {
    write_log("a.etl", {1});
    const std::string before = read_file(path("a.etl"));
    std::filesystem::create_symlink("a.etl", path("link"));
    EXPECT_EQ(run("a.etl -o link"), 1);
    EXPECT_THAT(err_, HasSubstr("is the log itself"));
    EXPECT_EQ(read_file(path("a.etl")), before);
}

TEST_F(Tracefmt, ReportsADeviceThatIsFull) {
    if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
    write_log("a.etl", {1});
    EXPECT_EQ(run("a.etl -o /dev/full -nosummary"), 1);
    EXPECT_THAT(err_, HasSubstr("not enough space on the disk"));
}

TEST_F(Tracefmt, WritesSeveralOutputsToADevice) {
    write_log("a.etl", {1});
    EXPECT_EQ(run("a.etl -perfetto /dev/null -relog /dev/null"), 0) << err_;
}

TEST_F(Tracefmt, EndsQuietlyWhenThePipeIsClosed) {
    write_log("a.etl", std::vector<uint32_t>(50'000));
    const std::string command =
        fmt::format("cd '{}' && {{ '{}' a.etl -o - 2>err; echo $? >status; }} | head -1 >first",
                    folder_.path(), ETW_TRACEFMT);
    EXPECT_EQ(std::system(command.c_str()), 0);
    EXPECT_EQ(read_file(path("status")), "0\n");
    EXPECT_EQ(count(read_file(path("first")), "EventTrace/Header"), 1u);
    EXPECT_EQ(count(read_file(path("err")), "tracefmt:"), 0u);
}

// `tracefmt ... 2>&1 | head`: reports have no reader either.
TEST_F(Tracefmt, EndsQuietlyWhenNobodyReadsItsReports) {
    write_log("a.etl", {1});
    const std::string command = fmt::format(
        "cd '{}' && mkfifo pipe && {{ : <pipe & exec 3>pipe; wait; "
        "'{}' a.etl -displayonly >&3 2>&3; echo $? >status; }}",
        folder_.path(), ETW_TRACEFMT);
    EXPECT_EQ(std::system(command.c_str()), 0);
    EXPECT_EQ(read_file(path("status")), "0\n");
}

// What it says is not what it writes.
TEST_F(Tracefmt, GoesOnWhereItsReportsCannotBeWritten) {
    if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
    std::vector<uint32_t> many(60'000);
    std::iota(many.begin(), many.end(), 0u);
    write_log("a.etl", many);  // of so many buffers that -v overflows the stream's own memory
    const auto status_of = [&](const std::string& arguments) {
        const std::string command = fmt::format("cd '{}' && '{}' {} >/dev/full 2>/dev/full",
                                                folder_.path(), ETW_TRACEFMT, arguments);
        return std::system(command.c_str());
    };
    EXPECT_EQ(status_of("a.etl -v -o text"), 0);
    EXPECT_EQ(count(read_file(path("text")), "Tick: "), many.size());
    EXPECT_TRUE(exists("text.sum"));
    EXPECT_EQ(WEXITSTATUS(status_of("-bogus")), 2);
    EXPECT_EQ(WEXITSTATUS(status_of("nosuch.etl")), 1);
}

TEST_F(Tracefmt, WritesTheFileToItsEndWhenTheDisplayIsClosed) {
    write_log("a.etl", std::vector<uint32_t>(50'000));
    const std::string command =
        fmt::format("cd '{}' && {{ '{}' a.etl -display -o text 2>err; echo $? >status; }} | true",
                    folder_.path(), ETW_TRACEFMT);
    EXPECT_EQ(std::system(command.c_str()), 0);
    EXPECT_EQ(read_file(path("status")), "0\n");
    EXPECT_EQ(count(read_file(path("text")), "Tick: "), 50'000u);
    EXPECT_THAT(read_file(path("text.sum")), HasSubstr("Total Events  Processed 50001\n"));
}

// Interrupted in the middle: every line and the document whole, the summary of what was written.
TEST_F(Tracefmt, EndsWholeWhenInterrupted) {
    write_log("a.etl", std::vector<uint32_t>(50'000, 7));
    const std::string pipe = path("pipe");
    ASSERT_EQ(std::system(("mkfifo '" + pipe + "'").c_str()), 0);
    const std::string command = fmt::format(
        "cd '{}' && {{ '{}' a.etl -xml -o pipe 2>err & echo $! >pid; wait $!; echo $? >status; }} "
        "&",
        folder_.path(), ETW_TRACEFMT);
    ASSERT_EQ(std::system(command.c_str()), 0);
    std::ifstream output(pipe, std::ios::binary);
    std::string xml(100, '\0');
    output.read(xml.data(), 100);  // it writes, and waits for us
    pid_t process = 0;
    std::ifstream(path("pid")) >> process;
    ASSERT_GT(process, 0);
    ASSERT_EQ(::kill(process, SIGTERM), 0);  // a shell has its background jobs ignore SIGINT
    std::stringstream rest;
    rest << output.rdbuf();
    xml += rest.str();
    EXPECT_TRUE(xml.ends_with("</Event>\n</Events>\n"));
    const size_t events = count(xml, "<Event xmlns=");
    EXPECT_LT(events, 50'001u);
    while (read_file(path("status")).empty()) std::this_thread::yield();
    EXPECT_EQ(read_file(path("status")), "130\n");
    EXPECT_THAT(read_file(path("err")),
                HasSubstr("tracefmt: interrupted; the output is whole up to "
                          "2003-10-23T12:27:40."));
    EXPECT_THAT(read_file(path("pipe.sum")),
                HasSubstr(fmt::format("Total Events  Processed {}\n", events)));
}

}  // namespace
}  // namespace etw::cli
