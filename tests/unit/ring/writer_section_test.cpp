// The rarer steps of the write section (a new block, gathered pieces) under interruption: blocks
// hold two or three records, so that every other write takes all of them, and a timer's handler
// writes in between. A step that were not in the section would go on with a stale head: records of
// the handler would vanish or be torn.
#include "rings.h"

#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <random>
#include <thread>

extern "C" {
extern const unsigned __rseq_size __attribute__((weak));
}

namespace etw::ring {
namespace {

constexpr uint32_t kBlockSize = 4096;
constexpr uint32_t kRecordSize = 1328;  // three in a block
constexpr uint32_t kMinorSize = 1704;   // two in a block; of the handler

RingSet make_set(uint32_t blocks) { return *RingSet::create({cpu_count(), blocks, kBlockSize, 0}); }

// A record whose head comes staged, as an event header or with items behind that, taking turns, and
// whose payload lies in pieces of odd sizes. No allocation, so that a handler can use it.
template <uint32_t kSize>
class Gathered {
public:
    Outcome write(Attached& ring, uint32_t writer, uint64_t sequence) {
        const TestRecord start(kSize, writer, sequence);
        std::memcpy(head_.data(), &start, sizeof(start));
        for (size_t at = sizeof(start); at < kSize; ++at) {
            const auto byte = std::byte(fill_byte(writer, sequence, at));
            (at < kHead ? head_[at] : payload_[at - kHead]) = byte;
        }
        sequence_ = sequence;
        if (sequence % 3 == 0) return write_staged(ring.map());
        take_header(ring.map());
        const bool described = sequence % 3 == 1;
        if (described) {
            std::memcpy(provider_.traits, payload_.data(), kTraits);
            std::memcpy(described_.item, payload_.data() + kTraits, kSchema);
        }
        const size_t at = described ? kTraits + kSchema : 0;
        const uint64_t count = gather(at);
        const uint64_t extent = (described ? kSize - kTraits : kSize) | count << 32;
        if (described) {
            return Outcome(etw_ring_write_described(&provider_.source, &described_.event, kState,
                                                    pieces_.data(), extent, rseq_area(), activity_,
                                                    identity_));
        }
        return Outcome(etw_ring_write_event(&provider_.source, &described_.event.descriptor, kState,
                                            pieces_.data(), extent, rseq_area(), activity_,
                                            identity_));
    }

    uint64_t rests = 0;  // that the quick sections did not write

private:
    static constexpr size_t kHead = sizeof(wire::EventHeader);
    static constexpr size_t kTraits = 40, kSchema = 24;
    static constexpr uint64_t kState = 0x10005;

    Outcome write_staged(WriterMap& map) {
        return write_record({&map, 1, head_.data(), pieces_.data(), kHead, gather(0), kSize,
                             offsetof(TestRecord, time_stamp)});
    }
    static uint32_t write_rest(const EventSource* source, const void*, uint64_t, const Piece*,
                               uint64_t, uint32_t, HeaderPart) noexcept {
        Gathered& self = *reinterpret_cast<const Provider*>(source)->owner;
        ++self.rests;
        return uint32_t(self.write_staged(*source->map.load()));
    }
    // The payload from there on. How many pieces it is in.
    uint32_t gather(size_t at) {
        uint32_t count = 0;
        for (size_t size = sequence_ % 16; at < payload_.size();
             at += size, size = (size * 5 + 3) % 61) {
            ETW_ASSERT(count < pieces_.size());
            pieces_[count++] = {payload_.data() + at,
                                uint32_t(std::min(size, payload_.size() - at)), 0};
        }
        return count;
    }
    void take_header(WriterMap& map) {
        EventSource& source = provider_.source;
        provider_.owner = this;
        source.state = kState;
        source.map = &map;
        source.rings = map.rings;
        source.ring_size = map.ring_size;
        source.generation = 1;
        source.traits_size = kTraits;
        source.rest = write_rest;
        described_.event.item_size = kSchema;
        const auto take = [&](auto& to, size_t at) {
            std::memcpy(&to, head_.data() + at, sizeof(to));
        };
        take(source.provider_id, ETW_EVENT_PROVIDER_ID);
        take(described_.event.descriptor, ETW_EVENT_DESCRIPTOR);
        take(activity_, ETW_EVENT_ACTIVITY);
        uint64_t identity = 0;
        take(identity, ETW_EVENT_IDENTITY);
        identity_ = HeaderPart{identity, 0};
    }

    std::array<std::byte, kHead> head_;
    std::array<std::byte, kSize - kHead> payload_;
    std::array<Piece, 256> pieces_;
    struct Provider {
        EventSource source;
        std::byte traits[kTraits];
        Gathered* owner;
    } provider_{};
    struct {
        etw_event event;
        std::byte item[kSchema];
    } described_{};
    HeaderPart activity_{}, identity_{};
    uint64_t sequence_ = 0;
};

// Only what a handler may touch.
Attached* g_ring;
Gathered<kMinorSize> g_minor;
uint32_t g_minor_writer;
std::atomic<uint64_t>*g_minor_written, *g_minor_refused;
uint64_t g_minor_sequence;

void write_in_handler(int) {
    const bool written =
        g_minor.write(*g_ring, g_minor_writer, g_minor_sequence++) == Outcome::kWritten;
    (written ? g_minor_written : g_minor_refused)->fetch_add(1, std::memory_order_relaxed);
}

void start_timer() {
    struct sigaction action {};
    action.sa_handler = write_in_handler;
    ETW_ASSERT(::sigaction(SIGALRM, &action, nullptr) == 0);
    const itimerval often = {{0, 50}, {0, 50}};
    ::setitimer(ITIMER_REAL, &often, nullptr);
}

void stop_timer() {
    const itimerval never = {};
    ::setitimer(ITIMER_REAL, &never, nullptr);
    ::signal(SIGALRM, SIG_IGN);
}

TEST(RingWriterSection, HoldsWhenSignalsInterruptBlockSwitchesAndPieces) {
    RingSet set = make_set(16);
    Attached writer(set);
    std::atomic<uint64_t> minor_written = 0, minor_refused = 0;
    g_ring = &writer;
    g_minor_writer = 2;
    g_minor_written = &minor_written;
    g_minor_refused = &minor_refused;
    Gathered<kRecordSize> major;
    CheckingReader reader(set);
    uint64_t written = 0, refused = 0, i = 0;
    start_timer();
    for (; minor_written + minor_refused < 20'000; ++i) {
        const Outcome outcome = major.write(writer, 1, i);
        (outcome == Outcome::kWritten ? written : refused) += 1;
        if (i % 8 == 0) reader.pass();
    }
    stop_timer();
    reader.pass();
    EXPECT_EQ(reader.torn + reader.damages + reader.disorder, 0u);
    EXPECT_EQ(reader.records_of[1], written);
    EXPECT_EQ(reader.records_of[2], minor_written);
    EXPECT_EQ(reader.lost(), refused + minor_refused);
    EXPECT_GT(major.rests, 0u);
    EXPECT_LT(major.rests, i / 2);  // of two thirds
}

// What a writer knows about itself, in memory that survives it.
struct Tally {
    std::atomic<uint64_t> written, minor_written, minor_refused;
};
constexpr uint32_t kMaxWriters = 1024;

pid_t spawn_interrupted_writer(const RingSet& set, uint32_t id, Tally& tally) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    Attached writer(set);
    g_ring = &writer;
    g_minor_writer = id + kMaxWriters;
    g_minor_written = &tally.minor_written;
    g_minor_refused = &tally.minor_refused;
    start_timer();
    Gathered<kRecordSize> major;
    for (uint64_t sequence = 0;; ++sequence) {
        const Outcome outcome = major.write(writer, id, sequence);
        if (outcome == Outcome::kWritten) tally.written.fetch_add(1, std::memory_order_relaxed);
    }
}

// A writer dies between its commit and its own count at worst.
void expect_all(CheckingReader& reader, uint32_t writer, uint64_t counted) {
    EXPECT_GE(reader.records_of[writer], counted) << "writer " << writer;
    EXPECT_LE(reader.records_of[writer], counted + 1) << "writer " << writer;
}

TEST(RingWriterSection, LosesNothingOfInterruptedWritersThatAreKilled) {
    RingSet set = make_set(16);
    void* memory = ::mmap(nullptr, kMaxWriters * sizeof(Tally), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    auto* tallies = static_cast<Tally*>(memory);
    CheckingReader reader(set);
    std::vector<pid_t> writers;
    uint32_t next_id = 1;
    const auto spawn = [&] {
        const uint32_t id = next_id++;
        return spawn_interrupted_writer(set, id, tallies[id]);
    };
    for (int i = 0; i < 4; ++i) writers.push_back(spawn());
    std::minstd_rand random(std::random_device{}());
    const auto end = [](pid_t writer) {
        ::kill(writer, SIGKILL);
        int status = 0;
        ::waitpid(writer, &status, 0);
        EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "status " << status;
    };
    for (int kills = 0; kills < 300; ++kills) {
        for (unsigned passes = 1 + unsigned(random() % 60); passes != 0; --passes) reader.pass();
        pid_t& victim = writers[random() % writers.size()];
        end(victim);
        victim = spawn();
    }
    for (const pid_t writer : writers) end(writer);
    while (reader.pass()) {
    }
    EXPECT_GT(reader.records, 1000u);
    EXPECT_EQ(reader.torn + reader.damages + reader.disorder, 0u);
    for (uint32_t id = 1; id < next_id; ++id) {
        expect_all(reader, id, tallies[id].written);
        expect_all(reader, id + kMaxWriters, tallies[id].minor_written);
    }
    ::munmap(memory, kMaxWriters * sizeof(Tally));
}

TEST(RingWriterSection, GathersListsOfOddSizesAndEndsTheLastWordWithZeros) {
    RingSet set = make_set(4);
    Attached writer(set);
    const OnCpu pinned(0);
    std::byte* const data = writer.base() + set.geometry().ring_offset(0) +
                            set.geometry().control_size() + wire::kRingFirstOffset;
    constexpr size_t kRoom = kBlockSize - wire::kRingFirstOffset;
    std::minstd_rand random(11);
    for (int round = 0; round < 3000; ++round) {
        writer.control(set, 0).head = wire::ring_position(0, wire::kRingFirstOffset);
        std::memset(data, 0xEE, kRoom);
        const auto staged = make_record(1, uint64_t(round), uint32_t(32 + random() % 5 * 8));
        std::vector<std::byte> expected = staged;
        std::vector<std::vector<std::byte>> payloads;
        for (size_t count = random() % 9; count != 0; --count) {
            payloads.emplace_back(random() % (round % 2 != 0 ? 10 : 90));
            for (std::byte& byte : payloads.back()) byte = std::byte(random());
            expected.insert(expected.end(), payloads.back().begin(), payloads.back().end());
        }
        std::vector<Piece> pieces;
        for (const auto& payload : payloads)
            pieces.push_back({payload.data(), uint32_t(payload.size()), 0xFFFFFFFF});
        expected.resize(wire::align8(expected.size()));
        Record record{&writer.map(),
                      1,
                      staged.data(),
                      pieces.data(),
                      uint32_t(staged.size()),
                      uint32_t(pieces.size()),
                      uint32_t(expected.size()),
                      offsetof(TestRecord, time_stamp)};
        ASSERT_EQ(write_record(record), Outcome::kWritten);
        std::memcpy(expected.data() + record.time_stamp_offset, data + record.time_stamp_offset, 8);
        ASSERT_EQ(std::memcmp(data, expected.data(), expected.size()), 0) << "round " << round;
        ASSERT_EQ(data[expected.size()], std::byte{0xEE}) << "round " << round;
    }
}

// Everything again where libc registers no area for restartable sequences: in a process that was
// started so, because the setting is read before main().
TEST(RingWriterOwnArea, CarriesTheSectionsWhereLibcRegistersNone) {
    if (::getenv("ETW_TEST_OWN_AREA") != nullptr) {
        ASSERT_TRUE(&__rseq_size == nullptr || __rseq_size == 0);
        bool usable = false;
        std::thread([&] { usable = sequences_usable(); }).join();
        ASSERT_TRUE(usable && sequences_usable());
        return;
    }
    const pid_t child = ::fork();
    if (child == 0) {
        ::setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
        ::setenv("ETW_TEST_OWN_AREA", "1", 1);
        ::execl("/proc/self/exe", "ring_test", "--gtest_brief=1",
                "--gtest_filter=RingWriter.*:RingWriterSection.*:RingWriterOwnArea.*", nullptr);
        ::_exit(127);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace etw::ring
