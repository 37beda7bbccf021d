// The thread of one session: drains its streams into its log, so that the slow disk of one session
// delays no other, and delivers to its consumers. All that is done with a log, its closing
// included, is done here: where its file system does not answer, it is this thread that hangs. It
// sleeps on the futex words that writers wake, on tasks and on its timers; an idle session without
// a flush timer costs no CPU.
#pragma once
#include "base/file_call.h"
#include "host/recording/doze.h"
#include "host/recording/drain.h"

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace etw::host {

// What others may know of a session without disturbing its thread.
struct DrainSnapshot {
    uint64_t record_bytes = 0;
    uint32_t buffers_written = 0;
    uint32_t buffers_lost = 0;
    uint32_t real_time_buffers_lost = 0;
    uint64_t events_lost = 0;
    uint64_t log_size = 0;  // bytes
    FileIdentity file;
    std::string path;
    uint64_t thread_id = 0;
};

class SessionThread {
public:
    // What the thread asks of its surroundings; called on the thread.
    struct Hooks {
        std::function<Result<std::unique_ptr<Drain>>()> open;  // first thing
        std::function<Status(Drain&)> resume;  // then, after a kill: its log is opened again
        std::function<void(Status)> opened;    // failed: the thread ends
        std::function<void()> limit_reached;   // a sequential log is full
        // -newfile: the next log; it is kept for a successor before anything is written to it.
        std::function<Result<UniqueFd>(uint32_t number, std::string& path)> next_log;
        std::function<void(const FileIdentity& file)> log_done;  // that file is finished
        Drain::AwaitSent await_sent;                             // see Drain
    };

    SessionThread(Hooks hooks, uint32_t flush_timer_s);
    SessionThread(const SessionThread&) = delete;
    SessionThread& operator=(const SessionThread&) = delete;
    ~SessionThread();  // ends the thread as it stands, as a kill would, and waits for its end
    // The same without waiting: it may hang, on that user's account.
    static void let_go(std::unique_ptr<SessionThread> thread, uid_t whose);

    // Tasks run on the thread in the order they were posted.
    using Task = std::function<void(SessionThread&)>;
    void post(Task task);

    DrainSnapshot snapshot() const;
    // How long its log's file system has left a call without an answer; zero: it is in none.
    std::chrono::nanoseconds log_unanswered() const noexcept { return file_calls_.unanswered(); }

    // For tasks only.
    Drain& drain() { return *drain_; }
    Status begin_log(UniqueFd fd);
    void flush();  // all that was committed before the call is in the log, if the disk lets it
    void stop_kernel_events();  // what the kernel has recorded is in the rings, and no more comes
    Status end();  // the same for the last time, and the final header; the thread drains no more
    // The log so far is finished and `fd` goes on.
    // (Its backlog: see Drain::switch_log.)
    Status switch_log(UniqueFd fd, const std::string& path, uint32_t number,
                      bool ends_feed = false);
    Status next_file();  // of a -newfile session: the log goes on in it
    void set_flush_timer(uint32_t seconds);
    void deliver_soon();  // a consumer has come

private:
    using Clock = std::chrono::steady_clock;
    void end_kernel_events();
    void run();
    bool run_tasks();
    void drain_now();
    bool pass(Drain::Depth depth);
    void passes(Drain::Depth depth);
    bool next_log();
    void deliver_now();
    void write_failed(const Error& error);
    void publish();
    Clock::duration time_to_rest() const;
    void wait_for_wake(uint32_t seen, Clock::duration timeout);
    bool waiting() const { return Clock::now() < retry_at_; }

    Hooks hooks_;
    std::unique_ptr<Drain> drain_;
    Clock::duration flush_every_{};  // zero: never
    Clock::time_point flush_at_{};
    Clock::time_point deliver_at_{};  // while there are consumers
    Clock::duration deliver_pause_{};
    Clock::time_point retry_at_{};  // after a failed write: not before
    Clock::duration retry_pause_{};
    bool ended_ = false;         // the log takes no more
    uint32_t log_began_at_ = 0;  // buffers written when the log was fresh
    Doze doze_;
    bool progressed_ = false;   // the last look found something to do
    uint64_t full_before_ = 0;  // blocks that waited for more when last looked at

    mutable std::mutex mutex_;
    std::vector<Task> tasks_;         // guarded by mutex_
    DrainSnapshot snapshot_;          // guarded by mutex_
    std::atomic<uint32_t> wakes_{0};  // futex word: rises with every task
    std::atomic<bool> stopping_{false};
    FileCallWatch file_calls_;
    std::thread thread_;
};

}  // namespace etw::host
