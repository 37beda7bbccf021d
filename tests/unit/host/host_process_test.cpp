// The real host, started on demand like any other, with real provider processes.
#include "backend_linux/backend.h"
#include "base/unix_socket.h"
#include "fixtures.h"
#include "support/fork_under_tsan.h"
#include "wire/control_protocol.h"
#include "wire/provider_protocol.h"

#include <fmt/format.h>

#include <etw/provider.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

namespace etw::host {
namespace {

using namespace std::chrono_literals;
using session::Properties;
using session::ProviderEnable;
using session::StartRequest;

constexpr Guid kProvider = {0x0dd5ba11, 1, 2, {3}};

// Ends what was started when the test ends, however it ends.
class HostProcess : public ::testing::Test {
protected:
    void TearDown() override {
        for (const pid_t pid : writers_) {
            ::kill(pid, SIGKILL);
            ::waitpid(pid, nullptr, 0);
        }
        kill_host();
    }

    // Keeper and worker start each other again, and one that is just becoming the other may be
    // found as neither: until nobody has the folder.
    void kill_host() const {
        while (host_lives()) {
            for (const pid_t pid : processes()) ::kill(pid, SIGKILL);
        }
    }

    // Each of its processes, whatever it is about to be, has the lock.
    bool host_lives() const {
        const std::string path = runtime() + "/" + wire::kHostLockName;
        const UniqueFd lock(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        return lock && ::flock(lock.get(), LOCK_SH | LOCK_NB) != 0;
    }

    std::vector<pid_t> processes() const {
        auto all = processes(false);
        for (const pid_t pid : processes(true)) all.push_back(pid);
        return all;
    }

    std::string runtime() const { return folder_.file("run"); }

    // Processes of the host in our folder.
    std::vector<pid_t> processes(bool worker) const {
        std::vector<pid_t> found;
        for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
            const pid_t pid = std::atoi(entry.path().filename().c_str());
            if (pid <= 0) continue;
            std::ifstream in(entry.path() / "cmdline");
            std::string line;
            std::getline(in, line);  // a process that ends meanwhile leaves it empty
            if (line.find(runtime()) == std::string::npos) continue;
            if ((line.find("--worker-fd") != std::string::npos) == worker) found.push_back(pid);
        }
        return found;
    }

    StartRequest request(const std::string& name) const {
        StartRequest r;
        r.properties.name = name;
        r.properties.log_file = folder_.file(name + ".etl");
        r.properties.maximum_buffers = 512;
        ProviderEnable enable;
        enable.guid = kProvider;
        enable.level = 5;
        r.providers.push_back(enable);
        return r;
    }

    // A process that writes `count` numbered events, beginning at `first`, and then waits to be
    // killed. Returns once it is registered.
    pid_t start_writer(uint64_t first, uint64_t count) {
        int pipe[2];
        EXPECT_EQ(::pipe(pipe), 0);
        const pid_t pid = ::fork();
        if (pid == 0) write_events(pipe[1], first, count);
        ::close(pipe[1]);
        char byte = 0;
        EXPECT_EQ(::read(pipe[0], &byte, 1), 1) << "the provider has registered";
        pipes_.emplace_back(pipe[0]);
        writers_.push_back(pid);
        return pid;
    }

    [[noreturn]] void write_events(int ready, uint64_t first, uint64_t count) {
        ::setenv("ETW_RUNTIME_DIR", runtime().c_str(), 1);
        uint64_t handle = 0;
        etw_guid guid{};
        std::memcpy(&guid, &kProvider, sizeof(guid));
        if (etw_register(&guid, nullptr, nullptr, nullptr, nullptr, &handle) != 0) ::_exit(1);
        // Registered is not enabled where a session is being started at the same time.
        while (count > 0 && !etw_is_enabled(handle, 4, 0)) ::usleep(1000);
        if (::write(ready, "r", 1) != 1) ::_exit(1);
        etw_descriptor descriptor{};
        descriptor.level = 4;
        for (uint64_t i = 0; i < count; ++i) {
            const uint64_t number = first + i;
            const etw_data data = {reinterpret_cast<uint64_t>(&number), sizeof(number), 0};
            while (etw_write(handle, &descriptor, nullptr, nullptr, 1, &data) != 0) ::usleep(100);
            if (i % 16 == 0) ::usleep(50);
        }
        if (::write(ready, "d", 1) != 1) ::_exit(1);
        for (;;) ::pause();
    }

    // Whether all writers have written everything.
    bool all_written() {
        for (auto it = pipes_.begin(); it != pipes_.end();) {
            pollfd p{it->get(), POLLIN, 0};
            if (::poll(&p, 1, 0) != 1) return false;
            it = pipes_.erase(it);
        }
        return true;
    }

    // True once the condition holds; false after long enough.
    template <class F>
    bool eventually(F condition) {
        const auto until = std::chrono::steady_clock::now() + 120s;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > until) return false;
            std::this_thread::sleep_for(1ms);
        }
        return true;
    }

    TempFolder folder_;
    backend_linux::Backend backend_{backend_linux::HostLauncher{folder_.file("run"), ETWD_PROGRAM}};
    std::vector<pid_t> writers_;
    std::vector<UniqueFd> pipes_;
};

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

TEST_F(HostProcess, WorkerKilledAgainAndAgainLosesNothing) {
    ASSERT_TRUE(backend_.start(request("a")));
    start_writer(0, 20'000);
    start_writer(20'000, 20'000);
    int kills = 0;
    while (!all_written()) {
        for (const pid_t pid : processes(true)) kills += ::kill(pid, SIGKILL) == 0 ? 1 : 0;
        ASSERT_TRUE(backend_.query("a"));  // its successor has taken up the session
    }
    ASSERT_TRUE(backend_.query("a"));  // connects anew, which a stop would not
    const auto status = backend_.stop("a");
    ASSERT_TRUE(status) << status.error().detail;
    EXPECT_GT(kills, 0);
    EXPECT_EQ(status->events_lost, 0u);
    EXPECT_EQ(numbers_of(read_events(folder_.file("a.etl"))), first_numbers(40'000));
    EXPECT_SOUND_LOG(folder_.file("a.etl"));
}

TEST_F(HostProcess, KilledWithItsKeeperGoesOnWithTheRingsOfTheProviders) {
    ASSERT_TRUE(backend_.start(request("a")));
    start_writer(0, 2000);
    ASSERT_TRUE(eventually([&] { return all_written(); }));
    kill_host();
    // Whoever asks starts a host, because the folder holds a session; the provider comes back.
    ASSERT_TRUE(eventually([&] {
        const auto providers = backend_.registered_providers();
        return providers && providers->size() == 1;
    }));
    const auto status = backend_.stop("a");
    ASSERT_TRUE(status) << status.error().detail;
    EXPECT_EQ(numbers_of(read_events(folder_.file("a.etl"))), first_numbers(2000));
    EXPECT_SOUND_LOG(folder_.file("a.etl"));
}

TEST_F(HostProcess, KeeperKilledGetsASuccessorThatKeepsEverything) {
    ASSERT_TRUE(backend_.start(request("a")));
    start_writer(0, 20'000);
    for (int i = 0; i < 3; ++i) {
        const auto old = processes();
        for (const pid_t pid : processes(false)) ::kill(pid, SIGKILL);
        ASSERT_TRUE(eventually([&] {
            const auto keepers = processes(false);
            const auto workers = processes(true);
            const auto is_new = [&](pid_t pid) {
                return std::count(old.begin(), old.end(), pid) == 0;
            };
            return keepers.size() == 1 && workers.size() == 1 && is_new(keepers[0]) &&
                   is_new(workers[0]);
        }));
        // The new keeper does its work.
        for (const pid_t pid : processes(true)) ::kill(pid, SIGKILL);
        ASSERT_TRUE(eventually([&] { return bool(backend_.query("a")); }));
    }
    ASSERT_TRUE(eventually([&] { return all_written(); }));
    const auto status = backend_.stop("a");
    ASSERT_TRUE(status) << status.error().detail;
    EXPECT_EQ(numbers_of(read_events(folder_.file("a.etl"))), first_numbers(20'000));
    EXPECT_SOUND_LOG(folder_.file("a.etl"));
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

// A pipe in the place of a saved session holds its recovery up, so that it can be crashed there.
TEST_F(HostProcess, SetsAsideASessionThatCrashesItsHost) {
    ASSERT_TRUE(backend_.start(request("bad")));
    ASSERT_TRUE(backend_.start(request("good")));
    const std::string config = runtime() + "/sessions/0/config";
    ASSERT_TRUE(std::filesystem::remove(config));
    ASSERT_EQ(::mkfifo(config.c_str(), 0600), 0);
    const auto set_aside = [&] { return std::filesystem::exists(runtime() + "/crashed-0"); };
    // Of the mark that a worker sets before it takes up a session. The one of the worker before
    // stays meanwhile: only a newer one says that this worker hangs in the pipe.
    const auto marked = [&] {
        std::error_code none_yet;
        return std::filesystem::last_write_time(runtime() + "/recovering", none_yet);
    };
    for (int crashes = 0; crashes < 4 && !set_aside(); ++crashes) {
        const auto workers = processes(true);
        ASSERT_EQ(workers.size(), 1u);
        const auto before = marked();
        ::kill(workers[0], SIGSEGV);
        ASSERT_TRUE(eventually([&] { return set_aside() || marked() > before; }));
    }
    ASSERT_TRUE(set_aside());
    const auto sessions = backend_.list();
    ASSERT_TRUE(sessions);
    ASSERT_EQ(sessions->size(), 1u);
    EXPECT_EQ(sessions->front().properties.name, "good");
    EXPECT_TRUE(std::filesystem::exists(runtime() + "/crashed-0/config"));
    ASSERT_TRUE(backend_.stop("good"));
}

TEST_F(HostProcess, EndsItsSessionsProperlyOnSigterm) {
    ASSERT_TRUE(backend_.start(request("a")));
    start_writer(0, 100);
    ASSERT_TRUE(eventually([&] { return all_written(); }));
    for (const pid_t pid : processes(false)) ::kill(pid, SIGTERM);
    ASSERT_TRUE(eventually([&] { return processes(true).empty() && processes(false).empty(); }));
    EXPECT_EQ(read_events(folder_.file("a.etl")).size(), 100u);
    EXPECT_TRUE(etl::LogReader::open(folder_.file("a.etl"))->finished());
}

// Whatever it is doing: a log that has begun has a proper end, and the next host finds nothing.
TEST_F(HostProcess, EndsSessionsProperlyThatAreJustBegun) {
    constexpr int kRounds = 10, kSessions = 6;
    for (int round = 0; round < kRounds; ++round) {
        ASSERT_TRUE(backend_.start(request(fmt::format("first{}", round))));
        const auto log_of = [&](int i) {
            return folder_.file(fmt::format("r{}-{}.etl", round, i));
        };
        std::vector<std::thread> controllers;
        for (int i = 0; i < kSessions; ++i) {
            controllers.emplace_back([&, i] {
                backend_linux::Backend own{
                    backend_linux::HostLauncher{folder_.file("run"), ETWD_PROGRAM}};
                if (own.start(request(fmt::format("r{}-{}", round, i)))) (void)own.stop("none");
            });
        }
        // Another one each time.
        const std::string seen = log_of(round % kSessions);
        std::error_code none_yet;
        EXPECT_TRUE(eventually(
            [&] { return std::filesystem::file_size(seen, none_yet) > 0 && !none_yet; }));
        for (const pid_t pid : processes()) ::kill(pid, SIGTERM);
        for (std::thread& controller : controllers) controller.join();
        // Who came too late for that host has started another.
        for (const pid_t pid : processes()) ::kill(pid, SIGTERM);
        ASSERT_TRUE(eventually([&] {
            for (const pid_t pid : processes()) ::kill(pid, SIGTERM);
            return !host_lives();
        }));
        for (int i = 0; i < kSessions; ++i) {
            const auto log = etl::LogReader::open(log_of(i));
            EXPECT_TRUE(!log || log->finished()) << log_of(i);
        }
        EXPECT_TRUE(std::filesystem::is_empty(runtime() + "/sessions"));
    }
}

// The worker that is ended has just taken the place of one that was killed.
TEST_F(HostProcess, EndsSessionsProperlyThatAreJustTakenUp) {
    constexpr int kRounds = 20;
    for (int round = 0; round < kRounds; ++round) {
        const std::string name = fmt::format("r{}", round);
        ASSERT_TRUE(backend_.start(request(name)));
        const auto workers = processes(true);
        ASSERT_EQ(workers.size(), 1u);
        // Whoever started the keeper may still be about to end.
        std::vector<pid_t> keepers;
        ASSERT_TRUE(eventually([&] { return (keepers = processes(false)).size() == 1; }));
        ::kill(workers[0], SIGKILL);
        ASSERT_TRUE(eventually([&] {
            const auto now = processes(true);
            return !now.empty() && now[0] != workers[0];
        }));
        ::kill(keepers[0], SIGTERM);
        ASSERT_TRUE(eventually([&] { return !host_lives(); }));
        const auto log = etl::LogReader::open(folder_.file(name + ".etl"));
        ASSERT_TRUE(log);
        EXPECT_TRUE(log->finished()) << name;
    }
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

// As a kill leaves it between what an update writes down and what it does.
TEST_F(HostProcess, SaysWhichLogItGoesOnInAfterAnUpdateWasCutShort) {
    ASSERT_TRUE(backend_.start(request("a")));
    kill_host();
    const std::string sessions = runtime() + "/sessions";
    auto saved = load_saved(sessions, 0);
    ASSERT_TRUE(saved);
    saved->properties.log_file = folder_.file("b.etl");
    ASSERT_TRUE(save(sessions, *saved));
    const auto status = backend_.stop("a");
    ASSERT_TRUE(status) << status.error().detail;
    EXPECT_EQ(status->properties.log_file, folder_.file("a.etl"));
    EXPECT_TRUE(etl::LogReader::open(folder_.file("a.etl"))->finished());
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

// A peer that does not keep to the protocol is disconnected; the host and the others go on.
TEST_F(HostProcess, DisconnectsHostileProviders) {
    ASSERT_TRUE(backend_.start(request("a")));
    const std::string path = runtime() + "/" + wire::kProviderSocketName;
    const wire::Hello hello{
        {wire::ProviderMessage::kHello, sizeof(hello)}, wire::kProviderProtocolVersion, 0};
    const auto bytes = [](const auto& value) { return std::as_bytes(std::span(&value, 1)); };
    const wire::Register reg{{wire::ProviderMessage::kRegister, sizeof(reg)}, 1, 0, 0, kProvider};
    const wire::Rings rings{{wire::ProviderMessage::kRings, sizeof(rings)}, {}, {}};
    wire::Hello wrong = hello;
    wrong.version = 99;
    const std::vector<std::byte> flood(70'000);
    const std::vector<std::vector<Bytes>> attacks = {
        {bytes(hello).first(8)},                 // short
        {bytes(reg)},                            // before the hello
        {bytes(hello), bytes(hello)},            // twice
        {bytes(wrong)},                          // of another version
        {flood},                                 // longer than any packet
        {bytes(hello), bytes(rings)},            // rings without a descriptor
        {bytes(hello), bytes(reg), bytes(reg)},  // one registration twice
    };
    for (size_t i = 0; i < attacks.size(); ++i) {
        const auto socket = connect_to(path, SOCK_SEQPACKET);
        ASSERT_TRUE(socket);
        for (const Bytes packet : attacks[i]) ASSERT_TRUE(send(socket->get(), packet));
        std::array<std::byte, 256> buffer;
        std::vector<UniqueFd> fds;
        ASSERT_TRUE(eventually([&] {
            const auto got = receive(socket->get(), buffer, fds);
            return !got || got->size == 0;  // what came before the end is of no interest
        })) << i;
    }
    start_writer(0, 10);
    ASSERT_TRUE(eventually([&] { return all_written(); }));
    ASSERT_TRUE(backend_.stop("a"));
    EXPECT_EQ(read_events(folder_.file("a.etl")).size(), 10u);
}

// A program that could not map its rings and found the socket full tells so before any event.
TEST_F(HostProcess, CountsWhatAProviderWithRingsLostOnItsSocket) {
    ASSERT_TRUE(backend_.start(request("a")));
    const auto socket = connect_to(runtime() + "/" + wire::kProviderSocketName, SOCK_SEQPACKET);
    ASSERT_TRUE(socket);
    const auto send_packet = [&](const auto& packet) {
        EXPECT_TRUE(send(socket->get(), std::as_bytes(std::span(&packet, 1))));
    };
    const wire::Hello hello{
        {wire::ProviderMessage::kHello, sizeof(hello)}, wire::kProviderProtocolVersion, 0};
    send_packet(hello);
    send_packet(wire::Register{
        {wire::ProviderMessage::kRegister, sizeof(wire::Register)}, 1, 0, 0, kProvider});
    wire::Attach attach{};
    while (attach.header.type != wire::ProviderMessage::kAttach) {
        std::vector<UniqueFd> rings;
        const auto got =
            receive(socket->get(), std::as_writable_bytes(std::span(&attach, 1)), rings);
        ASSERT_TRUE(got && got->size != 0);
    }
    wire::EventsLost lost{{wire::ProviderMessage::kEventsLost, sizeof(lost)}, attach.session, 7};
    send_packet(lost);
    const auto counted = [&] { return backend_.query("a")->events_lost; };
    EXPECT_TRUE(eventually([&] { return counted() == 7; }));
    lost.count = UINT64_MAX - 3;  // which would make others' losses none
    send_packet(lost);
    EXPECT_TRUE(eventually([&] { return counted() > 7; }));
    const auto status = backend_.stop("a");
    ASSERT_TRUE(status);
    EXPECT_EQ(status->events_lost, 7 + uint64_t{UINT32_MAX});
}

TEST_F(HostProcess, ClosesConnectionsThatItHasNoDescriptorsFor) {
    ASSERT_TRUE(backend_.start(request("a")));
    const auto worker = processes(true);
    ASSERT_EQ(worker.size(), 1u);
    rlim_t highest = 0;
    const std::string descriptors = fmt::format("/proc/{}/fd", worker.front());
    for (const auto& entry : std::filesystem::directory_iterator(descriptors))
        highest = std::max(highest, rlim_t(std::stoul(entry.path().filename().string())));
    rlimit before{};
    ASSERT_EQ(::prlimit(worker.front(), RLIMIT_NOFILE, nullptr, &before), 0);
    const rlimit few{highest + 5, before.rlim_max};
    ASSERT_EQ(::prlimit(worker.front(), RLIMIT_NOFILE, &few, nullptr), 0);
    for (const auto& [name, type] : {std::pair(wire::kProviderSocketName, SOCK_SEQPACKET),
                                     std::pair(wire::kControlSocketName, SOCK_STREAM)}) {
        std::vector<UniqueFd> sockets;
        for (size_t i = 0; i < highest + 10; ++i) {
            auto socket = connect_to(runtime() + "/" + name, type);
            ASSERT_TRUE(socket) << name;
            sockets.push_back(std::move(*socket));
        }
        EXPECT_TRUE(eventually([&] {
            pollfd last{sockets.back().get(), POLLIN, 0};
            return ::poll(&last, 1, 0) == 1 && (last.revents & POLLHUP) != 0;
        })) << name;
    }
    ASSERT_EQ(::prlimit(worker.front(), RLIMIT_NOFILE, &before, nullptr), 0);
    start_writer(0, 10);
    ASSERT_TRUE(eventually([&] { return all_written(); }));
    ASSERT_TRUE(backend_.stop("a"));
    EXPECT_EQ(read_events(folder_.file("a.etl")).size(), 10u);
}

// Registers as much as one may, under the longest names, and reads nothing of what is answered.
TEST_F(HostProcess, SpendsLittleMemoryOnAHundredHostileConnections) {
    ASSERT_TRUE(backend_.start(request("a")));
    const auto worker = processes(true);
    ASSERT_EQ(worker.size(), 1u);
    const wire::Hello hello{
        {wire::ProviderMessage::kHello, sizeof(hello)}, wire::kProviderProtocolVersion, 0};
    std::vector<std::byte> packet(sizeof(wire::Register) + wire::kMaxTraitsSize, std::byte{'n'});
    wire::Register reg{{wire::ProviderMessage::kRegister, uint32_t(packet.size())},
                       0,
                       uint16_t{wire::kMaxTraitsSize},
                       0,
                       kProvider};
    std::memcpy(packet.data() + sizeof(reg), &reg.traits_size, sizeof(reg.traits_size));
    packet.back() = std::byte{0};
    std::vector<UniqueFd> sockets;
    for (int i = 0; i < 100; ++i) {
        auto socket = connect_to(runtime() + "/" + wire::kProviderSocketName, SOCK_SEQPACKET);
        ASSERT_TRUE(socket);
        bool open = bool(send(socket->get(), std::as_bytes(std::span(&hello, 1))));
        for (reg.registration = 1; open && reg.registration <= 1024; ++reg.registration) {
            std::memcpy(packet.data(), &reg, sizeof(reg));
            open = bool(send(socket->get(), packet));  // it may have had enough of us
        }
        sockets.push_back(std::move(*socket));
    }
    ASSERT_TRUE(backend_.query("a"));  // all of it has been read, or will never be
    std::ifstream status(fmt::format("/proc/{}/status", worker.front()));
    uint64_t peak_kb = 0;
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmHWM:")) peak_kb = std::stoull(line.substr(6));
    }
#ifndef ETW_SANITIZED
    EXPECT_LT(peak_kb, 32u * 1024);
#endif
    EXPECT_GT(peak_kb, 0u);
    sockets.clear();
    start_writer(0, 10);
    ASSERT_TRUE(eventually([&] { return all_written(); }));
    ASSERT_TRUE(backend_.stop("a"));
    EXPECT_EQ(read_events(folder_.file("a.etl")).size(), 10u);
}

// Both ends get to know why: the program's library, and whoever asks the host.
TEST_F(HostProcess, NamesProgramsOfAnotherVersion) {
    ASSERT_TRUE(backend_.start(request("a")));
    const auto socket = connect_to(runtime() + "/" + wire::kProviderSocketName, SOCK_SEQPACKET);
    ASSERT_TRUE(socket);
    const wire::Hello hello{{wire::ProviderMessage::kHello, sizeof(hello)}, 99, 0};
    ASSERT_TRUE(send(socket->get(), std::as_bytes(std::span(&hello, 1))));
    wire::Welcome welcome{};
    std::vector<UniqueFd> fds;
    const auto got = receive(socket->get(), std::as_writable_bytes(std::span(&welcome, 1)), fds);
    ASSERT_TRUE(got);
    ASSERT_EQ(got->size, sizeof(welcome));
    EXPECT_EQ(welcome.version, wire::kProviderProtocolVersion);
    ASSERT_TRUE(eventually([&] { return !backend_.refused_programs()->empty(); }));
    const auto refused = backend_.refused_programs();
    ASSERT_EQ(refused->size(), 1u);
    EXPECT_EQ(refused->front().pid, uint32_t(::getpid()));
    EXPECT_EQ(refused->front().version, 99u);
    EXPECT_EQ(refused->front().host_version, wire::kProviderProtocolVersion);
    // The same process with the right library, as after an exec.
    const auto again = connect_to(runtime() + "/" + wire::kProviderSocketName, SOCK_SEQPACKET);
    ASSERT_TRUE(again);
    EXPECT_TRUE(eventually([&] { return backend_.refused_programs()->empty(); }));
}

TEST_F(HostProcess, AnswersControllersOfAnotherVersionWithItsOwn) {
    ASSERT_TRUE(backend_.start(request("a")));
    const auto socket = connect_to(runtime() + "/" + wire::kControlSocketName, SOCK_STREAM);
    ASSERT_TRUE(socket);
    const wire::ControlFrame frame{wire::ControlFrame::kMagic, 99, uint32_t(wire::ControlOp::kList),
                                   0};
    ASSERT_TRUE(send(socket->get(), std::as_bytes(std::span(&frame, 1))));
    wire::ControlFrame answer{};
    std::vector<UniqueFd> fds;
    const auto got = receive(socket->get(), std::as_writable_bytes(std::span(&answer, 1)), fds);
    ASSERT_TRUE(got);
    ASSERT_EQ(got->size, sizeof(answer));
    EXPECT_EQ(answer.version, wire::kControlProtocolVersion);
    EXPECT_EQ(answer.op, uint32_t(Code::kRevisionMismatch));
    EXPECT_EQ(answer.size, 0u);
    const auto end = receive(socket->get(), std::as_writable_bytes(std::span(&answer, 1)), fds);
    EXPECT_TRUE(!end || end->size == 0);
}

TEST_F(HostProcess, DisconnectsHostileControllers) {
    ASSERT_TRUE(backend_.start(request("a")));
    const auto socket = connect_to(runtime() + "/" + wire::kControlSocketName, SOCK_STREAM);
    ASSERT_TRUE(socket);
    const std::vector<std::byte> garbage(100, std::byte{0xEE});
    ASSERT_TRUE(send(socket->get(), garbage));
    std::array<std::byte, 256> buffer;
    std::vector<UniqueFd> fds;
    const auto got = receive(socket->get(), buffer, fds);
    EXPECT_TRUE(!got || got->size == 0);
    EXPECT_TRUE(backend_.query("a"));
}

}  // namespace
}  // namespace etw::host
