// How sessions go on when the host is killed, and how they end with it.
#include "host_process.h"

#include <fmt/format.h>

#include <sys/stat.h>

namespace etw::host {
namespace {

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

}  // namespace
}  // namespace etw::host
