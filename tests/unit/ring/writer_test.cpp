#include "ring/clock.h"
#include "rings.h"

namespace etw::ring {
namespace {

constexpr uint32_t kBlockSize = 4096;

RingSet make_set(uint32_t blocks = 4, uint32_t flags = 0) {
    auto set = RingSet::create({cpu_count(), blocks, kBlockSize, flags});
    EXPECT_TRUE(set);
    return *std::move(set);
}

constexpr wire::RingPosition kStart = wire::ring_position(0, wire::kRingFirstOffset);

TEST(RingWriter, PutsARecordAtTheHeadWithItsTimeStamp) {
    RingSet set = make_set();
    Attached writer(set);
    const OnCpu pinned(0);
    const int64_t before = read_counter();
    const auto bytes = make_record(1, 42, 120);
    ASSERT_EQ(writer.write(bytes), Outcome::kWritten);
    ring::Run run;
    bool damaged = false;
    ASSERT_TRUE(set.next(0, kStart, run, &damaged));
    EXPECT_FALSE(damaged);
    ASSERT_EQ(run.records.size(), bytes.size());
    EXPECT_EQ(run.begin, kStart);
    EXPECT_EQ(run.end, kStart + bytes.size());
    TestRecord record;
    std::memcpy(&record, run.records.data(), sizeof(record));
    EXPECT_GE(record.time_stamp, before);
    EXPECT_LE(record.time_stamp, read_counter());
    record.time_stamp = 0;  // as it was handed over
    std::vector<std::byte> found(run.records.begin(), run.records.end());
    std::memcpy(found.data(), &record, sizeof(record));
    EXPECT_EQ(found, bytes);
    EXPECT_FALSE(set.next(0, run.end, run, &damaged));
}

TEST(RingWriter, NeverTouchesAByteBehindTheRecord) {
    RingSet set = make_set();
    Attached writer(set);
    const OnCpu pinned(0);
    std::byte* data = writer.base() + set.geometry().ring_offset(0) +
                      set.geometry().control_size() + wire::kRingFirstOffset;
    std::memset(data, 0xEE, kBlockSize - wire::kRingFirstOffset);
    size_t at = 0;
    for (uint32_t size = 32; size <= 160; size += 8) {
        ASSERT_EQ(writer.write(make_record(1, size, size)), Outcome::kWritten);
        at += size;
        ASSERT_EQ(data[at], std::byte{0xEE}) << "record of " << size;
    }
}

TEST(RingWriter, GathersPiecesOfAnySize) {
    RingSet set = make_set();
    Attached writer(set);
    const OnCpu pinned(0);
    const auto bytes = make_record(3, 9, 32 + 200);
    // 1, 2, 3, ... bytes, so that every copy tail and every misalignment occurs
    std::vector<Piece> pieces;
    for (size_t at = 32, size = 0; at < bytes.size(); at += size++) {
        pieces.push_back({bytes.data() + at, uint32_t(std::min(size, bytes.size() - at)), 0});
    }
    Record record{&writer.map(),
                  1,
                  bytes.data(),
                  pieces.data(),
                  32,
                  uint32_t(pieces.size()),
                  uint32_t(bytes.size()),
                  offsetof(TestRecord, time_stamp)};
    ASSERT_EQ(write_record(record), Outcome::kWritten);
    CheckingReader reader(set);
    reader.pass();
    EXPECT_EQ(reader.records, 1u);
    EXPECT_EQ(reader.torn, 0u);
}

TEST(RingWriter, FillsABlockToItsLastByteAndThenStartsTheNext) {
    RingSet set = make_set();
    Attached writer(set);
    const OnCpu pinned(0);
    const uint32_t room = kBlockSize - wire::kRingFirstOffset;
    ASSERT_EQ(writer.write(make_record(1, 0, room)), Outcome::kWritten);
    ring::Run run;
    bool damaged = false;
    ASSERT_TRUE(set.next(0, kStart, run, &damaged));
    EXPECT_EQ(run.records.size(), room);
    EXPECT_EQ(run.end, wire::ring_position(0, kBlockSize));
    ASSERT_EQ(writer.write(make_record(1, 1, 40)), Outcome::kWritten);
    ASSERT_TRUE(set.next(0, run.end, run, &damaged));
    EXPECT_FALSE(damaged);
    EXPECT_EQ(run.records.size(), 40u);
    EXPECT_EQ(run.begin, wire::ring_position(1, wire::kRingFirstOffset));
}

TEST(RingWriter, RefusesARecordLargerThanABlockAndCountsIt) {
    RingSet set = make_set();
    Attached writer(set);
    const OnCpu pinned(0);
    const uint32_t room = kBlockSize - wire::kRingFirstOffset;
    EXPECT_EQ(writer.write(make_record(1, 0, room + 8)), Outcome::kTooBig);
    EXPECT_EQ(set.lost(0), 1u);
    EXPECT_EQ(set.pending_blocks(0, kStart), 0u);
}

TEST(RingWriter, CountsExactlyWhatAFullRingRefuses) {
    RingSet set = make_set(3);
    Attached writer(set);
    const OnCpu pinned(0);
    uint64_t written = 0, refused = 0;
    for (int i = 0; i < 1000; ++i) {
        const Outcome outcome = writer.write(make_record(1, uint64_t(i), 48));
        ASSERT_TRUE(outcome == Outcome::kWritten || outcome == Outcome::kFull);
        (outcome == Outcome::kWritten ? written : refused) += 1;
    }
    EXPECT_EQ(written, 3 * ((kBlockSize - wire::kRingFirstOffset) / 48));
    CheckingReader reader(set);
    reader.pass();
    EXPECT_EQ(reader.records, written);
    EXPECT_EQ(reader.lost(), refused);
    EXPECT_EQ(reader.torn + reader.damages, 0u);
    EXPECT_EQ(writer.write(make_record(1, 0, 48)), Outcome::kWritten) << "after the drain";
}

TEST(RingWriter, OverwritesTheOldestBlocksWhereTheSessionBuffers) {
    RingSet set = make_set(4, wire::kRingOverwrite);
    Attached writer(set);
    const OnCpu pinned(0);
    constexpr uint64_t kRecords = 5000;
    for (uint64_t i = 0; i < kRecords; ++i) {
        ASSERT_EQ(writer.write(make_record(1, i, 64)), Outcome::kWritten);
    }
    CheckingReader reader(set);
    reader.pass();
    const uint64_t per_block = (kBlockSize - wire::kRingFirstOffset) / 64;
    EXPECT_GT(reader.records, 2 * per_block);
    EXPECT_LE(reader.records, 3 * per_block);
    EXPECT_EQ(reader.torn + reader.damages + reader.lost(), 0u);
}

TEST(RingWriter, LeavesADetachedSessionAlone) {
    RingSet set = make_set();
    Attached writer(set);
    ASSERT_TRUE(prepare_detach());
    EXPECT_EQ(writer.write(make_record(1, 0, 64), 2), Outcome::kDetached);
    ASSERT_TRUE(detach(writer.map()));
    EXPECT_EQ(writer.write(make_record(1, 0, 64), 1), Outcome::kDetached);
    count_lost(writer.map(), 1);
    CheckingReader reader(set);
    EXPECT_FALSE(reader.pass());
    EXPECT_EQ(reader.lost(), 0u);
}

TEST(RingWriter, RefusesACpuWithoutARing) {
    if (cpu_count() < 2) GTEST_SKIP() << "needs two CPUs";
    auto set = RingSet::create({1, 4, kBlockSize, 0});
    ASSERT_TRUE(set);
    Attached writer(*set);
    const OnCpu pinned(1);
    EXPECT_EQ(writer.write(make_record(1, 0, 64)), Outcome::kNoCpu);
}

TEST(RingWriter, ClaimsTheWakeOnceForEachFilledBlock) {
    RingSet set = make_set();
    Attached writer(set);
    const OnCpu pinned(0);
    set.host_sleeps() = 1;
    ASSERT_EQ(writer.write(make_record(1, 0, 64)), Outcome::kWritten);
    EXPECT_EQ(set.host_sleeps(), 1u) << "nothing was filled";
    const uint32_t room = kBlockSize - wire::kRingFirstOffset;
    ASSERT_EQ(writer.write(make_record(1, 1, room)), Outcome::kWritten);
    EXPECT_EQ(set.host_sleeps(), 0u);
}

TEST(RingWriter, WakesAHostThatWaitsForMoreBlocksOnceARingHasThem) {
    RingSet set = make_set(8);
    Attached writer(set);
    const OnCpu pinned(0);
    set.host_sleeps() = 3;
    const uint32_t room = kBlockSize - wire::kRingFirstOffset;
    for (uint64_t i = 0; i < 5; ++i) {
        EXPECT_EQ(set.host_sleeps(), i < 4 ? 3u : 0u) << i;
        // Leaves the block before it full.
        ASSERT_EQ(writer.write(make_record(1, i, room)), Outcome::kWritten);
    }
}

TEST(RingWriter, CallsOnceWhenTheBlocksToUseAreUsedUp) {
    static std::atomic<uint32_t> calls;
    RingSet set = make_set(8);
    Attached writer(set);
    const OnCpu pinned(0);
    writer.map().blocks_used_up = []() noexcept { ++calls; };
    const uint32_t room = kBlockSize - wire::kRingFirstOffset;
    const auto begin_blocks = [&](uint64_t count) {
        for (uint64_t i = 0; i < count; ++i) {
            ASSERT_EQ(writer.write(make_record(1, i, room)), Outcome::kWritten);
        }
    };
    begin_blocks(1);
    EXPECT_EQ(calls, 0u) << "no limit";
    writer.map().blocks_to_use = 2;
    begin_blocks(1);
    EXPECT_EQ(calls, 0u);
    begin_blocks(1);
    EXPECT_EQ(calls, 1u);
    begin_blocks(2);
    EXPECT_EQ(calls, 1u) << "until it is set anew";
}

TEST(RingWriter, FindsTheBlockIndexForEveryNumberOfBlocks) {
    for (uint32_t blocks : {2u, 3u, 5u, 7u, 31u, 100u, 127u, 128u}) {
        RingSet set = make_set(blocks);
        Attached writer(set);
        const OnCpu pinned(0);
        // a high block number, where an inexact reciprocal would show
        const wire::RingPosition far =
            wire::ring_position((uint64_t{1} << 38) / blocks * blocks - 1, kBlockSize);
        writer.control(set, 0).head = far;
        writer.control(set, 0).tail = far;
        ASSERT_EQ(writer.write(make_record(1, 5, 64)), Outcome::kWritten);
        ring::Run run;
        bool damaged = false;
        ASSERT_TRUE(set.next(0, far, run, &damaged));
        ASSERT_FALSE(damaged);
        EXPECT_EQ(run.records.data() - reinterpret_cast<std::byte*>(&set.host_sleeps()) + 128,
                  ptrdiff_t(set.geometry().ring_offset(0) + set.geometry().control_size() +
                            wire::kRingFirstOffset));
    }
}

}  // namespace
}  // namespace etw::ring
