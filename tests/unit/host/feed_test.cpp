// What consumers get of a session, and what they are told they have lost.
#include "backend_linux/delivery_reader.h"
#include "etl/live_merge.h"
#include "fixtures.h"
#include "host/recording/drain.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <atomic>
#include <csignal>
#include <random>

namespace etw::host {
namespace {

constexpr uint64_t kSmall = wire::kMinDeliveryCapacity;
constexpr uint64_t kLarge = uint64_t{64} << 20;

DeliveryRing make_ring(uint64_t capacity) {
    auto ring = DeliveryRing::create(capacity);
    ETW_ASSERT(ring);
    return *std::move(ring);
}

std::unique_ptr<Drain> begin_live(const TempFolder& folder, const SavedSession& saved,
                                  DeliveryRing ring) {
    auto checkpoint = Checkpoint::create(folder.file("checkpoint"), saved.geometry.cpus);
    auto drain = std::make_unique<Drain>(saved, std::nullopt, std::move(*checkpoint),
                                         Progress(saved.geometry.cpus));
    drain->start_feed(std::move(ring));
    return drain;
}

std::unique_ptr<Drain> resume_live(const TempFolder& folder, const SavedSession& saved,
                                   const UniqueFd& ring) {
    auto checkpoint = Checkpoint::open(folder.file("checkpoint"), saved.geometry.cpus);
    auto progress = checkpoint->load();
    auto adopted = DeliveryRing::adopt(UniqueFd(::dup(ring.get())), progress->delivery);
    if (!adopted) return nullptr;
    auto drain =
        std::make_unique<Drain>(saved, std::nullopt, std::move(*checkpoint), std::move(*progress));
    drain->start_feed(std::move(*adopted));
    return drain;
}

// A consumer in the same process.
class TestConsumer {
public:
    TestConsumer(Drain& drain, uint64_t id) : id_(id) {
        auto page = ConsumerPageMapping::create();
        map_page(page->fd());
        int pair[2];
        ETW_ASSERT(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
        socket_.reset(pair[0]);
        ConsumerEnd end{id, UniqueFd(pair[1]), std::move(*page)};
        const uint64_t number = drain.add_consumer(std::move(end));
        read_from(drain.delivery_ring(), number);
    }
    // One that no host knows, at the beginning of a ring.
    explicit TestConsumer(const DeliveryRing& ring) {
        const auto page = ConsumerPageMapping::create();
        map_page(page->fd());
        read_from(ring, 0);
    }
    ~TestConsumer() {
        ::munmap(page_, wire::kConsumerPageSize);
        ::munmap(ring_, ring_size_);
    }
    TestConsumer(const TestConsumer&) = delete;
    TestConsumer& operator=(const TestConsumer&) = delete;

    // Numbers of the events that are there, in the order of their times.
    std::vector<uint64_t> read() {
        etl::LiveMerge::Buffer buffer;
        const int64_t until = reader_->header().complete_until.load();
        while (reader_->take(buffer) == backend_linux::DeliveryReader::Got::kBuffer) {
            merge_.add(std::move(buffer));
            ++buffers_;
        }
        merge_.complete_until(until);
        std::vector<uint64_t> out;
        etl::Record record;
        while (merge_.next(record)) {
            uint64_t number = 0;
            std::memcpy(&number, record.payload.data(), sizeof(number));
            out.push_back(number);
        }
        return out;
    }
    bool was_woken() {
        char byte = 0;
        return ::recv(socket_.get(), &byte, 1, MSG_DONTWAIT) == 1;
    }
    backend_linux::DeliveryReader& reader() { return *reader_; }
    uint64_t buffers() const { return buffers_; }
    uint64_t id() const { return id_; }

private:
    void map_page(const UniqueFd& fd) {
        page_ = static_cast<wire::ConsumerPage*>(::mmap(
            nullptr, wire::kConsumerPageSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0));
    }
    void read_from(const DeliveryRing& ring, uint64_t number) {
        const auto fd = ring.read_only();
        ring_size_ = wire::kDeliveryHeaderSize + ring.capacity();
        EXPECT_EQ(::mmap(nullptr, ring_size_, PROT_WRITE, MAP_SHARED, fd->get(), 0), MAP_FAILED)
            << "a consumer could write";
        ring_ = ::mmap(nullptr, ring_size_, PROT_READ, MAP_SHARED, fd->get(), 0);
        const Bytes bytes(static_cast<const std::byte*>(ring_), ring_size_);
        reader_.emplace(*backend_linux::DeliveryReader::over(bytes, *page_, ring.id(), number));
    }

    uint64_t id_ = 0;
    UniqueFd socket_;
    wire::ConsumerPage* page_ = nullptr;
    void* ring_ = nullptr;
    size_t ring_size_ = 0;
    std::optional<backend_linux::DeliveryReader> reader_;
    etl::LiveMerge merge_;
    uint64_t buffers_ = 0;
};

// Until all that was written before this call may be read.
void settle(Drain& drain) {
    const int64_t now = counter_now();
    do {
        drain.deliver();
    } while (drain.delivery_ring().header().complete_until.load() < now);
}

// The session goes on in a new file.
Status switch_to(Drain& drain, const std::string& path, bool ends_feed) {
    ETW_TRY(const File file, File::create(path, true));
    return drain.switch_log(UniqueFd(::dup(file.fd().get())), path, 1, ends_feed);
}

TEST(Feed, WakesItsConsumersUntilTheNewestRecordsAreCovered) {
    const TempFolder folder;
    const SavedSession saved = test_session(1, 4);
    auto drain = begin_live(folder, saved, make_ring(kLarge));
    StreamWriter writer = add_user(*drain, 1000, saved.geometry);
    TestConsumer consumer(*drain, 1);
    append(writer, 0, 0, 3);
    const int64_t written = counter_now();
    bool woken = false;
    do {  // far more often than the time for which records are held back
        consumer.reader().page().sleeps.store(1);
        drain->deliver();
        woken = consumer.was_woken();
    } while (drain->delivery_ring().header().complete_until.load() < written);
    EXPECT_TRUE(woken) << "it sleeps, and the records can be read only now";
    EXPECT_EQ(consumer.read().size(), 3u);
}

TEST(Feed, DeliversWithoutALogAndLetsTheWritersGoOn) {
    const TempFolder folder;
    const SavedSession saved = test_session(2, 4);
    auto drain = begin_live(folder, saved, make_ring(kLarge));
    StreamWriter writer = add_user(*drain, 1000, saved.geometry);
    TestConsumer consumer(*drain, 1);
    std::vector<uint64_t> seen;
    for (uint64_t i = 0; i < 100; ++i) {
        ASSERT_EQ(append(writer, uint32_t(i % 2), i * 100, 100), 100u) << "the ring is full";
        settle(*drain);
        const auto some = consumer.read();
        seen.insert(seen.end(), some.begin(), some.end());
    }
    EXPECT_EQ(seen, first_numbers(10'000));
    EXPECT_EQ(consumer.reader().lost(), 0u);
}

// What waited for a consumer goes to the log that takes the feed's place, wherever a consumer says
// that it is.
TEST(Feed, BacklogIsWholeWhateverAConsumerStores) {
    const TempFolder folder;
    const SavedSession saved = test_session(1, 8);
    auto drain = begin_live(folder, saved, make_ring(kLarge));
    StreamWriter writer = add_user(*drain, 1000, saved.geometry);
    {
        TestConsumer consumer(*drain, 1);
        append(writer, 0, 0, 60);
        drain->deliver();
        consumer.reader().page().position.store(wire::kDeliveryAlignment);  // amid a chunk
        drain->remove_consumer(1);
    }
    ASSERT_TRUE(switch_to(*drain, folder.file("log.etl"), true));
    drain_all(*drain, Drain::Depth::kFinal);
    ASSERT_TRUE(drain->finish());
    EXPECT_EQ(numbers_of(read_events(folder.file("log.etl"))), first_numbers(60));
    EXPECT_SOUND_LOG(folder.file("log.etl"));
}

// Not only once somebody has been told: what comes meanwhile would be in both.
TEST(Feed, EndsWhereTheLogBeginsThatTakesItsPlace) {
    const TempFolder folder;
    const SavedSession saved = test_session(1, 8);
    auto drain = begin_live(folder, saved, make_ring(kLarge));
    StreamWriter writer = add_user(*drain, 1000, saved.geometry);
    TestConsumer consumer(*drain, 1);
    append(writer, 0, 0, 30);
    settle(*drain);
    append(writer, 0, 30, 30);
    ASSERT_TRUE(switch_to(*drain, folder.file("log.etl"), true));
    EXPECT_EQ(consumer.reader().header().state, wire::DeliveryState::kCutOff);
    EXPECT_FALSE(drain->has_feed());
    append(writer, 0, 60, 30);
    drain->deliver();
    drain_all(*drain, Drain::Depth::kFinal);
    ASSERT_TRUE(drain->finish());
    EXPECT_EQ(consumer.read(), first_numbers(30));
    std::vector<uint64_t> rest = first_numbers(90);
    rest.erase(rest.begin(), rest.begin() + 30);
    EXPECT_EQ(numbers_of(read_events(folder.file("log.etl"))), rest);
    EXPECT_EQ(drain->progress().delivery.ring, 0u);
}

// The log that the session had has it.
TEST(Feed, BacklogOfASessionWithALogIsNotWrittenTwice) {
    const TempFolder folder;
    const SavedSession saved = test_session(1, 8);
    auto drain = begin_live(folder, saved, make_ring(kLarge));
    StreamWriter writer = add_user(*drain, 1000, saved.geometry);
    for (const char* name : {"1.etl", "2.etl"}) {
        const bool ends_feed = std::string_view(name) == "2.etl";
        ASSERT_TRUE(switch_to(*drain, folder.file(name), ends_feed));
        append(writer, 0, ends_feed ? 30 : 0, 30);
        drain->deliver();
        drain_all(*drain, Drain::Depth::kFinal);
    }
    ASSERT_TRUE(drain->finish());
    EXPECT_EQ(numbers_of(read_events(folder.file("1.etl"))), first_numbers(30));
    EXPECT_EQ(numbers_of(read_events(folder.file("2.etl"))).front(), 30u);
}

TEST(Feed, OrdersTheProcessorsByTime) {
    const TempFolder folder;
    const SavedSession saved = test_session(2, 64);
    auto drain = begin_live(folder, saved, make_ring(kLarge));
    std::vector<StreamWriter> writers;
    for (const uint32_t uid : {1u, 2u}) {
        const auto stream = test_stream(uid, saved.geometry);
        ASSERT_TRUE(drain->add_stream(stream));
        writers.push_back(*StreamWriter::over(*stream));
    }
    TestConsumer consumer(*drain, 1);
    std::mt19937 random(3);
    std::vector<uint64_t> seen;
    for (uint64_t i = 0; i < 5000; ++i) {
        append(writers[random() % 2], random() % 2, i, 1);
        if (random() % 100 == 0) drain->deliver();
        const auto some = consumer.read();
        seen.insert(seen.end(), some.begin(), some.end());
    }
    settle(*drain);
    const auto rest = consumer.read();
    seen.insert(seen.end(), rest.begin(), rest.end());
    EXPECT_EQ(seen, first_numbers(5000));
}

TEST(Feed, CountsForEachConsumerExactlyTheBuffersItWasTooLateFor) {
    const TempFolder folder;
    const SavedSession saved = test_session(2, 8);
    auto drain = begin_live(folder, saved, make_ring(kSmall));
    StreamWriter writer = add_user(*drain, 1000, saved.geometry);
    TestConsumer quick(*drain, 1);
    TestConsumer slow(*drain, 2);
    uint64_t seen = 0;
    uint64_t sent = 0;
    for (int i = 0; i < 200; ++i) {
        sent += append(writer, uint32_t(i % 2), sent, 100);
        settle(*drain);
        seen += quick.read().size();
        if (i % 50 == 49) slow.read();
    }
    slow.read();
    EXPECT_EQ(seen, sent);
    EXPECT_EQ(quick.reader().lost(), 0u);
    EXPECT_GT(slow.reader().lost(), 0u);
    EXPECT_EQ(slow.buffers() + slow.reader().lost(), quick.buffers());
    EXPECT_EQ(drain->progress().delivery.buffers_lost, slow.reader().lost());
}

TEST(Feed, KeepsABacklogForTheFirstConsumerOnly) {
    const TempFolder folder;
    const SavedSession saved = test_session(1, 8);
    auto drain = begin_live(folder, saved, make_ring(kSmall));
    StreamWriter writer = add_user(*drain, 1000, saved.geometry);
    append(writer, 0, 0, 50);
    settle(*drain);
    TestConsumer first(*drain, 1);
    TestConsumer second(*drain, 2);
    EXPECT_EQ(first.read(), first_numbers(50));
    EXPECT_TRUE(second.read().empty());
    drain->remove_consumer(1);
    drain->remove_consumer(2);
    append(writer, 0, 50, 10);
    settle(*drain);
    TestConsumer third(*drain, 3);
    EXPECT_EQ(third.read().size(), 10u) << "what somebody has had is not delivered again";
    drain->remove_consumer(3);
    for (uint64_t i = 0; i < 40; ++i) {
        append(writer, 0, 60 + i * 100, 100);
        settle(*drain);
    }
    TestConsumer last(*drain, 4);
    const auto newest = last.read();
    EXPECT_EQ(newest.back(), 60u + 3999);
    EXPECT_EQ(last.reader().lost(), 0u) << "it was not there";
    EXPECT_GT(drain->progress().delivery.buffers_lost, 0u) << "but somebody might have been";
}

TEST(Feed, WakesOnlyConsumersThatSleep) {
    const TempFolder folder;
    const SavedSession saved = test_session(1, 8);
    auto drain = begin_live(folder, saved, make_ring(kSmall));
    StreamWriter writer = add_user(*drain, 1000, saved.geometry);
    TestConsumer awake(*drain, 1);
    TestConsumer asleep(*drain, 2);
    asleep.reader().page().sleeps = 1;
    drain->deliver();
    EXPECT_FALSE(asleep.was_woken()) << "nothing has happened";
    append(writer, 0, 0, 1);
    drain->deliver();
    EXPECT_TRUE(asleep.was_woken());
    EXPECT_FALSE(awake.was_woken());
}

// A page may hold anything at any time: the host neither hangs nor harms other consumers.
TEST(Feed, SurvivesAnythingInAConsumersPage) {
    const TempFolder folder;
    const SavedSession saved = test_session(1, 8);
    auto drain = begin_live(folder, saved, make_ring(kSmall));
    StreamWriter writer = add_user(*drain, 1000, saved.geometry);
    TestConsumer good(*drain, 1);
    TestConsumer evil(*drain, 2);
    std::mt19937_64 random(1);
    uint64_t seen = 0;
    for (uint64_t i = 0; i < 200; ++i) {
        evil.reader().page().position = random() >> (random() % 64);
        evil.reader().page().sleeps = uint32_t(random());
        append(writer, 0, i * 50, 50);
        settle(*drain);
        seen += good.read().size();
        evil.read();
    }
    EXPECT_EQ(seen, 10'000u);
    EXPECT_EQ(good.reader().lost(), 0u);
    drain->remove_consumer(1);
    drain->remove_consumer(2);
    TestConsumer next(*drain, 3);
    next.read();
}

TEST(Feed, LeavesTheLogAsItWouldBeWithoutConsumers) {
    const TempFolder folder;
    const SavedSession saved = test_session(1, 8);
    auto drain = begin_drain(folder, saved);
    StreamWriter writer = add_user(*drain, 1000, saved.geometry);
    append(writer, 0, 0, 10);
    drain->start_feed(make_ring(kSmall));
    TestConsumer consumer(*drain, 1);
    const uint32_t before = drain->progress().position.buffers_written;
    append(writer, 0, 10, 20);
    settle(*drain);
    EXPECT_EQ(consumer.read().size(), 20u) << "from now on";
    EXPECT_EQ(drain->progress().position.buffers_written, before);
    drain_all(*drain, Drain::Depth::kFinal);
    drain->end_feed(wire::DeliveryState::kEnded);
    ASSERT_TRUE(drain->finish());
    EXPECT_EQ(numbers_of(read_events(folder.file("test.etl"))), first_numbers(30));
    EXPECT_SOUND_LOG(folder.file("test.etl"));
}

// What runs as a session of kernel events begins is told before anybody can be there to see it.
TEST(Feed, DeliversWhatASessionWithALogBeganWith) {
    const TempFolder folder;
    const SavedSession saved = test_session(1, 8);
    auto drain = awaiting_drain(folder, saved, LogBegin::kReplace);
    StreamWriter writer = add_user(*drain, 1000, saved.geometry);
    append(writer, 0, 0, 10);
    drain->start_feed(make_ring(kSmall));
    auto file = File::create(folder.file("test.etl"), false);
    ASSERT_TRUE(drain->begin_log(UniqueFd(::dup(file->fd().get()))));
    append(writer, 0, 10, 20);
    settle(*drain);
    TestConsumer consumer(*drain, 1);
    EXPECT_EQ(consumer.read().size(), 30u);
    drain_all(*drain, Drain::Depth::kFinal);
    drain->end_feed(wire::DeliveryState::kEnded);
    ASSERT_TRUE(drain->finish());
    EXPECT_EQ(numbers_of(read_events(folder.file("test.etl"))), first_numbers(30));
}

// The draining process is killed again and again while another writes: in the end every number has
// been delivered once.
TEST(Feed, KilledAtAnyInstructionDeliversEverythingOnce) {
    const TempFolder folder;
    const SavedSession saved = test_session(2, 8);
    constexpr uint64_t kEvents = 30'000;
    constexpr int kKills = 20;
    const auto stream = test_stream(1000, saved.geometry);
    UniqueFd ring;
    {
        auto drain = begin_live(folder, saved, make_ring(kLarge));
        ASSERT_TRUE(drain->add_stream(stream));
        ring.reset(::dup(drain->delivery_ring().fd().get()));
    }
    auto* kills = static_cast<std::atomic<int>*>(::mmap(nullptr, sizeof(std::atomic<int>),
                                                        PROT_READ | PROT_WRITE,
                                                        MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    const pid_t writer = ::fork();
    if (writer == 0) {
        auto out = *StreamWriter::over(*stream);
        for (uint64_t i = 0; i < kEvents; ++i) {
            while (*kills < kKills && i >= (uint64_t(*kills) + 1) * kEvents / kKills) ::usleep(50);
            while (append(out, uint32_t(i / 7 % 2), i, 1) == 0) ::usleep(50);
        }
        ::_exit(0);
    }
    std::mt19937 random(5);
    while (::waitpid(writer, nullptr, WNOHANG) == 0) {
        const pid_t child = ::fork();
        if (child == 0) {
            auto drain = resume_live(folder, saved, ring);
            if (drain == nullptr || !drain->add_stream(stream)) ::_exit(1);
            for (;;) drain->deliver();
        }
        // Longer each time: a busy machine may take all of a short one to begin.
        ::usleep(useconds_t(random() % uint32_t(3000 + 200 * *kills)));
        ::kill(child, SIGKILL);
        int status = 0;
        ::waitpid(child, &status, 0);
        ASSERT_TRUE(WIFSIGNALED(status));
        ++*kills;
    }
    ::munmap(kills, sizeof(*kills));
    auto drain = resume_live(folder, saved, ring);
    ASSERT_TRUE(drain->add_stream(stream));
    TestConsumer consumer(drain->delivery_ring());
    settle(*drain);
    auto numbers = consumer.read();
    std::sort(numbers.begin(), numbers.end());
    EXPECT_EQ(numbers, first_numbers(kEvents));
    EXPECT_EQ(consumer.reader().lost(), 0u);
}

}  // namespace
}  // namespace etw::host
