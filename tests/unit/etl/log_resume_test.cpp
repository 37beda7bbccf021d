#include "etl/log_writer.h"
#include "log_writer_fixture.h"

#include <sys/wait.h>

#include <csignal>

namespace etw::etl::test {
namespace {

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

}  // namespace
}  // namespace etw::etl::test
