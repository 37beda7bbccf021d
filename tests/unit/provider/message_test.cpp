// Trace messages: the record byte for byte, from C and from C++.
#include "base/sha1.h"
#include "messages_expect.h"
#include "support/fake_host.h"

#include <gtest/gtest.h>

#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <set>
#include <thread>

namespace etw::provider {
namespace {

using Record = std::vector<std::byte>;

FakeHost* g_host;
uint16_t g_last_number;

template <class T>
T at(const Record& record, size_t offset) {
    T value{};
    EXPECT_LE(offset + sizeof(value), record.size());
    std::memcpy(static_cast<void*>(&value), record.data() + offset, sizeof(value));
    return value;
}
uint16_t number_of(const Record& record) { return at<uint16_t>(record, 4); }
std::string values_of(const Record& record, size_t head = 40) {
    return std::string(reinterpret_cast<const char*>(record.data()) + head, record.size() - head);
}

class Message : public testing::Test {
protected:
    void SetUp() override { runtime_dir(); }
    void TearDown() override {
        messages_c_cleanup();
        messages_cpp_cleanup();
        host_->serve_until([&] { return host_->unregistered == host_->registered.size(); });
        g_host = nullptr;
    }
    // Both languages' controls are the same objects.
    void start(uint64_t flags = ~uint64_t{0}, uint8_t level = 5, bool rings = true,
               uint32_t ring_flags = 0) {
        constexpr uint32_t kBlocks = 64;  // nothing is refused, however late a test takes it
        host_.emplace(rings, kBlocks, 65536, ring_flags);
        host_->with_numbers = ring_flags != 0;
        host_->enable.match_any_keyword = flags;
        host_->enable.level = level;
        host_->ring_doorbell();
        g_host = &*host_;
        std::atomic<bool> done = false;
        std::thread app([&] {
            messages_c_init();
            messages_cpp_init();
            done = true;
        });
        EXPECT_TRUE(host_->serve_until([&] { return done && host_->registered.size() == 2; }));
        app.join();
    }
    std::optional<FakeHost> host_;
};

TEST_F(Message, IsTheCompactRecord) {
    start();
    messages_c_two_integers(7, -2);
    const auto records = host_->take_records();
    ASSERT_EQ(records.size(), 1u);
    const Record& record = records[0];
    ASSERT_EQ(record.size(), 48u);
    EXPECT_EQ(at<uint16_t>(record, 0), 48);
    EXPECT_EQ(at<uint16_t>(record, 2), 0x9000);
    EXPECT_GE(number_of(record), 10);
    EXPECT_EQ(at<uint16_t>(record, 6), 0xAA);
    EXPECT_NE(at<int64_t>(record, 24), 0);
    EXPECT_EQ(at<uint32_t>(record, 32), uint32_t(::gettid()));
    EXPECT_EQ(at<uint32_t>(record, 36), uint32_t(::getpid()));
    EXPECT_EQ(values_of(record), std::string("\7\0\0\0\xFE\xFF\xFF\xFF", 8));
}

TEST_F(Message, HasTheGuidOfItsSourceFile) {
    start();
    messages_c_two_integers(1, 2);
    messages_cpp_two_integers(1, 2);
    const auto records = host_->take_records();
    ASSERT_EQ(records.size(), 2u);
    const Guid control = *parse_guid("d58c126f-b309-11d1-969e-0000f875a5bc");
    const std::string file = messages_c_source();
    EXPECT_EQ(at<Guid>(records[0], 8), uuid5(control, file.data(), file.size()));
    EXPECT_NE(at<Guid>(records[0], 8), at<Guid>(records[1], 8));
}

TEST(Uuid5, IsThatOfTheStandard) {  // RFC 9562, A.4
    const Guid dns = *parse_guid("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
    EXPECT_EQ(to_string(uuid5(dns, "www.example.com", 15)), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

TEST_F(Message, OnTheSameLineAsAnotherHasANumberOfItsOwn) {
    start();
    messages_c_two_on_a_line(7);
    const auto records = host_->take_records();
    ASSERT_EQ(records.size(), 2u);
    EXPECT_NE(number_of(records[0]), number_of(records[1]));
}

TEST_F(Message, IsWrittenForItsFlagUpToTheLevel) {
    start(1, 3);
    EXPECT_EQ(messages_c_levels(), 1 + 4);
    EXPECT_EQ(messages_cpp_levels(), 1 + 4);
    const auto records = host_->take_records();
    ASSERT_EQ(records.size(), 6u);
    std::set<std::pair<Guid, uint16_t>> kinds;
    for (const Record& record : records) kinds.insert({at<Guid>(record, 8), number_of(record)});
    EXPECT_EQ(kinds.size(), 6u);
}

TEST_F(Message, OfNoSessionIsNotWritten) {
    start(0, 5);
    EXPECT_EQ(messages_c_levels(), 0);
    EXPECT_TRUE(host_->take_records().empty());
}

TEST_F(Message, HoldsEveryKindOfValue) {
    start();
    messages_c_values();
    messages_cpp_values();
}

TEST_F(Message, TravelsByPacketWhereThereAreNoRings) {
    start(~uint64_t{0}, 5, false);
    messages_c_two_integers(7, 8);
    ASSERT_TRUE(host_->serve_until([&] { return !host_->packets.empty(); }));
    EXPECT_EQ(host_->packets[0].size(), 48u);
    EXPECT_EQ(values_of(host_->packets[0]), std::string("\7\0\0\0\10\0\0\0", 8));
}

TEST_F(Message, OfAForkedChildHasItsProcessId) {
    start();
    const pid_t child = ::fork();
    if (child == 0) {
        messages_c_two_integers(1, 2);
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    const auto records = host_->take_records();
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(at<uint32_t>(records[0], 36), uint32_t(child));
}

TEST_F(Message, OfASessionWithNumbersHasThem) {
    start(~uint64_t{0}, 5, true, wire::kRingLocalNumbers);
    messages_c_two_integers(7, -2);
    messages_c_levels();
    messages_c_two_integers(3, 4);
    auto records = host_->take_records();
    ASSERT_EQ(records.size(), 8u);
    std::sort(records.begin(), records.end(), [](const Record& a, const Record& b) {
        return at<uint32_t>(a, 8) < at<uint32_t>(b, 8);
    });
    for (uint32_t i = 0; i < records.size(); ++i) {
        EXPECT_EQ(at<uint16_t>(records[i], 0), records[i].size());
        EXPECT_EQ(at<uint16_t>(records[i], 6), 0xAB);
        EXPECT_EQ(at<uint32_t>(records[i], 8), i + 1);
        EXPECT_EQ(at<Guid>(records[i], 12), at<Guid>(records[0], 12));
        EXPECT_NE(at<int64_t>(records[i], 28), 0);
        EXPECT_EQ(at<uint32_t>(records[i], 36), uint32_t(::gettid()));
        EXPECT_EQ(at<uint32_t>(records[i], 40), uint32_t(::getpid()));
    }
    EXPECT_EQ(records[0].size(), 52u);
    EXPECT_EQ(values_of(records[0], 44), std::string("\7\0\0\0\xFE\xFF\xFF\xFF", 8));
    EXPECT_EQ(values_of(records[6], 44), std::string("by a macro of the program\0", 26));
}

TEST_F(Message, WithItsNumberTravelsByPacketToo) {
    start(~uint64_t{0}, 5, false, wire::kRingGlobalNumbers);
    messages_c_two_integers(7, 8);
    messages_c_two_integers(7, 8);
    ASSERT_TRUE(host_->serve_until([&] { return host_->packets.size() == 2; }));
    EXPECT_EQ(at<uint32_t>(host_->packets[1], 8), 2u);
    EXPECT_EQ(values_of(host_->packets[1], 44), std::string("\7\0\0\0\10\0\0\0", 8));
}

// Every message of threads and of the signal handlers that interrupt them is there, and whole.
TEST_F(Message, OfThreadsAndSignalHandlersAreWhole) {
    start();
    constexpr int kThreads = 3, kMessages = 2000;
    static std::atomic<int> handled;
    handled = 0;
    struct sigaction action {};
    action.sa_handler = [](int) { messages_cpp_two_integers(-1, ++handled); };
    ::sigaction(SIGUSR1, &action, nullptr);
    std::atomic<int> running = kThreads;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
        threads.emplace_back([&running, thread] {
            for (int i = 0; i < kMessages; ++i) messages_c_two_integers(thread, i);
            --running;
        });
    }
    std::set<std::pair<int32_t, int32_t>> seen;
    size_t count = 0;
    const auto take = [&] {
        for (const Record& record : host_->take_records()) {
            ASSERT_EQ(record.size(), 48u);
            seen.insert({at<int32_t>(record, 40), at<int32_t>(record, 44)});
            ++count;
        }
    };
    constexpr int kMostSignals = 10'000;
    for (int signals = 0; running != 0; ++signals) {
        if (signals < kMostSignals) ::kill(::getpid(), SIGUSR1);
        take();
    }
    for (std::thread& thread : threads) thread.join();
    take();
    EXPECT_EQ(count, size_t(kThreads * kMessages + handled));
    EXPECT_EQ(seen.size(), count);
}

}  // namespace
}  // namespace etw::provider

extern "C" void expect_message(const char* values, size_t size) {
    using namespace etw::provider;
    const auto records = g_host->take_records();
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(values_of(records[0]), std::string(values, size)) << number_of(records[0]);
    EXPECT_NE(number_of(records[0]), g_last_number);
    g_last_number = number_of(records[0]);
}
