#include "etl/log_writer.h"

#include "log_writer_fixture.h"

#include <sys/mount.h>
#include <unistd.h>

// The linker gives this to who calls ftruncate().
std::vector<uint64_t> g_cuts;
extern "C" int __real_ftruncate(int fd, off_t size) noexcept;
extern "C" int __wrap_ftruncate(int fd, off_t size) noexcept;
int __wrap_ftruncate(int fd, off_t size) noexcept {
    g_cuts.push_back(uint64_t(size));
    return __real_ftruncate(fd, size);
}

namespace etw::etl::test {
namespace {

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

// --- no room -------------------------------------------------------------------------------------

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

// --- in the place of another log -------------------------------------------------------------

TEST_F(LogWriterTest, ReplacesWhatTheFileHeld) {
    for (const uint32_t former : {0u, 100u, kBufferSize, 5 * kBufferSize + 7}) {
        std::ofstream(path_) << std::string(former, 'x');
        auto log = LogWriter::replace(reopen(), info_, 0);
        ASSERT_TRUE(log) << former;
        EXPECT_EQ(std::filesystem::file_size(path_), kBufferSize) << former;
        ASSERT_TRUE(log->write(Batch(2, kStartRaw)));
        ASSERT_TRUE(log->finish(totals_of(*log)));
        expect_passes(path_, "--strictest");
        EXPECT_EQ(read().times, times(kStartRaw, 2)) << former;
    }
}

TEST_F(LogWriterTest, ReplacementThatIsPreallocatedHoldsNothingFormer) {
    std::ofstream(path_) << std::string(5 * kBufferSize, 'x');
    auto log = LogWriter::replace(reopen(), info_, 0, 8 * kBufferSize);
    ASSERT_TRUE(log);
    const ByteVector file = contents(path_);
    ASSERT_EQ(file.size(), 8 * kBufferSize);
    EXPECT_EQ(std::count(file.begin() + kBufferSize, file.end(), std::byte{0}),
              ptrdiff_t(7 * kBufferSize));
    ASSERT_TRUE(log->finish(totals_of(*log)));
    EXPECT_EQ(std::filesystem::file_size(path_), kBufferSize);
}

// What is cut off is free for whoever comes first, if only for an instant.
TEST_F(LogWriterTest, RoomThatIsToBeReservedIsNeverCutOff) {
    for (const uint32_t former : {5 * kBufferSize, 8 * kBufferSize, 11 * kBufferSize + 7}) {
        std::ofstream(path_) << std::string(former, 'x');
        g_cuts.clear();
        const auto log = LogWriter::replace(reopen(), info_, 0, 8 * kBufferSize);
        ASSERT_TRUE(log);
        for (const uint64_t cut : g_cuts) EXPECT_GE(cut, 8 * kBufferSize) << former;
    }
}

TEST_F(LogWriterTest, ReplacementThatFailsLeavesWhatTheFileHeld) {
    for (const uint32_t former : {0u, 100u, 3 * kBufferSize}) {
        std::ofstream(path_) << std::string(former, 'x');
        const ByteVector before = contents(path_);
        with_file_limit(kBufferSize / 2,
                        [&] { EXPECT_FALSE(LogWriter::replace(reopen(), info_, 0)); });
        EXPECT_EQ(contents(path_), before) << former;
        with_file_limit(4 * kBufferSize, [&] {
            EXPECT_FALSE(LogWriter::replace(reopen(), info_, 0, 8 * kBufferSize));
        });
        EXPECT_EQ(contents(path_), before) << former;
        EXPECT_FALSE(LogWriter::replace(reopen(), info_, 1)) << "no log fits";
        EXPECT_EQ(contents(path_), before) << former;
    }
}

TEST_F(LogWriterTest, FullDiskIsReportedAndTheLogGoesOnOnceThereIsRoom) {
    const std::string disk = folder_ / "disk";
    std::filesystem::create_directory(disk);
    if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=64k") != 0) {
        GTEST_SKIP() << "mounting a small file system takes root";
    }
    struct Unmount {
        std::string path;
        ~Unmount() { ::umount2(path.c_str(), MNT_DETACH); }
    } const unmount{disk};
    path_ = disk + "/log.etl";
    const std::string filler = disk + "/filler";
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
    g_cuts.clear();
    auto log = LogWriter::resume(reopen(), info_, kLimit, position);
    ASSERT_TRUE(log);
    for (const uint64_t cut : g_cuts) EXPECT_GE(cut, kLimit);
    EXPECT_EQ(std::filesystem::file_size(path_), kLimit);
    EXPECT_EQ(read().damage.first, "");
}

}  // namespace
}  // namespace etw::etl::test
