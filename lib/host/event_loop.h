// The host's main thread: readiness of descriptors, timers, and work that other threads post.
#pragma once
#include "base/unique_fd.h"
#include "etw/result.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace etw::host {

class EventLoop {
public:
    using Handler = std::function<void(uint32_t events)>;
    using Task = std::function<void()>;
    using TimerId = uint64_t;

    static Result<std::unique_ptr<EventLoop>> create();

    // `events`: EPOLL*. The descriptor is borrowed; forget() it before it is closed. A handler may
    // watch and forget anything, itself included.
    Status watch(int fd, uint32_t events, Handler handler);
    void change(int fd, uint32_t events);
    void forget(int fd);

    TimerId after(std::chrono::milliseconds delay, Task task);
    void cancel(TimerId id);

    // Runs `task` on the loop's thread, soon. From any thread.
    void post(Task task);
    // Runs `task` once all that is ready now has been handled: when nothing is ready, or, under a
    // load that does not end, after some turns. From the loop's thread.
    void when_caught_up(Task task);

    // Returns once stop() was called from a handler, a timer or a task.
    void run();
    void stop() { stopped_ = true; }

private:
    using Clock = std::chrono::steady_clock;
    EventLoop(UniqueFd epoll, UniqueFd wake) noexcept
        : epoll_(std::move(epoll)), wake_(std::move(wake)) {}
    int next_timeout_ms() const;
    void run_timers();
    void run_posted();
    void run_caught_up(bool idle);

    UniqueFd epoll_;
    UniqueFd wake_;  // eventfd
    std::unordered_map<int, std::shared_ptr<Handler>> handlers_;
    std::map<std::pair<Clock::time_point, TimerId>, Task> timers_;
    std::unordered_map<TimerId, Clock::time_point> timer_times_;
    TimerId last_timer_ = 0;
    struct Behind {
        Task task;
        int turns;  // to go at most
    };
    std::deque<Behind> behind_;  // in the order of their turns
    bool stopped_ = false;

    std::mutex mutex_;
    std::vector<Task> posted_;  // guarded by mutex_
};

}  // namespace etw::host
