// tracefmt as a process in a folder with logs that our writer made.
#pragma once
#include "../decode/event_builder.h"
#include "cli/tracefmt.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace etw::cli::test {

using decode::Type;
using decode::test::kStartRaw;
using decode::test::SchemaBuilder;

inline Result<TracefmtOptions, UsageError> parse_words(std::vector<std::string> words) {
    std::vector<char*> args;
    for (std::string& word : words) args.push_back(word.data());
    return parse_tracefmt(args);
}

inline std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

// A folder with a log in it, and the tool run there.
class Tracefmt : public testing::Test {
protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "etw_tracefmt_XXXXXX";
        folder_ = ::mkdtemp(name.data());
    }
    void TearDown() override {
        std::error_code ignored;
        if (!HasFailure()) std::filesystem::remove_all(folder_, ignored);
    }

    std::string path(const std::string& name) const { return folder_ + "/" + name; }

    void write_log(const std::string& name, std::vector<uint32_t> values, uint64_t lost = 0) {
        decode::test::LogFileWriter log(path(name), 4096);
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
        const std::string command = fmt::format("cd '{}' && TZ={} {} '{}' {} >out 2>err", folder_,
                                                zone_, environment_, ETW_TRACEFMT, arguments);
        const int status = std::system(command.c_str());
        out_ = read_file(path("out"));
        err_ = read_file(path("err"));
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    bool exists(const std::string& name) const { return std::filesystem::exists(path(name)); }
    // Lines of a text with `word` in them.
    static size_t count(const std::string& text, const std::string& word) {
        std::istringstream lines(text);
        size_t n = 0;
        for (std::string line; std::getline(lines, line);) n += line.find(word) != line.npos;
        return n;
    }

    std::string folder_, out_, err_;
    std::string zone_ = "UTC", environment_;  // of the next run; the latter as NAME=value
};

}  // namespace etw::cli::test
