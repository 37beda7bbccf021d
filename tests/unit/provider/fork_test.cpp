// What a forked child has of its parent's library, and what it has not.
#include "provider/state.h"
#include "served.h"

#include <sys/wait.h>

#include <algorithm>

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
    // Writing takes no lock: to the thread sanitizer its use of the socket and the agent's closing
    // it would be a race.
    { const ScopedLock in_order(g_state.lock); }
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

// glibc's condition waits, before it begins a new round, for those who waited in an earlier one.
TEST_F(Fork, ChildDoesNotWaitForThreadsOfTheParent) {
    start();
    // The agent is there: under the address sanitizer a child cannot allocate where another thread
    // was just starting.
    register_provider();
    REGHANDLE second = 0;
    std::thread waits([&] { EXPECT_EQ(EventRegister(&kId, nullptr, nullptr, &second), 0u); });
    const auto is_waiting = [] {
        const ScopedLock lock(g_state.lock);
        return std::any_of(std::begin(g_state.registrations), std::end(g_state.registrations),
                           [](const Registration& r) { return r.generation % 2 != 0 && !r.ready; });
    };
    while (!is_waiting()) std::this_thread::yield();
    const auto two_rounds = [] {
        for (int round = 0; round < 2; ++round) {
            bool begun = false, over = false;
            std::thread child([&] {
                const ScopedLock lock(g_state.lock);
                begun = true;
                while (!over) ::pthread_cond_wait(&g_state.changed, &g_state.lock);
            });
            for (bool told = false; !told;) {
                const ScopedLock lock(g_state.lock);
                if (!begun) continue;
                told = over = true;
                ::pthread_cond_broadcast(&g_state.changed);
            }
            child.join();
        }
        return 0;
    };
    EXPECT_EQ(in_child(two_rounds), 0);
    host_->die();
    waits.join();
    EXPECT_EQ(EventUnregister(second), 0u);
    EXPECT_EQ(EventUnregister(std::exchange(handle_, 0)), 0u);
}

}  // namespace
}  // namespace etw::provider
