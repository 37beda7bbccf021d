// What the parts of a private session share; see private_session.h for who touches what.
#pragma once
#include "provider/private_log.h"
#include "provider/private_session.h"
#include "ring/ring_view.h"

namespace etw::provider {

// What the host asks of the thread.
struct PrivateCommand {
    wire::PrivateAction action;
    uint64_t cookie;
    uint32_t flush_timer_s;
    uint32_t flags;
    bool switches_log;  // to the incoming one
};
constexpr uint32_t kMaxPrivateQueued = 16;

template <class T>
struct PrivateQueue {
    T items[kMaxPrivateQueued];
    uint32_t count;

    bool full() const noexcept { return count == kMaxPrivateQueued; }
    bool push(const T& item) noexcept {
        if (full()) return false;
        items[count++] = item;
        return true;
    }
    bool pop(T& item) noexcept {
        if (count == 0) return false;
        item = items[0];
        --count;
        for (uint32_t i = 0; i < count; ++i) items[i] = items[i + 1];
        return true;
    }
};

enum PrivatePhase : uint32_t { kPrivateNone, kPrivateRunning, kPrivateFinished };

struct PrivateSession {
    std::atomic<uint32_t> phase;  // PrivatePhase; futex word of who waits for the end
    wire::PrivateStart start;
    uint32_t host;
    std::atomic<SessionSlot*> slot;  // until detached
    bool keep_memory;                // a writer may still be in it
    std::byte* memory;               // ring set, the two buffers, tails
    size_t memory_size;
    wire::RingPosition* tails;  // by CPU
    std::byte* staging;         // one buffer, to put together what is not whole
    std::byte* header;          // one buffer, see `incoming`
    bool monotonic;             // the counter is unusable: CLOCK_MONOTONIC
    std::atomic<uint32_t> append_lock;

    pthread_mutex_t mutex;  // the two queues, the wish to stop and the incoming log
    bool stop;              // beside the queue, which may be full
    uint64_t stop_cookie;   // of the answer to the end
    // The log that the session is to begin or to go on in, and what it begins with: from the agent
    // to the thread, which lets go of it.
    GuardedFd incoming;
    PrivateQueue<PrivateCommand> commands;
    PrivateQueue<wire::PrivateStatus> answers;
    wire::PrivateStatus last_answer;    // once finished
    std::atomic<bool> at_limit;         // the log takes no more: the agent ends the session
    std::atomic<bool> first;            // the log has the session's own name
    std::atomic<uint64_t> socket_lost;  // of the detached slot
    std::atomic<uint32_t> numbers;      // of its trace messages, where it wants them numbered

    // The thread's own.
    PrivateLog log;
    bool ended;  // the log is final
    bool begun;  // there is one
    uint32_t buffers_lost;
    uint64_t record_bytes;
    int64_t flush_every, flush_at, retry_at;
    uint64_t thread_id;

    ring::RingView view() const noexcept { return ring::RingView(memory, start.geometry); }
};

// One a process; zero until it begins.
extern PrivateSession g_private;

// --- private_thread.cpp ---
bool create_private_thread() noexcept;  // with the library's lock, for a g_private that is ready
int64_t private_counter_now() noexcept;

}  // namespace etw::provider
