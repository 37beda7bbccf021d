#pragma once
#include "log_builder.h"
#include "support/shared_folder.h"
#include "support/temp_folder.h"

#include <gtest/gtest.h>

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

namespace etw::etl::test {

using etw::test::TempFolder;

const std::string kChecker = etw::test::shared_folder() + "/tools/etlcheck.py";

// Runs the independent checker; its exit status is 0 where the file passes.
inline void expect_passes(const std::string& path, const char* level) {
    if (::access(kChecker.c_str(), R_OK) != 0 || std::system("python3 -V >/dev/null 2>&1") != 0) {
        GTEST_SKIP() << "no python3 or no " << kChecker;
    }
    const std::string report = path + ".report";
    const std::string command =
        "python3 " + kChecker + " " + level + " --pretty '" + path + "' >" + report;
    const int status = std::system(command.c_str());
    std::ifstream in(report);
    EXPECT_EQ(status, 0) << std::string(std::istreambuf_iterator<char>(in), {});
}

inline ByteVector contents(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(in), {});
    const Bytes bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

inline wire::BufferHeader header_in(const ByteVector& file, size_t buffer) {
    wire::BufferHeader header;
    std::memcpy(&header, file.data() + buffer * kBufferSize, sizeof(header));
    return header;
}

// Buffers with two events each, times rising from `first` by 10 for each buffer.
struct Batch {
    Batch(size_t count, int64_t first, size_t payload = 40) {
        for (size_t i = 0; i < count; ++i) {
            const int64_t time = first + int64_t(i) * 10;
            records.push_back(joined({event(time, payload), event(time + 5, payload)}));
        }
        for (size_t i = 0; i < count; ++i) {
            buffers.push_back({.cpu = uint16_t(i % 2),
                               .time_stamp = first + int64_t(i) * 10 + 5,
                               .records = records[i]});
        }
    }
    operator std::span<const BufferData>() const { return buffers; }

    std::vector<ByteVector> records;
    std::vector<BufferData> buffers;
};

inline LogTotals totals_of(const LogWriter& log) {
    return {.buffers_written = log.position().buffers_written,
            .events_lost = 3,
            .buffers_lost = 1,
            .end_time = kStartTime + 60 * 10'000'000};
}

class LogWriterTest : public testing::Test {
protected:
    LogWriter create(uint64_t limit = 0) {
        auto file = File::create(path_, true);
        EXPECT_TRUE(file);
        auto log = LogWriter::create(*std::move(file), info_, limit);
        EXPECT_TRUE(log) << log.error().what;
        return *std::move(log);
    }
    File reopen() {
        auto file = File::create(path_, false);
        EXPECT_TRUE(file);
        return *std::move(file);
    }
    ReadLog read() {
        auto reader = LogReader::open(path_);
        EXPECT_TRUE(reader);
        return read_all(*reader);
    }

    TempFolder folder_;
    std::string path_ = folder_ / "log.etl";
    LogFileInfo info_ = log_info();
};

// Runs `body` with a limit on the size of files, which the kernel answers like a full disk.
template <class Body>
void with_file_limit(uint64_t bytes, Body body) {
    rlimit old{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
    rlimit limited = old;
    limited.rlim_cur = bytes;
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limited), 0);
    body();
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
    std::signal(SIGXFSZ, handler);
}

inline std::vector<int64_t> times(int64_t first, size_t buffers) {
    std::vector<int64_t> out(buffers * 2);
    for (size_t i = 0; i < out.size(); ++i) out[i] = first + int64_t(i) * 5;
    return out;
}

}  // namespace etw::etl::test
