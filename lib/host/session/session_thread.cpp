#include "host/session/session_thread.h"

#include "host/elsewhere.h"
#include "host/journal.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>

namespace etw::host {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstRetry{50};
constexpr milliseconds kLastRetry{250};
// Full blocks that cannot be written yet (their time stamps lie in the future).
constexpr milliseconds kStuck{20};
// Where the kernel cannot wait for several words: how often the rings are looked at.
constexpr milliseconds kPoll{20};
// How often events are delivered to consumers: while any come, and when none have come for a while.
// In between the pause doubles. Writers wake nobody for it.
constexpr milliseconds kDeliverBusy{8};
constexpr milliseconds kDeliverIdle{64};

timespec absolute(std::chrono::nanoseconds from_now) {
    timespec ts{};
    ::clock_gettime(CLOCK_MONOTONIC, &ts);
    const int64_t ns = ts.tv_nsec + from_now.count() % 1'000'000'000;
    ts.tv_sec += from_now.count() / 1'000'000'000 + ns / 1'000'000'000;
    ts.tv_nsec = ns % 1'000'000'000;
    return ts;
}

#ifndef SYS_futex_waitv
constexpr long SYS_futex_waitv = 449;
#endif
// struct futex_waitv of linux/futex.h, since Linux 5.16.
struct FutexWait {
    uint64_t value;
    uint64_t address;
    uint32_t flags;
    uint32_t reserved;
};
constexpr uint32_t kFutex32 = 2;

}  // namespace

SessionThread::SessionThread(Hooks hooks, uint32_t flush_timer_s) : hooks_(std::move(hooks)) {
    set_flush_timer(flush_timer_s);
    thread_ = std::thread([this] { run(); });
}

SessionThread::~SessionThread() {
    stopping_ = true;
    post([](SessionThread&) {});
    thread_.join();
}

void SessionThread::let_go(std::unique_ptr<SessionThread> thread, uid_t whose) {
    thread->stopping_ = true;
    // Where no thread is to be had that could wait for its end, it stays as it is.
    SessionThread* const left = thread.release();
    static_cast<void>(bool(run_elsewhere(whose, [left] { delete left; })));
}

void SessionThread::post(Task task) {
    {
        const std::lock_guard lock(mutex_);
        tasks_.push_back(std::move(task));
    }
    wakes_.fetch_add(1);
    ::syscall(SYS_futex, &wakes_, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

DrainSnapshot SessionThread::snapshot() const {
    const std::lock_guard lock(mutex_);
    return snapshot_;
}

void SessionThread::publish() {
    const Progress& p = drain_->progress();
    DrainSnapshot s;
    s.record_bytes = p.record_bytes;
    s.buffers_written =
        !p.path.empty() ? p.position.buffers_written : uint32_t(p.delivery.next_number);
    s.buffers_lost = p.buffers_lost;
    s.real_time_buffers_lost = p.delivery.buffers_lost;
    s.events_lost = drain_->events_lost();
    s.log_size = drain_->log_size();
    s.file = p.file;
    s.path = p.path;
    s.thread_id = uint64_t(::syscall(SYS_gettid));
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(s);
}

bool SessionThread::run_tasks() {
    std::vector<Task> tasks;
    {
        const std::lock_guard lock(mutex_);
        tasks.swap(tasks_);
    }
    for (Task& task : tasks) task(*this);
    return !tasks.empty();
}

void SessionThread::run() {
    file_calls_.watch_this_thread();
    auto opened = hooks_.open();
    if (!opened) {
        hooks_.opened(opened.error());
        return;
    }
    drain_ = std::move(*opened);
    drain_->set_await_sent(hooks_.await_sent);
    publish();
    const Status resumed = hooks_.resume ? hooks_.resume(*drain_) : Status(Ok{});
    hooks_.opened(resumed);
    while (resumed && !stopping_) {
        const uint32_t seen = wakes_.load();
        const bool had_tasks = run_tasks();
        if (stopping_) break;
        progressed_ = had_tasks;
        drain_now();
        publish();
        doze_.looked(progressed_, drain_->progress().record_bytes, Clock::now());
        wait_for_wake(seen, time_to_rest());
    }
    drain_.reset();
}

// --- draining --------------------------------------------------------------------------------

void SessionThread::drain_now() {
    if (ended_) return;
    deliver_now();
    const auto now = Clock::now();
    if (flush_every_.count() != 0 && now >= flush_at_) {
        flush_at_ = now + flush_every_;
        flush();
        return;
    }
    if (const uint64_t full = drain_->full_blocks();
        full != 0 && !drain_->has_enough_full_blocks()) {
        progressed_ = progressed_ || full != full_before_;  // look again before a long sleep
        full_before_ = full;
        return;
    }
    while (pass(Drain::Depth::kFullBlocks)) {
        const std::lock_guard lock(mutex_);
        if (!tasks_.empty()) return;
    }
}

void SessionThread::deliver_now() {
    if (drain_->consumers() == 0 || Clock::now() < deliver_at_) return;
    deliver_pause_ = drain_->deliver(Drain::Depth::kFullBlocks)
                         ? Clock::duration(kDeliverBusy)
                         : std::min<Clock::duration>(deliver_pause_ * 2, kDeliverIdle);
    deliver_at_ = Clock::now() + deliver_pause_;
}

void SessionThread::deliver_soon() {
    deliver_pause_ = kDeliverBusy;
    deliver_at_ = {};
}

// One batch. False: nothing (more) can be written now.
bool SessionThread::pass(Drain::Depth depth) {
    if (ended_) return false;
    if (waiting()) {
        drain_->make_room();
        return false;
    }
    const auto outcome = drain_->pass(depth);
    if (!outcome) {
        write_failed(outcome.error());
        return false;
    }
    if (*outcome == Drain::Outcome::kLimitReached) return next_log();
    retry_pause_ = {};
    if (*outcome == Drain::Outcome::kIdle) return false;
    progressed_ = true;
    return true;
}

bool SessionThread::next_log() {
    // A limit that not even one buffer fits under would make files for ever.
    const bool fresh = drain_->progress().position.buffers_written == log_began_at_;
    if (!hooks_.next_log || fresh) {
        ended_ = true;
        hooks_.limit_reached();
        return false;
    }
    const Status status = next_file();
    if (!status) write_failed(status.error());
    return bool(status);
}

Status SessionThread::next_file() {
    if (ended_ || !hooks_.next_log) return Error{Code::kInvalidParameter, "no next file", 0};
    const uint32_t number = drain_->progress().file_number + 1;
    std::string path;
    ETW_TRY(UniqueFd fd, hooks_.next_log(number, path));
    return switch_log(std::move(fd), path, number);
}

Status SessionThread::begin_log(UniqueFd fd) {
    ETW_CHECK(drain_->begin_log(std::move(fd)));
    publish();  // whoever started the session is shown it
    return Ok{};
}

Status SessionThread::switch_log(UniqueFd fd, const std::string& path, uint32_t number,
                                 bool ends_feed) {
    const FileIdentity old = drain_->progress().file;
    ETW_CHECK(drain_->switch_log(std::move(fd), path, number, ends_feed));
    hooks_.log_done(old);
    log_began_at_ = drain_->progress().position.buffers_written;
    retry_at_ = {};
    publish();
    return Ok{};
}

void SessionThread::write_failed(const Error& error) {
    if (retry_pause_.count() == 0) journal("cannot write " + drain_->progress().path, error);
    retry_pause_ = std::clamp<Clock::duration>(retry_pause_ * 2, kFirstRetry, kLastRetry);
    retry_at_ = Clock::now() + retry_pause_;
    drain_->make_room();
}

// As many as it takes, and no more than what the rings held when we began, twice over: a writer
// that goes on and on must not hold us here.
void SessionThread::passes(Drain::Depth depth) {
    const uint64_t enough = drain_->progress().record_bytes + 2 * drain_->capacity();
    while (drain_->progress().record_bytes < enough && pass(depth)) {
    }
}

void SessionThread::flush() {
    const int64_t now = counter_now();
    retry_at_ = {};  // whoever asks for it may just have made room on the disk
    passes(Drain::Depth::kFullBlocks);
    // The kernel may hold more than the rings do.
    const auto behind = [&] {
        KernelSource* source = drain_->kernel_source();
        return source != nullptr && source->collect(true) < now;
    };
    while (behind() && pass(Drain::Depth::kAll)) {
    }
    for (size_t left = drain_->passes_over_all(); left > 0 && pass(Drain::Depth::kAll);) --left;
    drain_->deliver();  // also what a full disk holds up
    publish();
}

// All that the kernel recorded goes to the rings, which may hold less than that at a time.
void SessionThread::end_kernel_events() {
    KernelSource* source = drain_->kernel_source();
    if (source == nullptr) return;
    while (!source->end(ended_)) {
        if (ended_) return;
        retry_at_ = {};
        const uint64_t before = drain_->progress().record_bytes;
        passes(Drain::Depth::kAll);
        if (drain_->progress().record_bytes == before && !drain_->make_room()) {
            source->end(true);
            return;
        }
    }
}

void SessionThread::stop_kernel_events() {
    end_kernel_events();
    drain_->set_kernel_source(nullptr);
}

Status SessionThread::end() {
    end_kernel_events();
    retry_at_ = {};
    passes(Drain::Depth::kAll);
    retry_at_ = {};
    passes(Drain::Depth::kFinal);
    if (!ended_ && waiting()) drain_->drop_rest();
    ended_ = true;
    drain_->end_feed(wire::DeliveryState::kEnded);
    const Status finished = drain_->finish();
    publish();
    return finished;
}

void SessionThread::set_flush_timer(uint32_t seconds) {
    flush_every_ = std::chrono::seconds(seconds);
    flush_at_ = Clock::now() + flush_every_;
}

// --- sleeping --------------------------------------------------------------------------------

SessionThread::Clock::duration SessionThread::time_to_rest() const {
    constexpr Clock::duration kForever = std::chrono::hours(24);
    if (ended_) return kForever;
    const auto now = Clock::now();
    Clock::duration timeout = doze_ ? doze_.pause() : kForever;
    if (flush_every_.count() != 0) timeout = std::min(timeout, flush_at_ - now);
    if (drain_->consumers() != 0) timeout = std::min(timeout, deliver_at_ - now);
    if (retry_at_ > now) timeout = std::min(timeout, retry_at_ - now);
    return std::max(timeout, Clock::duration::zero());
}

// Ends early when a task was posted since `seen`, or when a writer fills a block, or enough of
// them.
void SessionThread::wait_for_wake(uint32_t seen, Clock::duration timeout) {
    std::vector<FutexWait> words;
    const auto add = [&words](std::atomic<uint32_t>& word, uint32_t value) {
        words.push_back({value, reinterpret_cast<uint64_t>(&word), kFutex32, 0});
    };
    add(wakes_, seen);
    if (!ended_ && !drain_->keeps_records()) {
        for (const auto& stream : drain_->streams()) {
            if (stream == nullptr) continue;
            const uint32_t enough = doze_ ? Drain::crowded_at(stream->rings.geometry()) : 1;
            stream->rings.host_sleeps().store(enough);
            add(stream->rings.host_sleeps(), enough);
        }
        // Blocks that were filled while we still looked awake, and that are not to wait for more.
        // If they are there because the log cannot take them, sleeping is right all the same.
        if (doze_ ? drain_->has_crowded_ring() : drain_->has_enough_full_blocks()) {
            timeout = progressed_ && !waiting()
                          ? Clock::duration::zero()
                          : std::min<Clock::duration>(timeout, waiting() ? kLastRetry : kStuck);
        }
    }
    if (timeout > Clock::duration::zero()) {
        timespec deadline = absolute(timeout);
        const long n =
            ::syscall(SYS_futex_waitv, words.data(), words.size(), 0, &deadline, CLOCK_MONOTONIC);
        if (n < 0 && errno == ENOSYS) {
            timespec poll = {0, std::chrono::nanoseconds(kPoll).count()};
            ::syscall(SYS_futex, &wakes_, FUTEX_WAIT, seen, &poll, nullptr, 0);
        }
    }
    if (ended_) return;
    for (const auto& stream : drain_->streams()) {
        if (stream != nullptr) stream->rings.host_sleeps().store(0);
    }
}

}  // namespace etw::host
