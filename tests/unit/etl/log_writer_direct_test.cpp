#include "log_writer_fixture.h"

#include <fcntl.h>

namespace etw::etl::test {
namespace {

// Buffers of three pages whose records stand in memory as in a session's rings: a header's size
// behind the start of a page.
class DirectLog : public LogWriterTest {
protected:
    static constexpr size_t kPages = 3;
    static constexpr size_t kSize = kPages * kPageSize;
    static constexpr size_t kMost = kSize - sizeof(wire::BufferHeader);

    DirectLog() { info_.buffer_size = kSize; }

    // `bytes` of anything, none like its neighbours.
    BufferData buffer(size_t bytes, size_t displaced = 0) {
        auto& block = blocks_.emplace_back(kPages + 1);
        auto* const at =
            reinterpret_cast<std::byte*>(block.data()) + sizeof(wire::BufferHeader) + displaced;
        for (size_t i = 0; i < bytes; ++i) at[i] = std::byte(uint8_t(i * 7 + blocks_.size()));
        return {.cpu = 1, .time_stamp = kStartRaw, .records = {at, bytes}};
    }
    // What the log is after these writes, by the cache alone and with `direct`.
    void expect_same(const std::vector<std::vector<BufferData>>& writes, File direct,
                     uint64_t limit = 0) {
        ByteVector expected;
        for (const bool way : {false, true}) {
            LogWriter log = create(limit);
            if (way) log.set_direct(std::move(direct));
            for (const auto& buffers : writes) {
                const Status done = log.write(buffers, way);
                EXPECT_TRUE(done || done.error().code == Code::kMoreData);
            }
            EXPECT_TRUE(log.finish(totals_of(log)));
            const ByteVector got = contents(path_);
            if (way) {
                EXPECT_EQ(got, expected);
            }
            expected = got;
        }
    }

    std::vector<std::vector<Page>> blocks_;
};

constexpr size_t kFirstPage = kPageSize - sizeof(wire::BufferHeader);  // of records

TEST_F(DirectLog, IsByteForByteThatOfThePageCache) {
    std::vector<BufferData> buffers;
    for (const size_t bytes : {size_t{0}, size_t{8}, kFirstPage - 8, kFirstPage, kFirstPage + 8,
                               kFirstPage + kPageSize - 8, kFirstPage + kPageSize,
                               kFirstPage + kPageSize + 8, kMost - 8, kMost}) {
        buffers.push_back(buffer(bytes));
    }
    std::vector<BufferData> reversed(buffers.rbegin(), buffers.rend());
    expect_same({buffers, reversed, {buffers[3]}}, reopen());
}

TEST_F(DirectLog, TakesWhatStandsElsewhereInMemoryThroughTheCache) {
    expect_same({{buffer(kMost), buffer(400, 8), buffer(kMost), buffer(800, 16), buffer(800, 24)},
                 {buffer(80, 8)}},
                reopen());
}

TEST_F(DirectLog, EndsAtItsLimit) {
    expect_same({{buffer(kMost), buffer(8)}, {buffer(kMost), buffer(8), buffer(16)}}, reopen(),
                kSize * 4);
}

TEST_F(DirectLog, WrapsWhereACircularLogDoes) {
    info_.log_file_mode = kModeCircular;
    std::vector<BufferData> buffers;
    for (size_t i = 0; i < 13; ++i) buffers.push_back(buffer(kMost - i * 8));
    expect_same({buffers, {buffers[1], buffers[2]}}, reopen(), kSize * 6);
}

TEST_F(DirectLog, GoesThroughTheCacheOnceItIsRefused) {
    create();
    auto refuses = File::open_read(path_);  // every write
    ASSERT_TRUE(refuses);
    expect_same({{buffer(kMost), buffer(8)}, {buffer(kMost)}}, *std::move(refuses));
    LogWriter log = create();
    log.set_direct(*File::open_read(path_));
    EXPECT_TRUE(log.has_direct());
    const std::vector<BufferData> buffers{buffer(kMost)};
    EXPECT_TRUE(log.write(buffers, true));
    EXPECT_FALSE(log.has_direct());
}

TEST_F(DirectLog, LeavesALogOfAnOddBufferSizeToTheCache) {
    info_.buffer_size = 5 * 1024;
    expect_same({{buffer(5000), buffer(8)}}, reopen());
}

// What the kernel demands of such writes the other tests do not ask for.
TEST_F(DirectLog, IsTakenByTheKernelAsItIs) {
    create();
    File direct(UniqueFd(::open(path_.c_str(), O_WRONLY | O_DIRECT | O_CLOEXEC)));
    if (!direct) GTEST_SKIP() << "no direct writes on this file system";
    LogWriter log = create();
    log.set_direct(std::move(direct));
    const std::vector<BufferData> buffers{buffer(kMost), buffer(8), buffer(kFirstPage + 16)};
    const BufferData misfit = buffer(80, 8);
    ASSERT_TRUE(log.write(buffers, true));
    ASSERT_TRUE(log.write({&misfit, 1}, true));
    ASSERT_TRUE(log.write(buffers, true));
    EXPECT_TRUE(log.has_direct());
    ASSERT_TRUE(log.finish(totals_of(log)));
    const ByteVector got = contents(path_);
    ASSERT_EQ(got.size(), kSize * 8);
    for (const size_t at : {1u, 5u}) {
        EXPECT_TRUE(std::equal(buffers[0].records.begin(), buffers[0].records.end(),
                               got.begin() + ptrdiff_t(at * kSize + sizeof(wire::BufferHeader))));
    }
}

TEST_F(DirectLog, FullDiskLeavesTheLogAsItWasAndTheWayOpen) {
    LogWriter log = create();
    log.set_direct(reopen());
    const std::vector<BufferData> buffers{buffer(kMost), buffer(800), buffer(kMost)};
    ASSERT_TRUE(log.write(buffers, true));
    const ByteVector before = contents(path_);
    with_file_limit(before.size() + kSize + kPageSize, [&] {
        const Status done = log.write(buffers, true);
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error().code, Code::kDiskFull);
    });
    EXPECT_EQ(contents(path_), before);
    EXPECT_TRUE(log.has_direct());
    ASSERT_TRUE(log.write(buffers, true));
    EXPECT_EQ(contents(path_).size(), kSize * 7);
}

}  // namespace
}  // namespace etw::etl::test
