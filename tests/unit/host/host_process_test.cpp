// What sessions do on request.
#include "host_process.h"

#include "support/fork_under_tsan.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace etw::host {
namespace {

using namespace std::chrono_literals;
using session::StartRequest;

TEST_F(HostProcess, RecordsWhatAProcessWritesAndSaysSo) {
    ASSERT_TRUE(backend_.start(request("a")));
    start_writer(0, 1000);
    ASSERT_TRUE(eventually([&] { return all_written(); }));
    const auto providers = backend_.registered_providers();
    ASSERT_TRUE(providers);
    ASSERT_EQ(providers->size(), 1u);
    EXPECT_EQ(providers->front().pids, std::vector<uint32_t>{uint32_t(writers_[0])});
    ASSERT_EQ(providers->front().sessions.size(), 1u);
    const auto status = backend_.stop("a");
    ASSERT_TRUE(status);
    EXPECT_EQ(status->events_lost, 0u);
    EXPECT_GT(status->events_seen_bytes, 0u);
    EXPECT_EQ(status->log_file_size, status->buffers_written * uint64_t{64 * 1024});
    EXPECT_EQ(numbers_of(read_events(folder_.file("a.etl"))), first_numbers(1000));
    EXPECT_SOUND_LOG(folder_.file("a.etl"));
    EXPECT_TRUE(std::filesystem::is_empty(runtime() + "/sessions"));
}

TEST_F(HostProcess, FlushPutsWhatWasWrittenIntoTheLog) {
    ASSERT_TRUE(backend_.start(request("a")));
    start_writer(0, 10);
    ASSERT_TRUE(eventually([&] { return all_written(); }));
    ASSERT_TRUE(backend_.flush({"a", {}}));
    EXPECT_EQ(read_events(folder_.file("a.etl")).size(), 10u);
}

// Nothing of what a request would have replaced is gone before all that can fail has not.
TEST_F(HostProcess, StartOrUpdateThatFailsLeavesTheFormerLogAsItWas) {
    ASSERT_TRUE(backend_.start(request("a")));
    const std::string former(200'000, 'x');
    const auto content = [this](const char* name) {
        std::ifstream in(folder_.file(name), std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(in), {});
    };
    const std::string state = runtime() + "/sessions/1";
    constexpr uint32_t kModes[] = {
        0, kModeRealTime, kModeSequential, kModePreallocate, kModeNewFile, kModeAppend};
    for (const uint32_t mode : kModes) {
        StartRequest start = request("b");
        start.properties.log_file_mode = mode;
        if (mode == kModePreallocate || mode == kModeNewFile)
            start.properties.maximum_file_size = 1;
        if (mode == kModePreallocate || mode == kModeAppend) {
            start.properties.log_file_mode |= kModeSequential;
        }
        if (mode == kModeAppend) start.properties.clock = ClockType::kSystemTime;
        if (mode == kModeNewFile) start.properties.log_file = folder_.file("b%d.etl");
        const char* name = mode == kModeNewFile ? "b1.etl" : "b.etl";
        std::ofstream(folder_.file(name)) << former;
        for (const char* taken : {"/checkpoint", "/config.new"}) {
            std::filesystem::create_directories(state + taken);
            const auto failed = backend_.start(start);
            ASSERT_FALSE(failed) << mode << taken;
            EXPECT_EQ(content(name), former) << mode << taken;
            EXPECT_FALSE(std::filesystem::exists(state)) << mode << ": nor is the session there";
        }
        if (mode == kModeAppend) {
            EXPECT_FALSE(backend_.start(start)) << "it is no log";
            EXPECT_EQ(content(name), former);
            continue;
        }
        ASSERT_TRUE(backend_.start(start)) << mode;
        EXPECT_NE(content(name), former) << mode;
        ASSERT_TRUE(backend_.stop("b"));
    }
    const std::string in_the_way = runtime() + "/sessions/0/config.new";
    std::filesystem::create_directory(in_the_way);
    std::ofstream(folder_.file("c.etl")) << former;
    session::UpdateRequest update;
    update.name = "a";
    update.log_file = folder_.file("c.etl");
    EXPECT_FALSE(backend_.update(update));
    EXPECT_EQ(content("c.etl"), former);
    std::filesystem::remove(in_the_way);
    ASSERT_TRUE(backend_.update(update));
    ASSERT_TRUE(backend_.stop("a"));
    EXPECT_TRUE(etl::LogReader::open(folder_.file("c.etl")));
}

TEST_F(HostProcess, RefusesWhatTheRulesRefuse) {
    ASSERT_TRUE(backend_.start(request("a")));
    EXPECT_EQ(backend_.start(request("A")).error().code, Code::kAlreadyExists);
    auto same_file = request("b");
    same_file.properties.log_file = folder_.file("a.etl");
    EXPECT_EQ(backend_.start(same_file).error().code, Code::kBadPathname);
    EXPECT_TRUE(etl::LogReader::open(folder_.file("a.etl"))) << "the log of 'a' is untouched";
    EXPECT_EQ(backend_.stop("nobody").error().code, Code::kSessionNotFound);
    auto huge = request("huge");
    huge.properties.maximum_buffers = 1u << 20;
    huge.properties.buffer_size_kb = 16384;
    EXPECT_EQ(backend_.start(huge).error().code, Code::kNoSystemResources);
    auto full = request("full");
    full.properties.log_file_mode = kModeSequential;
    full.properties.maximum_file_size = 4'000'000'000;
    EXPECT_EQ(backend_.start(full).error().code, Code::kDiskFull);
    ASSERT_TRUE(backend_.stop("a"));
}

TEST_F(HostProcess, LetsTheLongestLifeAndPausesBeNoShortOnes) {
    auto longest = request("a");
    longest.properties.ttl_s = longest.properties.flush_timer_s = UINT32_MAX;
    longest.properties.flush_threshold = UINT32_MAX;
    ASSERT_TRUE(backend_.start(longest));
    start_writer(0, 100);
    ASSERT_TRUE(eventually([&] { return all_written(); }));
    const auto workers = processes(true);
    ASSERT_EQ(workers.size(), 1u);
    ::kill(workers[0], SIGKILL);
    for (int turn_of_its_loop = 0; turn_of_its_loop < 10; ++turn_of_its_loop) {
        const auto status = backend_.query("a");
        ASSERT_TRUE(status) << status.error().detail;
        EXPECT_EQ(status->properties.ttl_s, UINT32_MAX);
        EXPECT_LE(status->buffers_written, 1u) << "flushed by a clock";  // the first is the header
    }
    ASSERT_TRUE(backend_.stop("a"));
    EXPECT_EQ(read_events(folder_.file("a.etl")).size(), 100u);
}

TEST_F(HostProcess, HasLimitsOnSessionsAndOnSessionsOfAProvider) {
    for (uint32_t i = 0; i < session::kMaxSessions; ++i) {
        auto r = request(fmt::format("s{}", i));
        r.properties.buffer_size_kb = 4;
        r.properties.maximum_buffers = 8;
        const auto result = backend_.start(r);
        ASSERT_TRUE(result) << i << ": " << result.error().detail;
        const Code expected =
            i < session::kMaxSessionsPerProvider ? Code::kOk : Code::kNoSystemResources;
        EXPECT_EQ(result->codes, std::vector<Code>{expected}) << i;
    }
    EXPECT_EQ(backend_.start(request("more")).error().code, Code::kNoSystemResources);
    EXPECT_EQ(backend_.list()->size(), session::kMaxSessions);
}

TEST_F(HostProcess, DoesNotWaitForAProcessThatHangs) {
    ASSERT_TRUE(backend_.start(request("a")));
    const pid_t hung = start_writer(0, 5);
    ASSERT_TRUE(eventually([&] { return all_written(); }));
    ::kill(hung, SIGSTOP);
    int status = 0;  // until all of its threads have stopped: one might still answer
    ASSERT_EQ(::waitpid(hung, &status, WUNTRACED), hung);
    ASSERT_TRUE(WIFSTOPPED(status));
    session::EnableRequest again{"a", request("a").providers, 50};
    const auto enabled = backend_.enable(again);
    ASSERT_TRUE(enabled);
    EXPECT_EQ(enabled->codes, std::vector<Code>{Code::kTimeout});
    const auto before = std::chrono::steady_clock::now();
    ASSERT_TRUE(backend_.stop("a"));
    EXPECT_LT(std::chrono::steady_clock::now() - before, 60s);
    EXPECT_EQ(read_events(folder_.file("a.etl")).size(), 5u);
}

TEST_F(HostProcess, EnablesAndDisablesProcessesThatRun) {
    auto r = request("a");
    const auto providers = std::exchange(r.providers, {});
    ASSERT_TRUE(backend_.start(r));
    start_writer(0, 0);
    EXPECT_EQ(backend_.enable({"a", providers, 10'000})->codes, std::vector<Code>{Code::kOk});
    EXPECT_EQ(backend_.capture_state({"a", providers, 10'000})->codes,
              std::vector<Code>{Code::kOk});
    EXPECT_EQ(backend_.disable({"a", providers, 10'000})->codes, std::vector<Code>{Code::kOk});
    EXPECT_TRUE(backend_.query("a")->providers.empty());
    EXPECT_EQ(backend_.capture_state({"a", providers, 10'000})->codes,
              std::vector<Code>{Code::kGuidNotFound});
}

TEST_F(HostProcess, GoesOnInAnotherFileAndRefusesItsOwn) {
    ASSERT_TRUE(backend_.start(request("a")));
    start_writer(0, 50);
    ASSERT_TRUE(eventually([&] { return all_written(); }));
    session::UpdateRequest update;
    update.name = "a";
    update.log_file = folder_.file("a.etl");
    EXPECT_EQ(backend_.update(update).error().code, Code::kBadPathname);
    update.log_file = folder_.file("b.etl");
    const auto updated = backend_.update(update);
    ASSERT_TRUE(updated) << updated.error().detail;
    EXPECT_EQ(updated->properties.log_file, folder_.file("b.etl"));
    start_writer(50, 50);
    ASSERT_TRUE(eventually([&] { return all_written(); }));
    ASSERT_TRUE(backend_.stop("a"));
    EXPECT_EQ(numbers_of(read_events(folder_.file("a.etl"))), first_numbers(50));
    EXPECT_EQ(read_events(folder_.file("b.etl")).size(), 50u);
    EXPECT_SOUND_LOG(folder_.file("a.etl"));
    EXPECT_SOUND_LOG(folder_.file("b.etl"));
}

// -lowcapacity: one stream for all processors, through the socket.
TEST_F(HostProcess, TakesEventsThroughTheSocketWhereThereAreNoRings) {
    auto r = request("a");
    r.properties.log_file_mode = kModeNoPerProcessor;
    ASSERT_TRUE(backend_.start(r));
    start_writer(0, 500);
    start_writer(500, 500);
    ASSERT_TRUE(eventually([&] { return all_written(); }));
    // A packet of the same connection that comes after the last event tells that all have come.
    ASSERT_EQ(backend_.enable({"a", r.providers, 10'000})->codes, std::vector<Code>{Code::kOk});
    // What found the socket full was counted as lost, and written again by the process.
    ASSERT_TRUE(backend_.stop("a"));
    EXPECT_EQ(numbers_of(read_events(folder_.file("a.etl"))), first_numbers(1000));
    EXPECT_SOUND_LOG(folder_.file("a.etl"));
}

// A child that ends before it has a connection of its own: what it wrote until then is counted.
TEST_F(HostProcess, CountsWhatAForkedChildOfAMomentLostOnItsSocket) {
    auto r = request("a");
    r.properties.log_file_mode = kModeNoPerProcessor;
    ASSERT_TRUE(backend_.start(r));
    constexpr int kChildren = 5;
    constexpr uint64_t kEvents = 20;
    const pid_t parent = ::fork();
    if (parent == 0) {
        ::setenv("ETW_RUNTIME_DIR", runtime().c_str(), 1);
        ::setenv("ETW_REGISTER_WAIT_MS", "60000", 1);
        uint64_t handle = 0;
        etw_guid guid{};
        std::memcpy(&guid, &kProvider, sizeof(guid));
        if (etw_register(&guid, nullptr, nullptr, nullptr, nullptr, &handle) != 0) ::_exit(1);
        for (int i = 0; i < kChildren; ++i) {
            const pid_t child = ::fork();
            if (child == 0) {
                etw_descriptor descriptor{};
                descriptor.level = 4;
                for (uint64_t n = 0; n < kEvents; ++n)
                    etw_write(handle, &descriptor, nullptr, nullptr, 0, nullptr);
                std::exit(0);
            }
            ::waitpid(child, nullptr, 0);
        }
        ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(parent, &status, 0), parent);
    ASSERT_EQ(status, 0);
    // Their last packets have been read once their connections have ended.
    ASSERT_TRUE(eventually([&] { return backend_.registered_providers()->empty(); }));
    const auto stopped = backend_.stop("a");
    ASSERT_TRUE(stopped);
    const auto recorded = read_events(folder_.file("a.etl")).size();
    EXPECT_EQ(recorded + stopped->events_lost, kChildren * kEvents);
}

TEST_F(HostProcess, MakesTheNextFileOfANewfileSession) {
    auto r = request("a");
    r.properties.log_file = folder_.file("n%d.etl");
    r.properties.log_file_mode = kModeNewFile | kModeUseKilobytes;
    r.properties.maximum_file_size = 256;
    r.properties.flush_timer_s = 1;
    ASSERT_TRUE(backend_.start(r));
    start_writer(0, 5000);
    ASSERT_TRUE(eventually([&] { return all_written(); }));
    ASSERT_TRUE(backend_.stop("a"));
    std::vector<uint64_t> numbers;
    for (int i = 1; std::filesystem::exists(folder_.file(fmt::format("n{}.etl", i))); ++i) {
        const std::string path = folder_.file(fmt::format("n{}.etl", i));
        for (const ReadEvent& event : read_events(path)) numbers.push_back(event.number);
        EXPECT_TRUE(etl::LogReader::open(path)->finished());
        EXPECT_SOUND_LOG(path);
    }
    EXPECT_TRUE(std::filesystem::exists(folder_.file("n2.etl")));
    std::sort(numbers.begin(), numbers.end());
    EXPECT_EQ(numbers, first_numbers(5000));
}

TEST_F(HostProcess, StopsItselfWhenASequentialLogIsFull) {
    auto r = request("a");
    r.properties.log_file_mode = kModeSequential | kModeUseKilobytes;
    r.properties.maximum_file_size = 128;
    ASSERT_TRUE(backend_.start(r));
    start_writer(0, 5000);
    ASSERT_TRUE(eventually([&] { return backend_.list()->empty(); }));
    EXPECT_EQ(std::filesystem::file_size(folder_.file("a.etl")), 128u * 1024);
    EXPECT_SOUND_LOG(folder_.file("a.etl"));
}

}  // namespace
}  // namespace etw::host
