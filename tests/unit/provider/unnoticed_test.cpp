// What a program must not notice of the library in it.
#include "served.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace etw::provider {
namespace {

class Unnoticed : public Served {};

constexpr GUID kOther = {0x12, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}};

struct Calls {
    REGHANDLE writes_to;
    ULONG registered, written, unregistered;
    bool went_on;
};

[[gnu::noinline]] void call_all(Calls& calls) {
    REGHANDLE handle = 0;
    calls.registered = EventRegister(&kOther, nullptr, nullptr, &handle);
    EVENT_DESCRIPTOR descriptor;
    EventDescCreate(&descriptor, 1, 0, 0, 1, 0, 0, 0);
    calls.written = EventWrite(calls.writes_to, &descriptor, 0, nullptr);
    calls.unregistered = EventUnregister(handle);
    calls.went_on = true;
}

// It has no variables in its frame: AddressSanitizer does not see that a cancelled thread leaves
// it.
void* be_cancelled(void* calls) {
    ::pthread_cancel(::pthread_self());  // ends it at the next cancellation point
    call_all(*static_cast<Calls*>(calls));
    ::pthread_testcancel();
    return nullptr;
}

TEST_F(Unnoticed, ACancelledThreadEndsInNoneOfTheCalls) {
    start(false);  // events go by the socket: that takes the most system calls
    register_provider();
    Calls calls{handle_, 1, 1, 1, false};
    void* result = nullptr;
    run(
        [&] {
            pthread_t thread;
            ASSERT_EQ(::pthread_create(&thread, nullptr, be_cancelled, &calls), 0);
            ASSERT_EQ(::pthread_join(thread, &result), 0);
        },
        [&] { return host_->unregistered > 0; });
    EXPECT_TRUE(calls.went_on);
    EXPECT_EQ(calls.registered, 0u);
    EXPECT_EQ(calls.written, 0u);
    EXPECT_EQ(calls.unregistered, 0u);
    EXPECT_EQ(result, PTHREAD_CANCELED) << "it was held up, not taken away";
    unregister();  // with the lock that the thread has given back
}

// The library's descriptors stand at high numbers, out of the way of the program's.
std::vector<int> descriptors_of_the_library() {
    std::vector<int> found;
    DIR* folder = ::opendir("/proc/self/fd");
    while (const dirent* entry = ::readdir(folder)) {
        const int fd = std::atoi(entry->d_name);
        if (fd >= 700) found.push_back(fd);
    }
    ::closedir(folder);
    return found;
}

TEST_F(Unnoticed, ADescriptorOfTheProgramUnderTheNumberOfOneThatItClosedIsLeftAlone) {
    start();
    register_provider();
    const UniqueFd own(::eventfd(5, EFD_NONBLOCK | EFD_CLOEXEC));
    const std::vector<int> taken = descriptors_of_the_library();
    ASSERT_FALSE(taken.empty());
    for (const int fd : taken) ASSERT_EQ(::dup2(own.get(), fd), fd);
    host_->ring_doorbell();  // the agent, which waits on it still, looks and makes new ones
    REGHANDLE other = 0;
    run([&] { EXPECT_EQ(EventRegister(&kOther, nullptr, nullptr, &other), 0u); },
        [&] { return host_->registered.size() >= 2; });
    uint64_t count = 0;
    EXPECT_EQ(::read(own.get(), &count, sizeof(count)), ssize_t(sizeof(count)));
    EXPECT_EQ(count, 5u);
    for (const int fd : taken) ::close(fd);
    run([&] { EXPECT_EQ(EventUnregister(other), 0u); }, [&] { return host_->unregistered > 0; });
}

std::string content_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

enum class Agent { kAwake, kSleeps, kSleepsForAWhile };
Agent agent(pid_t process = ::getpid()) {
    Agent found = Agent::kAwake;
    const std::string tasks = "/proc/" + std::to_string(process) + "/task/";
    DIR* folder = ::opendir(tasks.c_str());
    while (const dirent* entry = folder != nullptr ? ::readdir(folder) : nullptr) {
        const std::string task = tasks + entry->d_name;
        if (content_of(task + "/comm") != "etw-agent\n") continue;
        long number = 0;
        unsigned long fds = 0, count = 0, timeout = 0;
        std::istringstream call(content_of(task + "/syscall"));
        call >> std::dec >> number >> std::hex >> fds >> count >> timeout;
        if (!call) continue;
#ifdef SYS_poll
        if (number == SYS_poll) found = int(timeout) < 0 ? Agent::kSleeps : Agent::kSleepsForAWhile;
#endif
        if (number == SYS_ppoll) found = timeout == 0 ? Agent::kSleeps : Agent::kSleepsForAWhile;
    }
    if (folder != nullptr) ::closedir(folder);
    return found;
}

// Rings of the doorbell that somebody heard.
std::atomic<int> g_rings;

extern "C" ssize_t __real_sendto(int, const void*, size_t, int, const sockaddr*, socklen_t);
extern "C" ssize_t __wrap_sendto(int fd, const void* data, size_t size, int flags,
                                 const sockaddr* to, socklen_t length) {
    const ssize_t sent = __real_sendto(fd, data, size, flags, to, length);
    if (sent == 0) ++g_rings;
    return sent;
}

// As daemons do, without a word to anybody. What the kernel has to do with a thread may end its
// sleep at any time, and then the agent makes new ones unasked: that is no try.
TEST_F(Unnoticed, AProviderIsToldOfWhoseProgramHasClosedAllDescriptors) {
    start();
    register_provider();
    int rung = 0;
    for (int tries = 0; rung == 0 && tries < 20 && !HasFailure(); ++tries) {
        wait_for_ack();
        ASSERT_TRUE(host_->serve_until([] { return agent() == Agent::kSleeps; }));
        const size_t registered = host_->registered.size();
        const uint32_t unregistered = host_->unregistered;
        const int before = g_rings;
        // As no library sees it: the thread sanitizer takes it for the race that it is.
        for (const int fd : descriptors_of_the_library()) ::syscall(SYS_close, fd);
        REGHANDLE other = 0;
        run(
            [&] {
                EXPECT_EQ(EventRegister(&kOther, nullptr, nullptr, &other), 0u);
                rung = g_rings - before;
            },
            [&] { return host_->registered.size() >= registered + 2; });
        EXPECT_TRUE(EventProviderEnabled(other, 1, 0));
        run([&] { EXPECT_EQ(EventUnregister(other), 0u); },
            [&] { return host_->unregistered > unregistered; });
    }
    EXPECT_NE(rung, 0) << "the agent was not told";
}

// In a process of its own, which has no agent yet. So many descriptors are left: none, or enough
// for what the agent sleeps on, but not for a connection.
class UnnoticedDeathTest : public testing::TestWithParam<size_t> {};

TEST_P(UnnoticedDeathTest, AProviderThatFoundNoDescriptorLeftIsToldOfWhenThereAreSome) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    runtime_dir();
    // The program's parent sees from without what its agent does.
    const auto enabled_late = [] {
        FakeHost host;
        ::setenv("ETW_REGISTER_WAIT_MS", "1", 1);
        constexpr unsigned kSeconds = 60;
        ::alarm(kSeconds);
        auto& seen = *static_cast<std::atomic<Agent>*>(
            ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
        const pid_t program = ::fork();
        if (program != 0) {
            while (seen == Agent::kAwake) seen = agent(program);
            int status = 0;
            ::waitpid(program, &status, 0);
            ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 4);
        }
        ::alarm(kSeconds);
        std::vector<int> all;
        for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) all.push_back(fd);
        const auto leave = [&](size_t count) {
            for (; count != 0; --count, all.pop_back()) ::close(all.back());
        };
        leave(GetParam());
        REGHANDLE handle = 0;
        EventRegister(&kOther, nullptr, nullptr, &handle);
        const auto enabled = [&] { return EventProviderEnabled(handle, 1, 0) != 0; };
        if (enabled()) ::_exit(1);
        while (seen == Agent::kAwake) ::sched_yield();
        if (seen == Agent::kSleeps) ::_exit(2);  // nobody tells it of any
        leave(all.size());
        ::_exit(host.serve_until(enabled) ? 0 : 3);
    };
    EXPECT_EXIT(enabled_late(), testing::ExitedWithCode(0), "");
}

INSTANTIATE_TEST_SUITE_P(Left, UnnoticedDeathTest, testing::Values(0, 2));

}  // namespace
}  // namespace etw::provider
