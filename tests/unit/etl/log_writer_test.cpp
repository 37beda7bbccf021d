#include "etl/log_writer.h"

#include "log_builder.h"
#include "temp_folder.h"

#include <gtest/gtest.h>

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <numeric>

namespace etw::etl {
namespace {

using namespace test;

constexpr const char* kChecker = ETW_SHARED_DIR "/tools/etlcheck.py";

// Runs the independent checker; its exit status is 0 where the file passes.
void expect_passes(const std::string& path, const char* level) {
    if (::access(kChecker, R_OK) != 0 || std::system("python3 -V >/dev/null 2>&1") != 0) {
        GTEST_SKIP() << "no python3 or no " << kChecker;
    }
    const std::string report = path + ".report";
    const std::string command =
        std::string("python3 ") + kChecker + " " + level + " --pretty '" + path + "' >" + report;
    const int status = std::system(command.c_str());
    std::ifstream in(report);
    EXPECT_EQ(status, 0) << std::string(std::istreambuf_iterator<char>(in), {});
}

ByteVector contents(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(in), {});
    const Bytes bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

wire::BufferHeader header_in(const ByteVector& file, size_t buffer) {
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

LogTotals totals_of(const LogWriter& log) {
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

std::vector<int64_t> times(int64_t first, size_t buffers) {
    std::vector<int64_t> out(buffers * 2);
    for (size_t i = 0; i < out.size(); ++i) out[i] = first + int64_t(i) * 5;
    return out;
}

TEST_F(LogWriterTest, FinishedLogIsWhatAWindowsSystemWrites) {
    LogWriter log = create();
    ASSERT_TRUE(log.write(Batch(5, kStartRaw)));
    ASSERT_TRUE(log.write(Batch(3, kStartRaw + 50)));
    ASSERT_TRUE(log.finish(totals_of(log)));
    expect_passes(path_, "--strictest");

    auto reader = LogReader::open(path_);
    ASSERT_TRUE(reader);
    EXPECT_TRUE(reader->finished());
    EXPECT_EQ(reader->events_lost(), 3u);
    EXPECT_EQ(reader->buffers_lost(), 1u);
    EXPECT_EQ(reader->header().fixed.buffers_written, 9u);
    EXPECT_EQ(reader->header().logger_name, "test session");
    EXPECT_EQ(reader->header().log_file_name, "/tmp/test.etl");
    EXPECT_EQ(read_all(*reader).times, times(kStartRaw, 8));
}

TEST_F(LogWriterTest, LogWithoutAnyDataPasses) {
    LogWriter log = create();
    ASSERT_TRUE(log.finish(totals_of(log)));
    expect_passes(path_, "--strictest");
}

TEST_F(LogWriterTest, LargestBuffersUseTheLaterFormatAndPass) {
    info_.buffer_size = 2 * 1024 * 1024;
    LogWriter log = create();
    ASSERT_TRUE(log.write(Batch(2, kStartRaw)));
    ASSERT_TRUE(log.finish(totals_of(log)));
    expect_passes(path_, "--strictest");
    EXPECT_EQ(read().times, times(kStartRaw, 2));
}

TEST_F(LogWriterTest, SystemClockLogPasses) {
    info_.clock = ClockType::kSystemTime;
    info_.start_raw = info_.start_time;
    LogWriter log = create();
    ASSERT_TRUE(log.write(Batch(2, kStartTime)));
    ASSERT_TRUE(log.finish(totals_of(log)));
    expect_passes(path_, "--strictest");
}

TEST_F(LogWriterTest, NamesThatDoNotFitAreCutBetweenCharacters) {
    info_.logger_name = std::string(1023, 'n');
    info_.log_file_name = "";
    for (int i = 0; i < 1000; ++i) info_.log_file_name += "\xF0\x9F\x98\x80";
    LogWriter log = create();
    ASSERT_TRUE(log.finish(totals_of(log)));
    auto reader = LogReader::open(path_);
    ASSERT_TRUE(reader);
    EXPECT_EQ(reader->header().logger_name.size(), 927u);
    EXPECT_GT(reader->header().log_file_name.size(), 1000u);
    EXPECT_EQ(reader->header().log_file_name.size() % 4, 0u);
    expect_passes(path_, "--strictest");
}

TEST_F(LogWriterTest, LogThatGoesOnAfterFinishHasOnlyOneEndMark) {
    LogWriter log = create();
    ASSERT_TRUE(log.write(Batch(2, kStartRaw)));
    ASSERT_TRUE(log.finish(totals_of(log)));
    EXPECT_EQ(header_in(contents(path_), 2).flags, 0x21);
    ASSERT_TRUE(log.write(Batch(2, kStartRaw + 20)));
    EXPECT_EQ(header_in(contents(path_), 2).flags, 0x20);
    ASSERT_TRUE(log.finish(totals_of(log)));
    EXPECT_EQ(header_in(contents(path_), 4).flags, 0x21);
    expect_passes(path_, "--strictest");
}

TEST_F(LogWriterTest, ResumedLogClearsTheEndMarkOfAFinishBefore) {
    LogPosition position;
    {
        LogWriter log = create();
        ASSERT_TRUE(log.write(Batch(2, kStartRaw)));
        ASSERT_TRUE(log.finish(totals_of(log)));
        position = log.position();
    }
    auto log = LogWriter::resume(reopen(), info_, 0, position);
    ASSERT_TRUE(log);
    ASSERT_TRUE(log->write(Batch(2, kStartRaw + 20)));
    ASSERT_TRUE(log->finish(totals_of(*log)));
    expect_passes(path_, "--strictest");
    EXPECT_EQ(read().times, times(kStartRaw, 4));
}

TEST_F(LogWriterTest, SequentialLimitTakesWhatFitsAndSaysSo) {
    LogWriter log = create(kBufferSize * 4 + 100);
    const auto done = log.write(Batch(5, kStartRaw));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Code::kMoreData);
    EXPECT_EQ(log.position().buffers_written, 4u);
    const auto again = log.write(Batch(1, kStartRaw + 100));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Code::kMoreData);
    ASSERT_TRUE(log.finish(totals_of(log)));
    expect_passes(path_, "--strictest");
    EXPECT_EQ(read().times, times(kStartRaw, 3));
}

TEST_F(LogWriterTest, RefusesRecordsThatDoNotFitABuffer) {
    LogWriter log = create();
    const ByteVector large(kBufferSize - sizeof(wire::BufferHeader) + 8);
    const ByteVector odd(12);
    for (const ByteVector& records : {large, odd}) {
        const BufferData buffer{.time_stamp = kStartRaw, .records = records};
        const auto done = log.write({&buffer, 1});
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error().code, Code::kInvalidParameter);
    }
    EXPECT_EQ(log.position().buffers_written, 1u);
}

TEST_F(LogWriterTest, CreateRefusesSizesThatNoLogHas) {
    for (const auto& [size, mode, limit] : {std::tuple{2048u, kModeSequential, 0u},
                                            {32u << 20, kModeSequential, 0u},
                                            {4096u, kModeCircular, 4096u},
                                            {4096u, kModeSequential, 100u}}) {
        info_.buffer_size = size;
        info_.log_file_mode = mode;
        const auto log = LogWriter::create(reopen(), info_, limit);
        ASSERT_FALSE(log);
        EXPECT_EQ(log.error().code, Code::kInvalidParameter);
    }
}

TEST_F(LogWriterTest, BatchLargerThanOneSystemCallTakesIsWrittenWhole) {
    info_.buffer_size = 64 * 1024;
    LogWriter log = create();
    ASSERT_TRUE(log.write(Batch(700, kStartRaw)));
    ASSERT_TRUE(log.finish(totals_of(log)));
    expect_passes(path_, "--strictest");
    EXPECT_EQ(read().times, times(kStartRaw, 700));
}

// --- circular ------------------------------------------------------------------------------------

class CircularLog : public LogWriterTest {
protected:
    CircularLog() { info_.log_file_mode = kModeCircular; }
    static constexpr uint64_t kLimit = kBufferSize * 6;  // the header buffer and 5 more
};

TEST_F(CircularLog, BeforeTheFirstWrapItIsLikeASequentialOne) {
    LogWriter log = create(kLimit);
    ASSERT_TRUE(log.write(Batch(5, kStartRaw)));
    EXPECT_EQ(log.position().wraps, 0u);
    ASSERT_TRUE(log.finish(totals_of(log)));
    expect_passes(path_, "--strictest");
    EXPECT_EQ(read().times, times(kStartRaw, 5));
}

TEST_F(CircularLog, KeepsTheNewestBuffersInReadingOrderWhereverTheyAre) {
    for (size_t count = 6; count <= 17; ++count) {
        LogWriter log = create(kLimit);
        for (size_t i = 0; i < count; ++i) {
            ASSERT_TRUE(log.write(Batch(1, kStartRaw + int64_t(i) * 10)));
        }
        ASSERT_TRUE(log.finish(totals_of(log)));
        EXPECT_EQ(contents(path_).size(), kLimit);
        expect_passes(path_, "--strict");
        const ReadLog got = read();
        EXPECT_EQ(got.times, times(kStartRaw + int64_t(count - 5) * 10, 5)) << count;
        EXPECT_EQ(got.damage.first, "");
    }
}

TEST_F(CircularLog, OneBatchThatWrapsMoreThanOnceKeepsItsNewest) {
    LogWriter log = create(kLimit + 77);
    ASSERT_TRUE(log.write(Batch(13, kStartRaw)));
    EXPECT_EQ(log.position().wraps, 2u);
    EXPECT_EQ(log.position().buffers_written, 14u);
    EXPECT_EQ(read().times, times(kStartRaw + 80, 5));  // readable before finish, too
}

TEST_F(CircularLog, GoesOnAtTheSamePlaceAfterAResume) {
    LogPosition position;
    {
        LogWriter log = create(kLimit);
        ASSERT_TRUE(log.write(Batch(8, kStartRaw)));
        position = log.position();
    }
    auto log = LogWriter::resume(reopen(), info_, kLimit, position);
    ASSERT_TRUE(log) << log.error().what;
    ASSERT_TRUE(log->write(Batch(2, kStartRaw + 80)));
    ASSERT_TRUE(log->finish(totals_of(*log)));
    expect_passes(path_, "--strict");
    EXPECT_EQ(read().times, times(kStartRaw + 50, 5));
}

// --- resume --------------------------------------------------------------------------------------

TEST_F(LogWriterTest, ResumeRepeatsAWriteThatWasCutOffAnywhere) {
    const Batch first(2, kStartRaw), second(3, kStartRaw + 20);
    LogPosition before;
    {
        LogWriter log = create();
        ASSERT_TRUE(log.write(first));
        before = log.position();
        ASSERT_TRUE(log.write(second));
    }
    const ByteVector whole = contents(path_);
    for (size_t cut = 0; cut <= whole.size() - before.next_offset; cut += 811) {
        std::filesystem::resize_file(path_, before.next_offset + cut);
        auto log = LogWriter::resume(reopen(), info_, 0, before);
        ASSERT_TRUE(log) << log.error().what;
        EXPECT_EQ(std::filesystem::file_size(path_), before.next_offset);
        ASSERT_TRUE(log->write(second));
        EXPECT_EQ(contents(path_), whole) << cut;
    }
    auto log = LogWriter::resume(reopen(), info_, 0, before);
    ASSERT_TRUE(log);
    ASSERT_TRUE(log->finish(totals_of(*log)));  // the successor had nothing to repeat
    expect_passes(path_, "--strictest");
}

TEST_F(LogWriterTest, WriterKilledInTheMiddleOfWritingLosesNothingThatWasWritten) {
    for (int round = 0; round < 10; ++round) {
        int pipe_ends[2];
        ASSERT_EQ(::pipe(pipe_ends), 0);
        LogWriter log = create();
        const pid_t child = ::fork();
        if (child == 0) {
            for (int64_t time = kStartRaw;; time += 640) {
                if (!log.write(Batch(64, time))) ::_exit(1);
                const LogPosition at = log.position();
                if (::write(pipe_ends[1], &at, sizeof(at)) != sizeof(at)) ::_exit(1);
            }
        }
        ::close(pipe_ends[1]);
        LogPosition at{}, last{};
        for (int i = 0; i <= round; ++i) {
            ASSERT_EQ(::read(pipe_ends[0], &at, sizeof(at)), ssize_t(sizeof(at)));
        }
        ::kill(child, SIGKILL);
        ASSERT_EQ(::waitpid(child, nullptr, 0), child);
        while (::read(pipe_ends[0], &last, sizeof(last)) == ssize_t(sizeof(last))) at = last;
        ::close(pipe_ends[0]);

        auto next = LogWriter::resume(reopen(), info_, 0, at);
        ASSERT_TRUE(next);
        const size_t written = at.buffers_written - 1;
        ASSERT_TRUE(next->write(Batch(64, kStartRaw + int64_t(written) * 10)));
        ASSERT_TRUE(next->finish(totals_of(*next)));
        const ReadLog got = read();
        EXPECT_EQ(got.times, times(kStartRaw, written + 64));
        EXPECT_EQ(got.damage.first, "");
    }
    expect_passes(path_, "--strictest");
}

TEST_F(LogWriterTest, ResumeRefusesAFileThatIsShorterThanItsPosition) {
    LogPosition position;
    {
        LogWriter log = create();
        ASSERT_TRUE(log.write(Batch(2, kStartRaw)));
        position = log.position();
    }
    std::filesystem::resize_file(path_, position.next_offset - 1);
    const auto log = LogWriter::resume(reopen(), info_, 0, position);
    ASSERT_FALSE(log);
    EXPECT_EQ(log.error().code, Code::kInvalidData);
}

TEST_F(LogWriterTest, ResumeRefusesPositionsThatNoWriterLeft) {
    { LogWriter log = create(); }
    LogPosition odd{.next_offset = kBufferSize + 1};
    EXPECT_FALSE(LogWriter::resume(reopen(), info_, 0, odd));
    EXPECT_FALSE(LogWriter::resume(reopen(), info_, 0, LogPosition{}));
}

// --- append --------------------------------------------------------------------------------------

class AppendedLog : public LogWriterTest {
protected:
    void SetUp() override {
        LogWriter log = create();
        ASSERT_TRUE(log.write(Batch(3, kStartRaw)));
        ASSERT_TRUE(log.finish(totals_of(log)));
    }
};

TEST_F(AppendedLog, ContinuesSequencesAndPatchesTheHeader) {
    info_.start_raw += 1000;
    info_.start_time += 1000;
    auto log = LogWriter::append(reopen(), info_);
    ASSERT_TRUE(log) << log.error().what;
    EXPECT_EQ(log->position().sequence, 3);
    EXPECT_EQ(log->position().buffers_written, 4u);
    ASSERT_TRUE(log->write(Batch(2, kStartRaw + 30)));
    ASSERT_TRUE(log->finish(totals_of(*log)));
    expect_passes(path_, "--strictest");
    EXPECT_EQ(read().times, times(kStartRaw, 5));
}

TEST_F(AppendedLog, RemovesATailThatNoWriterFinished) {
    {
        File file = reopen();
        ASSERT_TRUE(file.write_at(kBufferSize * 4, ByteVector(1000, std::byte{7})));
    }
    auto log = LogWriter::append(reopen(), info_);
    ASSERT_TRUE(log);
    ASSERT_TRUE(log->write(Batch(1, kStartRaw + 30)));
    ASSERT_TRUE(log->finish(totals_of(*log)));
    expect_passes(path_, "--strictest");
}

TEST_F(AppendedLog, RefusesAnotherBufferSizeProcessorCountOrClock) {
    const auto refused = [&](LogFileInfo info) {
        const auto log = LogWriter::append(reopen(), info);
        return !log && log.error().code == Code::kInvalidParameter;
    };
    LogFileInfo other = info_;
    other.buffer_size *= 2;
    EXPECT_TRUE(refused(other)) << "buffer size";
    other = info_;
    other.processors = 3;
    EXPECT_TRUE(refused(other)) << "processors";
    other = info_;
    other.clock = ClockType::kSystemTime;
    EXPECT_TRUE(refused(other)) << "clock";
    other = info_;
    other.perf_frequency += 1;
    EXPECT_TRUE(refused(other)) << "frequency";
    other = info_;
    other.start_raw = 5;  // the counter started anew
    other.start_time += int64_t{3600} * 10'000'000;
    EXPECT_TRUE(refused(other)) << "boot";
    other = info_;
    other.log_file_mode = kModeCircular;
    EXPECT_TRUE(refused(other)) << "circular";
    EXPECT_FALSE(refused(info_));
}

TEST_F(AppendedLog, RefusesWhatIsNoLog) {
    {
        auto file = File::create(path_, true);
        ASSERT_TRUE(file->write_at(0, ByteVector(kBufferSize, std::byte{1})));
    }
    EXPECT_FALSE(LogWriter::append(reopen(), info_));
}

// --- no room -------------------------------------------------------------------------------------

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

TEST_F(LogWriterTest, FailedWriteLeavesTheLogAsItWasAndIsRepeatedAtTheSamePlace) {
    LogWriter log = create();
    ASSERT_TRUE(log.write(Batch(2, kStartRaw)));
    const ByteVector before = contents(path_);
    const LogPosition at = log.position();
    with_file_limit(before.size() + kBufferSize + 100,
                    [&] { ASSERT_FALSE(log.write(Batch(3, kStartRaw + 20))); });
    EXPECT_EQ(contents(path_), before);
    EXPECT_EQ(std::memcmp(&log.position(), &at, sizeof(at)), 0);
    ASSERT_TRUE(log.write(Batch(3, kStartRaw + 20)));
    ASSERT_TRUE(log.finish(totals_of(log)));
    expect_passes(path_, "--strictest");
    EXPECT_EQ(read().times, times(kStartRaw, 5));
}

TEST_F(LogWriterTest, FailedCreateLeavesAnEmptyFile) {
    with_file_limit(1000, [&] {
        auto file = File::create(path_, true);
        ASSERT_TRUE(file);
        EXPECT_FALSE(LogWriter::create(*std::move(file), info_, 0));
    });
    EXPECT_EQ(std::filesystem::file_size(path_), 0u);
}

TEST_F(LogWriterTest, FullDiskIsReportedAndTheLogGoesOnOnceThereIsRoom) {
    const std::string disk = folder_ / "disk";
    std::filesystem::create_directory(disk);
    if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=64k") != 0) {
        GTEST_SKIP() << "mounting a small file system takes root";
    }
    path_ = disk + "/log.etl";
    const std::string filler = disk + "/filler";
    {
        LogWriter log = create();
        ASSERT_TRUE(log.write(Batch(3, kStartRaw)));
        std::ofstream(filler) << std::string(32 * 1024, 'x');
        const auto done = log.write(Batch(10, kStartRaw + 30));
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error().code, Code::kDiskFull);
        EXPECT_EQ(std::filesystem::file_size(path_), kBufferSize * 4);
        std::filesystem::remove(filler);
        EXPECT_TRUE(log.write(Batch(10, kStartRaw + 30)));
        EXPECT_TRUE(log.finish(totals_of(log)));
        expect_passes(path_, "--strictest");
        EXPECT_EQ(read().times, times(kStartRaw, 13));
    }
    ::umount2(disk.c_str(), MNT_DETACH);
}

// --- preallocation -------------------------------------------------------------------------------

class PreallocatedLog : public LogWriterTest {
protected:
    PreallocatedLog() { info_.log_file_mode |= kModePreallocate; }
    static constexpr uint64_t kLimit = kBufferSize * 8;
};

TEST_F(PreallocatedLog, IsReadableWithItsEmptyTailAndCutToSizeAtTheEnd) {
    LogWriter log = create(kLimit);
    ASSERT_TRUE(log.file().preallocate(kLimit));
    ASSERT_TRUE(log.write(Batch(3, kStartRaw)));
    EXPECT_EQ(std::filesystem::file_size(path_), kLimit);
    const ReadLog got = read();
    EXPECT_EQ(got.times, times(kStartRaw, 3));
    EXPECT_EQ(got.damage.first, "");
    EXPECT_EQ(got.consumed, kLimit);
    ASSERT_TRUE(log.finish(totals_of(log)));
    EXPECT_EQ(std::filesystem::file_size(path_), kBufferSize * 4);
    expect_passes(path_, "--strictest");
}

TEST_F(PreallocatedLog, ResumeKeepsTheSpaceAndRemovesWhatWasCutOff) {
    LogPosition position;
    {
        LogWriter log = create(kLimit);
        ASSERT_TRUE(log.file().preallocate(kLimit));
        ASSERT_TRUE(log.write(Batch(3, kStartRaw)));
        position = log.position();
        ASSERT_TRUE(log.file().write_at(position.next_offset, ByteVector(900, std::byte{9})));
    }
    auto log = LogWriter::resume(reopen(), info_, kLimit, position);
    ASSERT_TRUE(log);
    EXPECT_EQ(std::filesystem::file_size(path_), kLimit);
    EXPECT_EQ(read().damage.first, "");
}

}  // namespace
}  // namespace etw::etl
