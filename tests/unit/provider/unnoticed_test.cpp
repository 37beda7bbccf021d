// What a program must not notice of the library in it.
#include "served.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include <fstream>
#include <iterator>
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

bool agent_sleeps() {
    bool sleeps = false;
    DIR* folder = ::opendir("/proc/self/task");
    while (const dirent* entry = ::readdir(folder)) {
        const std::string task = std::string("/proc/self/task/") + entry->d_name;
        if (content_of(task + "/comm") != "etw-agent\n") continue;
        const std::string call = content_of(task + "/syscall");
#ifdef SYS_poll
        sleeps = sleeps || call.rfind(std::to_string(SYS_poll) + " ", 0) == 0;
#endif
        sleeps = sleeps || call.rfind(std::to_string(SYS_ppoll) + " ", 0) == 0;
    }
    ::closedir(folder);
    return sleeps;
}

// As daemons do, without a word to anybody.
TEST_F(Unnoticed, AProviderIsToldOfWhoseProgramHasClosedAllDescriptors) {
    start();
    register_provider();
    wait_for_ack();
    ASSERT_TRUE(host_->serve_until(agent_sleeps));
    for (const int fd : descriptors_of_the_library()) ::close(fd);
    REGHANDLE other = 0;
    run([&] { EXPECT_EQ(EventRegister(&kOther, nullptr, nullptr, &other), 0u); },
        [&] { return host_->registered.size() >= 2; });
    EXPECT_TRUE(EventProviderEnabled(other, 1, 0));
    run([&] { EXPECT_EQ(EventUnregister(other), 0u); }, [&] { return host_->unregistered > 0; });
}

// In a process of its own, which has no agent yet.
TEST(UnnoticedDeathTest, AProviderThatFoundNoDescriptorLeftIsToldOfWhenThereAreSome) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    runtime_dir();
    const auto enabled_late = [] {
        FakeHost host;
        ::setenv("ETW_REGISTER_WAIT_MS", "1", 1);
        constexpr unsigned kSeconds = 60;
        ::alarm(kSeconds);
        std::vector<int> all;
        for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) all.push_back(fd);
        REGHANDLE handle = 0;
        EventRegister(&kOther, nullptr, nullptr, &handle);
        const bool enabled_early = EventProviderEnabled(handle, 1, 0) != 0;
        for (const int fd : all) ::close(fd);
        ::_exit(!enabled_early &&
                        host.serve_until([&] { return EventProviderEnabled(handle, 1, 0) != 0; })
                    ? 0
                    : 1);
    };
    EXPECT_EXIT(enabled_late(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace etw::provider
