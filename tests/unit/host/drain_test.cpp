#include "host/recording/drain.h"

#include "fixtures.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <iterator>
#include <random>
#include <utility>

namespace etw::host {
namespace {

TEST(Drain, WritesFullBlocksAndLeavesTheRestForAFlush) {
    const TempFolder folder;
    const SavedSession saved = test_session();
    auto drain = begin_drain(folder, saved);
    StreamWriter writer = add_user(*drain, 1000, saved.geometry);
    const uint64_t per_block = (4096 - 72) / sizeof(NumberedEvent);
    append(writer, 0, 0, per_block + 3);
    drain_all(*drain, Drain::Depth::kFullBlocks);
    EXPECT_EQ(read_events(folder.file("test.etl")).size(), per_block);
    drain_all(*drain, Drain::Depth::kAll);
    append(writer, 0, per_block + 3, 2);
    drain_all(*drain, Drain::Depth::kFinal);
    ASSERT_TRUE(drain->finish());
    EXPECT_EQ(numbers_of(read_events(folder.file("test.etl"))), first_numbers(per_block + 5));
    EXPECT_SOUND_LOG(folder.file("test.etl"));
}

TEST(Drain, CountsEveryEventThatFoundNoRoomOnce) {
    const TempFolder folder;
    const SavedSession saved = test_session(2, 2);
    auto drain = begin_drain(folder, saved);
    StreamWriter writer = add_user(*drain, 1000, saved.geometry);
    const uint64_t written = append(writer, 0, 0, 500) + append(writer, 1, 500, 500);
    drain_all(*drain);
    EXPECT_EQ(drain->events_lost(), 1000 - written);
    ASSERT_TRUE(drain->finish());
    const auto reader = etl::LogReader::open(folder.file("test.etl"));
    EXPECT_EQ(reader->events_lost(), 1000 - written);
    // A process that stores a smaller number there does not make it smaller here.
    drain.reset();
    drain = resume_drain(folder, saved);
    EXPECT_EQ(drain->events_lost(), 1000 - written) << "also while the rings are missing";
}

TEST(Drain, CountsTheLossesOfOthersWhateverAProcessStores) {
    const TempFolder folder;
    const SavedSession saved = test_session();
    auto drain = begin_drain(folder, saved);
    StreamWriter hostile = add_user(*drain, 1000, saved.geometry);
    StreamWriter other = add_user(*drain, 1001, saved.geometry);
    hostile.add_lost(UINT64_MAX - 2);  // which with 5 more would be 2
    other.add_lost(5);
    EXPECT_GT(drain->events_lost(), 5u);
    drain_all(*drain);
    EXPECT_GT(drain->events_lost(), 5u);
}

std::string contents(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
}

UniqueFd open_log(const TempFolder& folder, const std::string& name) {
    auto file = File::create(folder.file(name), false);
    return UniqueFd(::dup(file->fd().get()));
}

TEST(Drain, TakesNothingBeforeItsLogIsBegunAndNothingOfTheFormerOneIsGone) {
    const TempFolder folder;
    const SavedSession saved = test_session();
    const std::string former(10'000, 'x');
    std::ofstream(folder.file("test.etl")) << former;
    auto drain = awaiting_drain(folder, saved, LogBegin::kReplace);
    StreamWriter writer = add_user(*drain, 1000, saved.geometry);
    append(writer, 0, 0, 60);
    drain->start_feed(*DeliveryRing::create(1 << 20));
    drain_all(*drain);
    EXPECT_FALSE(drain->deliver());
    EXPECT_EQ(contents(folder.file("test.etl")), former);
    EXPECT_FALSE(drain->begin_log(UniqueFd(::open("/dev/null", O_RDONLY)))) << "and can be again";
    ASSERT_TRUE(drain->begin_log(open_log(folder, "test.etl")));
    drain_all(*drain, Drain::Depth::kFinal);
    ASSERT_TRUE(drain->finish());
    EXPECT_EQ(numbers_of(read_events(folder.file("test.etl"))), first_numbers(60));
    EXPECT_SOUND_LOG(folder.file("test.etl"));
}

// Killed before the log was begun, or in the middle of that: whoever follows begins it.
TEST(Drain, SuccessorBeginsALogThatWasToBeBegun) {
    const TempFolder folder;
    const SavedSession saved = test_session();
    std::ofstream(folder.file("test.etl")) << std::string(10'000, 'x');
    awaiting_drain(folder, saved, LogBegin::kReplace);
    auto drain = resume_drain(folder, saved);
    EXPECT_EQ(drain->progress().begin, LogBegin::kDone);
    StreamWriter writer = add_user(*drain, 1000, saved.geometry);
    append(writer, 0, 0, 10);
    drain_all(*drain, Drain::Depth::kFinal);
    ASSERT_TRUE(drain->finish());
    drain = awaiting_drain(folder, saved, LogBegin::kAppend);
    drain = resume_drain(folder, saved);
    StreamWriter more = add_user(*drain, 1000, saved.geometry);
    append(more, 0, 10, 10);
    drain_all(*drain, Drain::Depth::kFinal);
    ASSERT_TRUE(drain->finish());
    EXPECT_EQ(numbers_of(read_events(folder.file("test.etl"))), first_numbers(20));
    EXPECT_SOUND_LOG(folder.file("test.etl"));
}

TEST(Drain, GoesOnInItsLogWhereTheNextCannotBeBegun) {
    const TempFolder folder;
    const SavedSession saved = test_session();
    auto drain = begin_drain(folder, saved);
    StreamWriter writer = add_user(*drain, 1000, saved.geometry);
    append(writer, 0, 0, 10);
    const std::string former(10'000, 'x');
    std::ofstream(folder.file("next.etl")) << former;
    UniqueFd read_only(::open(folder.file("next.etl").c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_FALSE(drain->switch_log(std::move(read_only), folder.file("next.etl"), 2));
    EXPECT_EQ(contents(folder.file("next.etl")), former);
    EXPECT_EQ(drain->progress().path, folder.file("test.etl"));
    drain = resume_drain(folder, saved);
    StreamWriter more = add_user(*drain, 1001, saved.geometry);
    append(more, 0, 10, 10);
    drain_all(*drain, Drain::Depth::kFinal);
    ASSERT_TRUE(drain->finish());
    EXPECT_SOUND_LOG(folder.file("test.etl"));
    EXPECT_EQ(read_events(folder.file("test.etl")).size(), 10u) << "the first user's are not here";
}

// A process may hand rings to the next host whose drained state it was not told of.
TEST(Drain, CountsNoLossAgainWhenRetiredRingsAreHandedBack) {
    const TempFolder folder;
    const SavedSession saved = test_session(2, 2);
    auto drain = begin_drain(folder, saved);
    const auto stream = test_stream(1000, saved.geometry);
    ASSERT_TRUE(drain->add_stream(stream));
    auto writer = StreamWriter::over(*stream);
    const uint64_t lost = 1000 - append(*writer, 0, 0, 1000);
    EXPECT_FALSE(drain->retire(*stream)) << "not before it is empty";
    drain_all(*drain);
    ASSERT_TRUE(drain->retire(*stream));
    EXPECT_EQ(drain->events_lost(), lost);
    drain = resume_drain(folder, saved);
    ASSERT_TRUE(drain->add_stream(stream));
    EXPECT_EQ(drain->events_lost(), lost);
    const uint64_t more = 500 - append(*writer, 1, 0, 500);
    EXPECT_GT(more, 0u);
    EXPECT_EQ(drain->events_lost(), lost + more);
}

// A source that asks first has no record in its hands when it is killed.
TEST(StreamWriter, TakesARecordThatItHasRoomFor) {
    const auto stream = test_stream(1000, test_session(2, 2).geometry);
    auto writer = StreamWriter::over(*stream);
    const NumberedEvent event = numbered(1);
    const auto append = [&] { return writer->try_append(0, bytes_of(event), kTimeOffset, 1); };
    int taken = 0;
    while (writer->has_room(0, sizeof(event))) {
        const wire::RingPosition before = writer->head(0);
        ASSERT_TRUE(append());
        EXPECT_GT(writer->head(0), before);
        ++taken;
    }
    EXPECT_GT(taken, 40);
    EXPECT_FALSE(append());
    EXPECT_TRUE(writer->has_room(1, sizeof(event)));
    EXPECT_FALSE(writer->has_room(1, 1 << 24));
    stream->rings.release(0, wire::ring_position(1, wire::kRingFirstOffset));
    EXPECT_TRUE(writer->has_room(0, sizeof(event)));
    EXPECT_TRUE(append());
    EXPECT_EQ(writer->lost(), 0u);
    writer->add_lost(3);
    EXPECT_EQ(writer->lost(), 3u);
}

TEST(Drain, RewritesTimesOfALogInSystemTime) {
    const TempFolder folder;
    SavedSession saved = test_session();
    saved.properties.clock = ClockType::kSystemTime;
    auto drain = begin_drain(folder, saved);
    StreamWriter writer = add_user(*drain, 1000, saved.geometry);
    append(writer, 1, 0, 200);
    drain_all(*drain, Drain::Depth::kFinal);
    ASSERT_TRUE(drain->finish());
    const auto events = read_events(folder.file("test.etl"));
    ASSERT_FALSE(events.empty());
    for (const ReadEvent& event : events) {
        EXPECT_GE(event.time, saved.start_filetime);
        EXPECT_LT(event.time, saved.start_filetime + 3600 * 10'000'000ll);
    }
    EXPECT_SOUND_LOG(folder.file("test.etl"));
}

// Several users' streams of one CPU: the log has them in the order of their times.
TEST(Drain, MergesTheStreamsOfACpuByTime) {
    const TempFolder folder;
    const SavedSession saved = test_session(1, 64);
    auto drain = begin_drain(folder, saved);
    std::vector<StreamWriter> writers;
    for (const uint32_t uid : {1u, 2u, kSocketStream}) {
        const auto stream = test_stream(uid, saved.geometry);
        ASSERT_TRUE(drain->add_stream(stream));
        writers.push_back(*StreamWriter::over(*stream));
    }
    std::mt19937 random(1);
    const int64_t start = counter_now();
    constexpr uint64_t kEvents = 3000;
    for (uint64_t i = 0; i < kEvents; ++i) {
        const NumberedEvent event = numbered(i);
        auto& writer = writers[random() % writers.size()];
        ASSERT_TRUE(writer.append(0, bytes_of(event), kTimeOffset, start + int64_t(i)));
        if (random() % 500 == 0) drain_all(*drain, Drain::Depth(random() % 2));
    }
    drain_all(*drain, Drain::Depth::kFinal);
    ASSERT_TRUE(drain->finish());
    const auto events = read_events(folder.file("test.etl"));
    ASSERT_EQ(events.size(), kEvents);
    for (uint64_t i = 0; i < kEvents; ++i) ASSERT_EQ(events[i].number, i);
    EXPECT_SOUND_LOG(folder.file("test.etl"));
}

TEST(Drain, RaisesTheTimeOfARecordThatCameTooLate) {
    const TempFolder folder;
    const SavedSession saved = test_session(1, 8);
    auto drain = begin_drain(folder, saved);
    const auto a = test_stream(1, saved.geometry);
    const auto b = test_stream(2, saved.geometry);
    ASSERT_TRUE(drain->add_stream(a));
    ASSERT_TRUE(drain->add_stream(b));
    auto into_a = StreamWriter::over(*a);
    auto into_b = StreamWriter::over(*b);
    const int64_t start = counter_now();
    NumberedEvent event = numbered(0);
    ASSERT_TRUE(into_a->append(0, bytes_of(event), kTimeOffset, start));
    drain_all(*drain);
    event = numbered(1);
    ASSERT_TRUE(into_b->append(0, bytes_of(event), kTimeOffset, start - 1));
    event = numbered(2);
    ASSERT_TRUE(into_a->append(0, bytes_of(event), kTimeOffset, counter_now()));
    drain_all(*drain, Drain::Depth::kFinal);
    ASSERT_TRUE(drain->finish());
    const auto events = read_events(folder.file("test.etl"));
    ASSERT_EQ(events.size(), 3u);
    EXPECT_GE(events[1].time, events[0].time);
    EXPECT_EQ(events[1].number, 1u);
    EXPECT_SOUND_LOG(folder.file("test.etl"));
}

// A user who scribbles over his rings: his block is given up and counted, the others' events stay.
TEST(Drain, SkipsDamageOfOneUserOnly) {
    const TempFolder folder;
    const SavedSession saved = test_session(1, 8);
    auto drain = begin_drain(folder, saved);
    const auto good = test_stream(1, saved.geometry);
    const auto evil = test_stream(2, saved.geometry);
    ASSERT_TRUE(drain->add_stream(good));
    ASSERT_TRUE(drain->add_stream(evil));
    auto writer = StreamWriter::over(*good);
    append(*writer, 0, 0, 50);
    auto scribbler = StreamWriter::over(*evil);
    std::mt19937 random(7);
    for (int i = 0; i < 60; ++i) {
        NumberedEvent event = numbered(1'000'000);
        event.header.time_stamp = int64_t(random());
        event.header.size = uint16_t(random());
        event.header.header_type = uint8_t(random());
        scribbler->append(0, bytes_of(event), 0, 0);
    }
    drain_all(*drain, Drain::Depth::kFinal);
    ASSERT_TRUE(drain->finish());
    const auto numbers = numbers_of(read_events(folder.file("test.etl")));
    for (uint64_t i = 0; i < 50; ++i) {
        EXPECT_EQ(std::count(numbers.begin(), numbers.end(), i), 1) << i;
    }
    EXPECT_GT(drain->progress().buffers_lost, 0u);
}

TEST(Drain, SurvivesAnythingInTheMapping) {
    std::mt19937 random(11);
    for (int round = 0; round < 50; ++round) {
        const TempFolder folder;
        const SavedSession saved = test_session(2, 4);
        auto drain = begin_drain(folder, saved);
        for (const uint32_t uid : {1u, 2u}) {
            const auto stream = test_stream(uid, saved.geometry);
            ASSERT_TRUE(drain->add_stream(stream));
            const size_t size = saved.geometry.set_size();
            auto* words = static_cast<uint64_t*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                                        MAP_SHARED, stream->rings.fd().get(), 0));
            ASSERT_NE(words, MAP_FAILED);
            for (size_t i = 0; i < size / 8; ++i) {
                words[i] = random() % 3 == 0 ? random() % 0x20000000 : random() % 256;
            }
            ::munmap(words, size);
        }
        for (int pass = 0; pass < 20; ++pass) ASSERT_TRUE(drain->pass(Drain::Depth(pass % 3)));
        EXPECT_TRUE(drain->finish());
    }
}

// A disk without room: nothing is lost while the rings have room, whole buffers are when not, and
// the log goes on when there is room again.
TEST(Drain, KeepsWhatADiskDoesNotTakeUntilTheRingsAreFull) {
    const TempFolder folder;
    const SavedSession saved = test_session(1, 4);
    auto drain = begin_drain(folder, saved);
    const auto stream = test_stream(1, saved.geometry);
    ASSERT_TRUE(drain->add_stream(stream));
    auto writer = StreamWriter::over(*stream);
    const uint64_t per_block = (4096 - 72) / sizeof(NumberedEvent);
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit old{};
    ::getrlimit(RLIMIT_FSIZE, &old);
    const rlimit tight{4096, old.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &tight);
    ASSERT_EQ(append(*writer, 0, 0, per_block + 1), per_block + 1);
    const auto outcome = drain->pass(Drain::Depth::kFullBlocks);
    const bool kept = !drain->make_room();
    append(*writer, 0, per_block + 1, 2 * per_block);
    const bool dropped = drain->make_room();
    ::setrlimit(RLIMIT_FSIZE, &old);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, Code::kDiskFull);
    EXPECT_TRUE(kept);
    EXPECT_TRUE(dropped);
    EXPECT_EQ(drain->progress().buffers_lost, 1u);
    EXPECT_EQ(drain->events_lost(), per_block);
    drain_all(*drain, Drain::Depth::kFinal);
    ASSERT_TRUE(drain->finish());
    const auto numbers = numbers_of(read_events(folder.file("test.etl")));
    EXPECT_EQ(numbers.size(), 2 * per_block + 1);
    EXPECT_EQ(numbers.front(), per_block) << "the oldest block went";
    EXPECT_SOUND_LOG(folder.file("test.etl"));
}

// What programs without rings have sent stands in its stream when it is asked for, and not before.
struct WithSender {
    explicit WithSender(const SavedSession& session)
        : saved(session),
          drain(begin_drain(folder, saved)),
          rings(add_user(*drain, 1000, saved.geometry)),
          sent(add_user(*drain, kSocketStream, saved.geometry)) {}

    static void write(StreamWriter& writer, uint64_t number, int64_t time) {
        writer.append(0, bytes_of(numbered(number)), kTimeOffset, time);
    }
    std::vector<uint64_t> log() {
        drain_all(*drain, Drain::Depth::kFinal);
        EXPECT_TRUE(drain->finish());
        std::vector<uint64_t> out;
        for (const ReadEvent& event : read_events(folder.file("test.etl"))) {
            out.push_back(event.number);
        }
        return out;
    }

    TempFolder folder;
    SavedSession saved;
    std::unique_ptr<Drain> drain;
    StreamWriter rings;
    StreamWriter sent;
};

TEST(Drain, AwaitsWhatWasSentBeforeItLooksAtTheStreams) {
    WithSender test(test_session(1));
    const int64_t now = counter_now();
    WithSender::write(test.rings, 0, now);
    WithSender::write(test.rings, 2, now + 2);
    bool awaited = false;
    test.drain->set_await_sent([&](const auto& may_wait) {
        EXPECT_TRUE(may_wait());
        if (!std::exchange(awaited, true)) WithSender::write(test.sent, 1, now + 1);
    });
    drain_all(*test.drain);
    EXPECT_EQ(test.log(), (std::vector<uint64_t>{0, 1, 2}));
}

TEST(Drain, LeavesWhatIsNewerThanItsLookToWhatIsSentInBetween) {
    WithSender test(test_session(1));
    const uint64_t per_block = (4096 - 72) / sizeof(NumberedEvent);
    int64_t between = 0;
    test.drain->set_await_sent([&](const auto&) {
        if (between != 0) return;
        between = counter_now();
        append(test.rings, 0, 1, per_block + 1);
    });
    drain_all(*test.drain, Drain::Depth::kFullBlocks);
    WithSender::write(test.sent, 0, between);
    EXPECT_EQ(test.log(), first_numbers(per_block + 2));
}

TEST(Drain, DoesNotWaitForWhatWasSentWhileARingIsCrowded) {
    WithSender test(test_session(1, 4));
    append(test.rings, 0, 0, 3 * 4096 / sizeof(NumberedEvent));
    bool asked = false;
    test.drain->set_await_sent([&](const auto& may_wait) {
        if (std::exchange(asked, true)) return;
        EXPECT_FALSE(may_wait());
    });
    drain_all(*test.drain);
    EXPECT_TRUE(asked);
}

// The draining process is killed again and again while another writes: in the end every number is
// in the log once.
void expect_nothing_lost_nor_twice(const SavedSession& saved, size_t streams) {
    const TempFolder folder;
    constexpr uint64_t kEvents = 30'000;
    std::vector<std::shared_ptr<Stream>> all;
    {
        auto drain = begin_drain(folder, saved);
        for (size_t i = 0; i < streams; ++i) {
            all.push_back(test_stream(uint32_t(i), saved.geometry));
            ASSERT_TRUE(drain->add_stream(all.back()));
        }
    }
    // Goes up when the drain has been killed often enough: then the writer writes its last events.
    constexpr int kKills = 20;
    const auto kills = std::unique_ptr<std::atomic<int>, void (*)(std::atomic<int>*)>(
        static_cast<std::atomic<int>*>(::mmap(nullptr, sizeof(std::atomic<int>),
                                              PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                                              -1, 0)),
        [](std::atomic<int>* p) { ::munmap(p, sizeof(*p)); });
    const pid_t writer = ::fork();
    if (writer == 0) {
        std::vector<StreamWriter> out;
        for (const auto& stream : all) out.push_back(*StreamWriter::over(*stream));
        for (uint64_t i = 0; i < kEvents; ++i) {
            // Spread over the kills, however fast either side is.
            while (*kills < kKills && i >= (uint64_t(*kills) + 1) * kEvents / kKills) ::usleep(50);
            const NumberedEvent event = numbered(i);
            while (!out[i % streams].append(uint32_t(i / 7 % saved.geometry.cpus), bytes_of(event),
                                            kTimeOffset, counter_now())) {
                ::usleep(50);
            }
        }
        ::_exit(0);
    }
    std::mt19937 random(5);
    while (::waitpid(writer, nullptr, WNOHANG) == 0) {
        const pid_t child = ::fork();
        if (child == 0) {
            auto drain = resume_drain(folder, saved);
            for (const auto& stream : all) {
                if (!drain->add_stream(stream)) ::_exit(1);
            }
            for (int i = 0;; ++i) {
                if (!drain->pass(Drain::Depth(i % 2))) ::_exit(1);
            }
        }
        // Longer each time: a busy machine may take all of a short one to begin.
        ::usleep(useconds_t(random() % uint32_t(3000 + 200 * *kills)));
        ::kill(child, SIGKILL);
        int status = 0;
        ::waitpid(child, &status, 0);
        ASSERT_TRUE(WIFSIGNALED(status));
        ++*kills;
    }
    auto drain = resume_drain(folder, saved);
    for (const auto& stream : all) ASSERT_TRUE(drain->add_stream(stream));
    drain_all(*drain, Drain::Depth::kFinal);
    ASSERT_TRUE(drain->finish());
    EXPECT_GE(*kills, kKills - 1);
    EXPECT_EQ(numbers_of(read_events(folder.file("test.etl"))), first_numbers(kEvents));
    EXPECT_SOUND_LOG(folder.file("test.etl"));
}

TEST(Drain, KilledAtAnyInstructionLosesNothingAndWritesNothingTwice) {
    expect_nothing_lost_nor_twice(test_session(2, 8), 1);
}

TEST(Drain, KilledWhileMergingLosesNothingAndWritesNothingTwice) {
    expect_nothing_lost_nor_twice(test_session(2, 8), 3);
}

TEST(Drain, SaysWhenASequentialLogIsFullAndGoesOnInTheNextOne) {
    const TempFolder folder;
    SavedSession saved = test_session(1, 8);
    saved.properties.log_file_mode = kModeNewFile | kModeUseKilobytes;
    saved.properties.maximum_file_size = 8;  // the header and one buffer
    auto drain = begin_drain(folder, saved);
    const auto stream = test_stream(1, saved.geometry);
    ASSERT_TRUE(drain->add_stream(stream));
    auto writer = StreamWriter::over(*stream);
    const uint64_t per_block = (4096 - 72) / sizeof(NumberedEvent);
    append(*writer, 0, 0, 2 * per_block);
    const auto outcome = drain->pass(Drain::Depth::kAll);
    ASSERT_TRUE(outcome);
    ASSERT_EQ(*outcome, Drain::Outcome::kLimitReached);
    auto next = File::create(folder.file("2.etl"), true);
    ASSERT_TRUE(drain->switch_log(UniqueFd(::dup(next->fd().get())), "2.etl", 2));
    drain_all(*drain);
    ASSERT_TRUE(drain->finish());
    EXPECT_EQ(numbers_of(read_events(folder.file("test.etl"))), first_numbers(per_block));
    EXPECT_EQ(read_events(folder.file("2.etl")).size(), per_block);
    EXPECT_SOUND_LOG(folder.file("test.etl"));
    EXPECT_SOUND_LOG(folder.file("2.etl"));
}

}  // namespace
}  // namespace etw::host
