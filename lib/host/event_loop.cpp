#include "host/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace etw::host {
namespace {

// In which the longest queue of a socket is read (some hundred packets: see max_dgram_qlen), though
// a turn takes no more than a part of it.
constexpr int kTurnsToCatchUp = 8;

}  // namespace

Result<std::unique_ptr<EventLoop>> EventLoop::create() {
    UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) return Error{code_from_errno(errno), "epoll_create", uint64_t(errno)};
    UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake) return Error{code_from_errno(errno), "eventfd", uint64_t(errno)};
    const int wake_fd = wake.get();
    std::unique_ptr<EventLoop> loop(new EventLoop(std::move(epoll), std::move(wake)));
    ETW_CHECK(loop->watch(wake_fd, EPOLLIN, [raw = loop.get()](uint32_t) { raw->run_posted(); }));
    return loop;
}

Status EventLoop::watch(int fd, uint32_t events, Handler handler) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
        return Error{code_from_errno(errno), "epoll_ctl", uint64_t(errno)};
    }
    handlers_[fd] = std::make_shared<Handler>(std::move(handler));
    return Ok{};
}

void EventLoop::change(int fd, uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::forget(int fd) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    handlers_.erase(fd);
}

EventLoop::TimerId EventLoop::after(std::chrono::milliseconds delay, Task task) {
    const TimerId id = ++last_timer_;
    const auto at = Clock::now() + delay;
    timers_.emplace(std::pair(at, id), std::move(task));
    timer_times_.emplace(id, at);
    return id;
}

void EventLoop::cancel(TimerId id) {
    const auto at = timer_times_.find(id);
    if (at == timer_times_.end()) return;
    timers_.erase({at->second, id});
    timer_times_.erase(at);
}

void EventLoop::post(Task task) {
    {
        const std::lock_guard lock(mutex_);
        posted_.push_back(std::move(task));
    }
    const uint64_t one = 1;
    // Fails only when the counter is full: then the loop wakes up anyway.
    if (::write(wake_.get(), &one, sizeof(one)) < 0) return;
}

void EventLoop::run_posted() {
    uint64_t count = 0;
    if (::read(wake_.get(), &count, sizeof(count)) < 0) return;
    std::vector<Task> tasks;
    {
        const std::lock_guard lock(mutex_);
        tasks.swap(posted_);
    }
    for (Task& task : tasks) task();
}

int EventLoop::next_timeout_ms() const {
    if (timers_.empty()) return -1;
    const auto left = timers_.begin()->first.first - Clock::now();
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    return int(std::clamp<decltype(ms)>(ms, 0, 60'000));
}

void EventLoop::run_timers() {
    const auto now = Clock::now();
    while (!timers_.empty() && timers_.begin()->first.first <= now) {
        auto first = timers_.extract(timers_.begin());
        timer_times_.erase(first.key().second);
        first.mapped()();
    }
}

void EventLoop::when_caught_up(Task task) { behind_.push_back({std::move(task), kTurnsToCatchUp}); }

// After a turn in which everything that was ready had its handler called; `idle`: nothing was.
void EventLoop::run_caught_up(bool idle) {
    for (Behind& behind : behind_) --behind.turns;
    // What a task adds waits for what is ready then.
    for (size_t left = behind_.size(); left > 0; --left) {
        if (!idle && behind_.front().turns > 0) return;
        const Task task = std::move(behind_.front().task);
        behind_.pop_front();
        task();
    }
}

void EventLoop::run() {
    std::array<epoll_event, 64> events;
    while (!stopped_) {
        const int timeout = behind_.empty() ? next_timeout_ms() : 0;
        const int n = ::epoll_wait(epoll_.get(), events.data(), int(events.size()), timeout);
        for (int i = 0; i < n; ++i) {
            const epoll_event& event = events[size_t(i)];
            const auto found = handlers_.find(event.data.fd);
            if (found == handlers_.end()) continue;  // forgotten by an earlier handler
            const auto handler = found->second;      // keeps it alive while it forgets itself
            (*handler)(event.events);
        }
        if (n >= 0 && n < int(events.size())) run_caught_up(n == 0);
        run_timers();
    }
}

}  // namespace etw::host
