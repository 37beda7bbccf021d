#include "host/recording/write_way.h"

#include "fixtures.h"

namespace etw::host {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr wire::RingGeometry kLarge{2, 64, 64 * 1024, 0};  // 4 MB a ring
constexpr size_t kBytes = 1 << 20;

class WriteWayTest : public testing::Test {
protected:
    void cache_took(milliseconds took) { way_.wrote(false, kBytes, took, false, now_); }
    void disk_took(milliseconds took, bool crowded = false) {
        way_.wrote(true, kBytes, took, crowded, now_);
    }
    bool direct(bool crowded = false) const { return way_.direct(kBytes, crowded, now_); }

    WriteWay way_{kLarge};
    WriteWay::Clock::time_point now_{seconds(1000)};
};

TEST_F(WriteWayTest, GoesToTheDiskAfterTheFirstWrite) {
    EXPECT_FALSE(direct());
    cache_took(milliseconds(1));
    EXPECT_TRUE(direct());
    disk_took(milliseconds(400));
    EXPECT_TRUE(direct()) << "slow, but quick enough for what comes";
    disk_took(milliseconds(50), true);
    EXPECT_TRUE(direct()) << "it is not the disk that fills the rings";
}

TEST_F(WriteWayTest, LeavesSmallRingsAndSmallWritesToTheCache) {
    cache_took(milliseconds(1));
    EXPECT_FALSE(way_.direct(WriteWay::kEnoughBytes - 1, false, now_));
    EXPECT_TRUE(way_.direct(WriteWay::kEnoughBytes, false, now_));
    WriteWay small(wire::RingGeometry{2, 63, 64 * 1024, 0});
    small.wrote(false, kBytes, milliseconds(1), false, now_);
    EXPECT_FALSE(small.direct(kBytes, false, now_));
}

TEST_F(WriteWayTest, TakesTheQuickerWayWhenARingIsCrowded) {
    cache_took(milliseconds(3));
    disk_took(milliseconds(2));
    disk_took(milliseconds(4));  // it may hesitate
    EXPECT_TRUE(direct(true));
    disk_took(milliseconds(6));
    EXPECT_FALSE(direct(true));
    EXPECT_TRUE(direct());
    for (int i = 0; i < 2; ++i) cache_took(milliseconds(20));  // where the system holds it back
    EXPECT_TRUE(direct(true));
}

TEST_F(WriteWayTest, StaysWithADiskThatHesitatedOnce) {
    cache_took(milliseconds(8));
    for (int i = 0; i < 3; ++i) disk_took(milliseconds(4));
    disk_took(milliseconds(60), true);
    EXPECT_TRUE(direct(true));
    EXPECT_FALSE(direct(false)) << "the cache would not wait for it";
    for (int i = 0; i < 2; ++i) disk_took(milliseconds(60), true);
    EXPECT_FALSE(direct(true));
    EXPECT_FALSE(direct(false));
}

// Else what the disk was once would be held against it for as long as the rings are crowded.
TEST_F(WriteWayTest, LooksNowAndThenAtADiskThatWasSlower) {
    cache_took(milliseconds(8));
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(direct(true)) << i;
        disk_took(milliseconds(30), true);
        EXPECT_FALSE(direct(true)) << i;
        now_ += WriteWay::kFirstPause;
    }
    for (int i = 0; i < 3; ++i) disk_took(milliseconds(4), true);
    EXPECT_TRUE(direct(true));
}

TEST_F(WriteWayTest, KeepsAwayFromADiskThatIsTooSlowForLongerEachTime) {
    cache_took(milliseconds(1));
    for (const int pause : {1, 2, 4, 8, 16, 32, 64, 64}) {
        disk_took(milliseconds(51), true);
        now_ += seconds(pause) - milliseconds(1);
        EXPECT_FALSE(direct()) << pause;
        now_ += milliseconds(1);
        EXPECT_TRUE(direct()) << pause;
    }
    disk_took(milliseconds(51), true);
    now_ += seconds(63);
    disk_took(milliseconds(10), true);
    disk_took(milliseconds(51), true);
    now_ += seconds(1);
    EXPECT_FALSE(direct()) << "a disk that hesitates now and then is quick in between";
    now_ += seconds(63);
    disk_took(milliseconds(10));
    disk_took(milliseconds(51), true);
    now_ += seconds(1);
    EXPECT_TRUE(direct()) << "one that has been quick for long begins anew";
}

TEST_F(WriteWayTest, GoesBackToASlowDiskWhenTheCacheIsSlowerStill) {
    cache_took(milliseconds(1));
    disk_took(milliseconds(51), true);
    EXPECT_FALSE(direct(true));
    for (int i = 0; i < 3; ++i) cache_took(milliseconds(60));
    EXPECT_FALSE(direct());
    EXPECT_TRUE(direct(true));
}

// The log of rings that are written to the disk itself, and partly through the cache: records that
// stand behind others of a flushed block.
TEST(DirectDrain, WritesAllThatTheRingsHeld) {
    const TempFolder folder;
    SavedSession saved = test_session(1, 64);
    saved.geometry.block_size = 64 * 1024;
    saved.properties.buffer_size_kb = 64;
    auto drain = begin_drain(folder, saved);
    StreamWriter writer = add_user(*drain, 1000, saved.geometry);
    const uint64_t per_block = (64 * 1024 - 72) / sizeof(NumberedEvent);
    uint64_t written = 0;
    for (const int blocks : {3, 5, 7, 20}) {
        for (const uint64_t extra : {uint64_t{2}, per_block / 2}) {
            const uint64_t count = uint64_t(blocks) * per_block + extra;
            ASSERT_EQ(append(writer, 0, written, count), count);
            written += count;
            drain_all(*drain, extra == 2 ? Drain::Depth::kAll : Drain::Depth::kFullBlocks);
        }
    }
    drain_all(*drain, Drain::Depth::kFinal);
    ASSERT_TRUE(drain->finish());
    EXPECT_EQ(numbers_of(read_events(folder.file("test.etl"))), first_numbers(written));
    EXPECT_SOUND_LOG(folder.file("test.etl"));
}

}  // namespace
}  // namespace etw::host
