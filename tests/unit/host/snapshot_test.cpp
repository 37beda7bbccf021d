// What a snapshot holds of rings that are written, overwritten and scribbled over meanwhile.
#include "host/recording/snapshot.h"

#include "fixtures.h"
#include "host/recording/backward_merger.h"
#include "host/recording/log_file.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cstring>

namespace etw::host {
namespace {

class SnapshotTest : public ::testing::Test {
protected:
    explicit SnapshotTest(uint32_t blocks = 4) : saved_(test_session(2, blocks)) {
        saved_.geometry.flags = wire::kRingOverwrite;
        saved_.properties.log_file_mode = kModeBuffering;
    }

    std::shared_ptr<Stream> stream(uint32_t uid = 1) {
        auto made = test_stream(uid, saved_.geometry);
        writers_.push_back(*StreamWriter::over(*made));
        streams_.push_back(made);
        return made;
    }

    // As a process of stream `s` on `cpu`.
    void write(size_t s, uint32_t cpu, uint64_t count) {
        for (uint64_t i = 0; i < count; ++i) {
            const NumberedEvent event = numbered(next_++);
            ASSERT_TRUE(writers_[s].append(cpu, bytes_of(event), kTimeOffset, counter_now()));
        }
    }

    Result<SnapshotResult> save(const std::string& name = "s.etl") {
        Snapshot snapshot{log_info(saved_, name), clock_of(saved_), {}, 0};
        for (const auto& stream : streams_) snapshot.sources.push_back({&stream->rings, {}});
        UniqueFd fd(::open(folder_.file(name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        return write_snapshot(std::move(fd), snapshot);
    }

    std::vector<uint64_t> saved_numbers(const std::string& name = "s.etl") {
        EXPECT_SOUND_LOG(folder_.file(name));
        return numbers_of(read_events(folder_.file(name)));
    }

    wire::RingControl& control(const Stream& of, uint32_t cpu) {
        void* base = ::mmap(nullptr, saved_.geometry.set_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
                            of.rings.fd().get(), 0);
        return *reinterpret_cast<wire::RingControl*>(static_cast<std::byte*>(base) +
                                                     saved_.geometry.ring_offset(cpu));
    }
    std::byte* block(const Stream& of, uint32_t cpu, uint32_t index) {
        return reinterpret_cast<std::byte*>(&control(of, cpu)) + saved_.geometry.control_size() +
               index * saved_.geometry.block_size;
    }

    TempFolder folder_;
    SavedSession saved_;
    std::vector<std::shared_ptr<Stream>> streams_;
    std::vector<StreamWriter> writers_;
    uint64_t next_ = 0;
};

constexpr uint64_t kPerBlock = (4096 - 72) / 88;

std::vector<uint64_t> range(uint64_t from, uint64_t to) {
    std::vector<uint64_t> out;
    for (uint64_t i = from; i < to; ++i) out.push_back(i);
    return out;
}

// Then it is taken anew: of a later instant there is something.
TEST_F(SnapshotTest, KnowsWhenNothingIsLeftOfItsInstant) {
    const auto rings = stream();
    write(0, 0, 5);
    const int64_t instant = counter_now();
    EXPECT_FALSE(BackwardReader(rings->rings, 0, 0, instant).overtaken());
    write(0, 0, 5 * kPerBlock);
    const BackwardReader late(rings->rings, 0, 0, instant);
    EXPECT_FALSE(late.has_record());
    EXPECT_TRUE(late.overtaken());
    EXPECT_FALSE(BackwardReader(rings->rings, 0, 0, counter_now()).overtaken());
    EXPECT_FALSE(BackwardReader(rings->rings, 1, 0, instant).overtaken()) << "never written";
}

TEST_F(SnapshotTest, HoldsAllThatWasWrittenWhileTheRingIsNotFull) {
    stream();
    write(0, 0, 50);
    write(0, 1, 30);
    const auto result = save();
    ASSERT_TRUE(result);
    EXPECT_EQ(result->bytes, 80u * 88);
    EXPECT_EQ(saved_numbers(), range(0, 80));
}

TEST_F(SnapshotTest, HoldsTheNewestOfARingThatHasGoneRound) {
    stream();
    write(0, 0, 10 * kPerBlock + 5);
    ASSERT_TRUE(save());
    // Two whole blocks and the one that is being filled; the fourth may be under a writer's hands.
    EXPECT_EQ(saved_numbers(), range(8 * kPerBlock, 10 * kPerBlock + 5));
}

TEST_F(SnapshotTest, LeavesTheRingsAsTheyAre) {
    stream();
    write(0, 0, 60);
    ASSERT_TRUE(save("a.etl"));
    ASSERT_TRUE(save("b.etl"));
    EXPECT_EQ(saved_numbers("a.etl"), saved_numbers("b.etl"));
}

TEST_F(SnapshotTest, ReplacesALongerFile) {
    stream();
    write(0, 0, 10 * kPerBlock);
    ASSERT_TRUE(save());
    const size_t before = std::filesystem::file_size(folder_.file("s.etl"));
    streams_.clear();
    writers_.clear();
    stream();
    write(0, 1, 3);
    ASSERT_TRUE(save());
    EXPECT_LT(std::filesystem::file_size(folder_.file("s.etl")), before);
    EXPECT_EQ(saved_numbers().size(), 3u);
}

TEST_F(SnapshotTest, MergesTheUsersOfOneProcessorByTime) {
    stream(1);
    stream(2);
    for (int turn = 0; turn < 40; ++turn) {
        write(0, 0, 1);
        write(1, 0, 2);
    }
    ASSERT_TRUE(save());
    EXPECT_SOUND_LOG(folder_.file("s.etl"));
    const auto events = read_events(folder_.file("s.etl"));
    ASSERT_EQ(events.size(), 120u);
    for (size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i].number, i);
}

TEST_F(SnapshotTest, TakesRingsOfFewerProcessors) {
    stream();
    write(0, 1, 3);
    saved_.geometry.cpus = 1;
    stream();
    write(1, 0, 2);
    saved_.geometry.cpus = 2;
    ASSERT_TRUE(save());
    EXPECT_EQ(saved_numbers().size(), 5u);
}

TEST_F(SnapshotTest, ConvertsTheTimesOfALogInSystemTime) {
    saved_.properties.clock = ClockType::kSystemTime;
    stream();
    write(0, 0, 10);
    ASSERT_TRUE(save());
    EXPECT_EQ(saved_numbers(), range(0, 10));
    for (const ReadEvent& event : read_events(folder_.file("s.etl"))) {
        EXPECT_GE(event.time, saved_.start_filetime);
        EXPECT_LT(event.time, saved_.start_filetime + 60 * 10'000'000LL);
    }
}

// A reader that is overtaken has a suffix without a gap, whatever was overwritten since.
TEST_F(SnapshotTest, OvertakenReaderEndsBeforeTheGap) {
    for (const uint64_t meanwhile : {uint64_t{1}, kPerBlock, 2 * kPerBlock, 20 * kPerBlock}) {
        auto rings = stream();
        const size_t writer = writers_.size() - 1;
        const uint64_t first = next_;
        write(writer, 0, 10 * kPerBlock + 5);
        const uint64_t end = next_;
        BackwardReader reader(rings->rings, 0, 0, counter_now());
        write(writer, 0, meanwhile);
        uint64_t expected = end;
        while (reader.has_record()) {
            NumberedEvent event{};
            reader.copy(std::as_writable_bytes(std::span(&event, 1)), 0);
            ASSERT_EQ(event.number, --expected);
            reader.pop();
        }
        EXPECT_LT(expected, end);  // the newest block had been copied before
        EXPECT_GE(expected, first);
        EXPECT_EQ(reader.damaged(), 0u);
    }
}

TEST_F(SnapshotTest, LeavesOutWhatIsWrittenAfterTheInstant) {
    auto rings = stream();
    write(0, 0, 10);
    const int64_t instant = counter_now();
    write(0, 0, 10);
    BackwardReader reader(rings->rings, 0, 0, instant);
    uint64_t count = 0;
    for (; reader.has_record(); reader.pop()) ++count;
    EXPECT_EQ(count, 10u);
}

TEST_F(SnapshotTest, AHostileUserSpoilsOnlyHisOwnEvents) {
    stream(1);
    stream(2);
    write(1, 0, 2 * kPerBlock);
    write(0, 0, kPerBlock);
    const uint64_t good = 2 * kPerBlock;
    for (const int what : {0, 1, 2, 3}) {
        auto& ring = control(*streams_[0], 0);
        if (what == 0) std::memset(block(*streams_[0], 0, 0) + 72, 0xAB, 4000);
        if (what == 1) ring.head = ~uint64_t{0};
        if (what == 2) ring.head = wire::ring_position(1u << 30, 4096);
        if (what == 3) ring.head = wire::ring_position(0, 13);
        ASSERT_TRUE(save());
        EXPECT_EQ(saved_numbers(), range(0, good)) << what;
    }
}

}  // namespace
}  // namespace etw::host
