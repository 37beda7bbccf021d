// tracefmt as a process in a folder with logs that our writer made.
#pragma once
#include "../decode/event_builder.h"
#include "cli/tracefmt.h"
#include "support/temp_folder.h"
#include "support/tool_run.h"

#include <gtest/gtest.h>

#include <sstream>

namespace etw::cli::test {

using decode::Type;
using decode::test::kStartRaw;
using decode::test::SchemaBuilder;
using etw::test::read_file;

inline Result<TracefmtOptions, UsageError> parse_words(std::vector<std::string> words) {
    std::vector<char*> args;
    for (std::string& word : words) args.push_back(word.data());
    return parse_tracefmt(args);
}

// A folder with a log in it, and the tool run there.
class Tracefmt : public testing::Test {
protected:
    std::string path(const std::string& name) const { return folder_ / name; }

    void write_log(const std::string& name, std::vector<uint32_t> values, uint64_t lost = 0,
                   int64_t frequency = 10'000'000) {
        decode::test::LogFileWriter log(path(name), 4096, frequency);
        const auto extended = decode::test::describing_chain(
            SchemaBuilder("Tick").field("n", Type::kUInt32).build(), decode::test::traits("P"));
        for (const uint32_t n : values) {
            ByteWriter payload;
            payload.write(n);
            const int64_t time = kStartRaw + int64_t{n} * 1000;
            log.add(time, decode::test::stored_event(time, extended, payload.bytes()));
        }
        log.finish(lost);
    }

    // Runs `tracefmt arguments` in the folder; returns the exit status.
    int run(const std::string& arguments) {
        const int status =
            etw::test::run_tool({ETW_TRACEFMT, arguments, folder_.path(), environment_, {}});
        out_ = read_file(path("out"));
        err_ = read_file(path("err"));
        return status;
    }
    bool exists(const std::string& name) const { return folder_.has(name); }
    // Lines of a text with `word` in them.
    static size_t count(const std::string& text, const std::string& word) {
        std::istringstream lines(text);
        size_t n = 0;
        for (std::string line; std::getline(lines, line);) n += line.find(word) != line.npos;
        return n;
    }

    etw::test::TempFolder folder_;
    std::string out_, err_;
    std::vector<std::string> environment_ = {"TZ=UTC"};  // of the next run
};

}  // namespace etw::cli::test
