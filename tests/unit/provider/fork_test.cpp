// What a forked child has of its parent's library, and what it has not.
#include "provider/private_state.h"
#include "served.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

namespace etw::provider {
namespace {

class Fork : public Served {
protected:
    // What `act` returns in a child. No host is to be served meanwhile, to which it would connect.
    template <class Act>
    static int in_child(Act act) {
        const pid_t child = ::fork();
        if (child == 0) {
            constexpr unsigned kSeconds = 60;
            ::alarm(kSeconds);
            ::_exit(act());
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
};

// The parent tells the host of them; told by both they would count twice.
TEST_F(Fork, LostEventsAreTheParents) {
    start(false);
    register_provider();
    while (write() == 0) {
    }
    host_->die();
    const auto untold = [] {
        uint64_t lost = 0;
        for (const SessionSlot& slot : g_state.slots) lost += slot.socket_lost;
        return int(lost);
    };
    EXPECT_EQ(untold(), 1);
    EXPECT_EQ(in_child(untold), 0);
    EXPECT_EQ(untold(), 1);
    EXPECT_EQ(EventUnregister(std::exchange(handle_, 0)), 0u);
}

// Handlers of a timer that fork wherever they find their thread.
class ForkInHandler : public Fork {
protected:
    static constexpr int kForks = 100;
    static inline std::atomic<int> forks;
    static inline std::atomic<bool> child;
    static inline pid_t children[kForks];

    static void fork_here(int) {
        const int saved = errno;
        if (!child && forks < kForks) {
            const pid_t pid = ::fork();
            if (pid == 0) child = true;
            if (pid > 0) children[forks++] = pid;
        }
        errno = saved;
    }

    // Of a process of its own, which ends if it hangs, and so do its children.
    static int register_while_forking() {
        constexpr unsigned kSeconds = 60;
        ::alarm(kSeconds);
        struct sigaction action {};
        action.sa_handler = fork_here;
        ::sigaction(SIGUSR1, &action, nullptr);
        // No other thread is to be interrupted: the handler is to find the one that registers.
        sigevent event{};
        event.sigev_notify = SIGEV_THREAD_ID;
        event.sigev_signo = SIGUSR1;
        event._sigev_un._tid = pid_t(::syscall(SYS_gettid));
        timer_t timer{};
        ::timer_create(CLOCK_MONOTONIC, &event, &timer);
        // Not a divisor of anything that a registration does.
        const itimerspec every = {{0, 317'000}, {0, 317'000}};
        ::timer_settime(timer, 0, &every, nullptr);
        while (forks < kForks && !child) {
            REGHANDLE handle = 0;
            if (EventRegister(&kId, nullptr, nullptr, &handle) != 0) return 1;
            if (EventUnregister(handle) != 0) return 2;
        }
        if (child) {
            ::alarm(kSeconds);
            REGHANDLE handle = 0;
            return EventRegister(&kId, nullptr, nullptr, &handle) == 0 &&
                           EventUnregister(handle) == 0
                       ? 0
                       : 3;
        }
        ::timer_delete(timer);
        for (const pid_t pid : children) {
            int status = 0;
            ::waitpid(pid, &status, 0);
            if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return 4;
        }
        return 0;
    }
};

TEST_F(ForkInHandler, HangsNeitherTheParentThatRegistersNorTheChild) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "another thread may have its allocator locked as the process forks";
#endif
    runtime_dir();
    EXPECT_EQ(in_child(register_while_forking), 0);
}

// What a thread of the parent's was doing with the private session's buffer is not the child's.
TEST_F(Fork, ChildDoesNotHaveALockOfTheParentsThreads) {
    start();
    register_provider();
    g_private.phase = kPrivateRunning;  // as far as a fork looks, and the agent in between
    g_private.append_lock = 1;
    const auto held = [] { return int(g_private.append_lock); };
    EXPECT_EQ(in_child(held), 0);
    EXPECT_EQ(held(), 1);
    g_private.append_lock = 0;
    g_private.phase = kPrivateNone;
}

}  // namespace
}  // namespace etw::provider
