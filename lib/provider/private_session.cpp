#include "provider/private_session.h"

#include "provider/private_log.h"
#include "ring/clock.h"
#include "ring/ring_view.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstring>

namespace etw::provider {

namespace {

using wire::PrivateAction;
using wire::PrivateControl;
using wire::PrivateResult;
using wire::PrivateStatus;
using wire::RingPosition;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kSecondLook = 20'000'000;     // a wake may be lost while a writer is busy
constexpr int64_t kRetryPause = 100'000'000;    // after a failed write
constexpr int64_t kLastTries = 300'000'000;     // of a disk that is full when the session ends
constexpr int64_t kExitPatience = 5 * kSecond;  // a program's end must not hang on a disk

struct Command {
    PrivateAction action;
    uint64_t cookie;
    uint32_t flush_timer_s;
    uint32_t flags;
    int fd;
};
constexpr uint32_t kMaxQueued = 16;

template <class T>
struct Queue {
    T items[kMaxQueued];
    uint32_t count;

    bool push(const T& item) noexcept {
        if (count == kMaxQueued) return false;
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

enum Phase : uint32_t { kNone, kRunning, kFinished };

struct PrivateSession {
    std::atomic<uint32_t> phase;  // Phase; futex word of who waits for the end
    wire::PrivateStart start;
    uint32_t host;
    uint64_t stop_cookie;            // of the answer to the end
    std::atomic<SessionSlot*> slot;  // until detached
    bool keep_memory;                // a writer may still be in it
    std::byte* memory;  // ring set, tails, one buffer to put together what is not whole
    size_t memory_size;
    RingPosition* tails;  // by CPU
    std::byte* staging;
    bool monotonic;  // the counter is unusable: CLOCK_MONOTONIC in its units
    std::atomic<uint32_t> append_lock;

    pthread_mutex_t mutex;  // the two queues
    Queue<Command> commands;
    Queue<PrivateStatus> answers;
    PrivateStatus last_answer;          // once finished
    std::atomic<bool> first;            // the log has the session's own name
    std::atomic<uint64_t> socket_lost;  // of the detached slot

    // The thread's own.
    PrivateLog log;
    bool ended;  // the log is final
    bool limit_told;
    uint32_t buffers_lost;
    uint64_t record_bytes;
    int64_t flush_every, flush_at, retry_at;
    uint64_t thread_id;

    ring::RingView view() const noexcept { return ring::RingView(memory, start.geometry); }
};

// One a process; zero until it begins.
PrivateSession g_private;

void futex_wait(std::atomic<uint32_t>& word, uint32_t value, int64_t timeout_ns) noexcept {
    const timespec timeout = {time_t(timeout_ns / kSecond), long(timeout_ns % kSecond)};
    ::syscall(SYS_futex, &word, FUTEX_WAIT, value, timeout_ns < 0 ? nullptr : &timeout, nullptr, 0);
}

void futex_wake(void* word) noexcept {
    ::syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, nullptr, nullptr, 0);
}

// --- time ------------------------------------------------------------------------------------

// a * b / c without overflow in between, for b and c below 2^33.
int64_t scale(int64_t a, int64_t b, int64_t c) noexcept { return a / c * b + a % c * b / c; }

int64_t counter_now(const PrivateSession& session) noexcept {
    if (!session.monotonic) return ring::read_counter();
    return scale(monotonic_ns(), int64_t(session.start.counter_hz), kSecond);
}

int64_t raw_time(const PrivateSession& session, int64_t counter) noexcept {
    if ((session.start.flags & wire::kPrivateSystemTime) == 0) return counter;
    const int64_t ticks = counter - session.start.start_counter;
    return session.start.start_filetime +
           scale(ticks, 10'000'000, int64_t(session.start.counter_hz));
}

// Of whole records of ours; stops where they make no sense, which only the application can do.
void rewrite_times(const PrivateSession& session, std::byte* records, size_t size) noexcept {
    wire::EventHeader header;
    while (size >= sizeof(header)) {
        std::memcpy(static_cast<void*>(&header), records, sizeof(header));
        const size_t length = wire::align8(size_t{header.size});
        if (header.marker != wire::kMarkerEvent || length < sizeof(header) || length > size) return;
        const int64_t time = raw_time(session, header.time_stamp);
        std::memcpy(records + offsetof(wire::EventHeader, time_stamp), &time, sizeof(time));
        records += length;
        size -= length;
    }
}

// --- the thread: draining --------------------------------------------------------------------

uint64_t events_lost(const PrivateSession& session) noexcept {
    uint64_t lost = session.socket_lost.load(std::memory_order_relaxed);
    if (const SessionSlot* slot = session.slot.load(std::memory_order_acquire)) {
        lost += slot->socket_lost.load(std::memory_order_relaxed);
    }
    for (uint32_t cpu = 0; cpu < session.start.geometry.cpus; ++cpu) {
        lost += session.view().lost(cpu);
    }
    return lost;
}

// What was left behind whole goes to the log from where it is; the rest through a copy.
PrivateLog::Outcome write_run(PrivateSession& session, uint32_t cpu,
                              const ring::Run& run) noexcept {
    const auto size = uint32_t(run.records.size());
    const bool whole = wire::offset_of(run.begin) == wire::kRingFirstOffset &&
                       wire::block_of(run.end) != wire::block_of(run.begin);
    const bool rewrites = (session.start.flags & wire::kPrivateSystemTime) != 0;
    std::byte* buffer = session.staging;
    if (whole && !rewrites) {
        buffer = session.view().block(cpu, wire::block_of(run.begin));
    } else {
        std::memcpy(buffer + wire::kRingFirstOffset, run.records.data(), size);
        if (rewrites) rewrite_times(session, buffer + wire::kRingFirstOffset, size);
    }
    return session.log.write(buffer, size, uint16_t(cpu), raw_time(session, counter_now(session)));
}

enum class Depth { kFullBlocks, kAll };

// False: the log takes no more, now or ever.
bool drain_cpu(PrivateSession& session, uint32_t cpu, Depth depth) noexcept {
    const ring::RingView view = session.view();
    RingPosition& tail = session.tails[cpu];
    // As much as was there when we began, whoever goes on writing.
    for (uint32_t budget = session.start.geometry.blocks + 1; budget != 0; --budget) {
        if (depth == Depth::kFullBlocks && view.pending_blocks(cpu, tail) == 0) return true;
        ring::Run run{};
        bool damaged = false;
        if (!view.next(cpu, tail, run, &damaged)) return true;
        if (damaged) {
            ++session.buffers_lost;
        } else {
            const auto outcome = write_run(session, cpu, run);
            if (outcome == PrivateLog::Outcome::kFull) {
                session.ended = true;
                return false;
            }
            if (outcome == PrivateLog::Outcome::kFailed) return false;
            session.record_bytes += run.records.size();
        }
        tail = run.end;
        view.release(cpu, tail);
    }
    return true;
}

// For a log that cannot be written: drops the oldest block of each ring that is about to refuse
// events, and counts it.
void make_room(PrivateSession& session, bool all) noexcept {
    const ring::RingView view = session.view();
    for (uint32_t cpu = 0; cpu < session.start.geometry.cpus; ++cpu) {
        RingPosition& tail = session.tails[cpu];
        ring::Run run{};
        bool damaged = false;
        while ((all || view.pending_blocks(cpu, tail) + 1 >= session.start.geometry.blocks) &&
               view.next(cpu, tail, run, &damaged)) {
            tail = run.end;
            view.release(cpu, tail);
            ++session.buffers_lost;
        }
    }
}

bool drain(PrivateSession& session, Depth depth) noexcept {
    if (session.ended) return false;
    const int64_t now = monotonic_ns();
    if (session.retry_at > now) {
        make_room(session, false);
        return false;
    }
    session.retry_at = 0;
    for (uint32_t cpu = 0; cpu < session.start.geometry.cpus; ++cpu) {
        if (drain_cpu(session, cpu, depth)) continue;
        if (!session.ended) {
            session.retry_at = now + kRetryPause;
            make_room(session, false);
        }
        return false;
    }
    return true;
}

bool has_full_blocks(const PrivateSession& session) noexcept {
    for (uint32_t cpu = 0; cpu < session.start.geometry.cpus; ++cpu) {
        if (session.view().pending_blocks(cpu, session.tails[cpu]) != 0) return true;
    }
    return false;
}

// --- the thread: what the host asks ------------------------------------------------------------

PrivateStatus status_of(const PrivateSession& session, uint64_t cookie,
                        PrivateResult result) noexcept {
    const wire::RingGeometry& g = session.start.geometry;
    uint32_t waiting = 0;
    for (uint32_t cpu = 0; cpu < g.cpus; ++cpu) {
        waiting += session.view().pending_blocks(cpu, session.tails[cpu]);
    }
    PrivateStatus status{};
    status.header = {wire::ProviderMessage::kPrivateStatus, sizeof(status)};
    status.session = session.start.session;
    status.cookie = cookie;
    status.result = result;
    status.flags = (session.first ? uint32_t{wire::kPrivateIsFirst} : 0) |
                   (session.ended ? uint32_t{wire::kPrivateEnded} : 0);
    status.events_lost = events_lost(session);
    status.record_bytes = session.record_bytes;
    status.log_size = session.log.size();
    status.buffers_written = session.log.buffers_written();
    status.buffers_lost = session.buffers_lost;
    status.number_of_buffers = g.cpus * g.blocks;
    status.free_buffers = status.number_of_buffers - waiting;
    status.thread_id = session.thread_id;
    return status;
}

void answer(PrivateSession& session, uint64_t cookie, PrivateResult result) noexcept {
    const PrivateStatus status = status_of(session, cookie, result);
    {
        const ScopedLock lock(session.mutex);
        session.answers.push(status);  // a full queue: the host has not listened for long
    }
    const ScopedLock lock(g_state.lock);
    wake_agent();
}

void finish_log(PrivateSession& session) noexcept {
    session.log.finish(events_lost(session), session.buffers_lost);
}

void update(PrivateSession& session, const Command& command) noexcept {
    PrivateResult result = PrivateResult::kOk;
    if (command.flush_timer_s != 0) {
        session.flush_every = command.flush_timer_s * kSecond;
        session.flush_at = monotonic_ns() + session.flush_every;
    }
    if (command.fd >= 0) {
        session.retry_at = 0;
        drain(session, Depth::kAll);
        finish_log(session);
        if (session.log.go_on_in(command.fd)) {
            session.first = (command.flags & wire::kPrivateFirst) != 0;
            session.retry_at = 0;
        } else {
            result = PrivateResult::kBadRequest;
        }
    }
    answer(session, command.cookie, result);
}

// Nobody writes to the rings any more.
void stop(PrivateSession& session, const Command& command) noexcept {
    const int64_t until = monotonic_ns() + kLastTries;
    session.retry_at = 0;
    while (!drain(session, Depth::kAll) && !session.ended && monotonic_ns() < until) {
        const timespec pause = {0, long(kRetryPause)};
        ::nanosleep(&pause, nullptr);
    }
    if (!session.ended) make_room(session, true);
    session.ended = true;
    finish_log(session);
    session.last_answer = status_of(session, command.cookie, PrivateResult::kOk);
}

// False: that was the last one.
bool execute(PrivateSession& session, const Command& command) noexcept {
    switch (command.action) {
        case PrivateAction::kStop:
            stop(session, command);
            return false;
        case PrivateAction::kUpdate:
            update(session, command);
            return true;
        case PrivateAction::kFlush:
            session.retry_at = 0;
            drain(session, Depth::kAll);
            break;
        case PrivateAction::kQuery:
            break;
    }
    answer(session, command.cookie, PrivateResult::kOk);
    return true;
}

// --- the thread --------------------------------------------------------------------------------

void sleep(PrivateSession& session, bool was_busy) noexcept {
    std::atomic<uint32_t>& sleeps = session.view().host_sleeps();
    const int64_t now = monotonic_ns();
    int64_t timeout = -1;
    const auto at_most = [&](int64_t ns) {
        if (ns < 0) ns = 0;
        if (timeout < 0 || ns < timeout) timeout = ns;
    };
    if (!session.ended) {
        if (was_busy) at_most(kSecondLook);
        if (session.flush_every != 0) at_most(session.flush_at - now);
        if (session.retry_at != 0) at_most(session.retry_at - now);
    }
    sleeps.store(1);
    bool wait = true;
    {
        const ScopedLock lock(session.mutex);
        wait = session.commands.count == 0;
    }
    // Blocks that were filled while we still looked awake.
    if (!session.ended && session.retry_at == 0 && has_full_blocks(session)) wait = false;
    if (wait && timeout != 0) futex_wait(sleeps, 1, timeout);
    sleeps.store(0);
}

void* run_private(void*) noexcept {
    PrivateSession& session = g_private;
    ::prctl(PR_SET_NAME, "etw-private");
    session.thread_id = uint64_t(::syscall(SYS_gettid));
    session.flush_at = monotonic_ns() + session.flush_every;
    answer(session, session.start.cookie, PrivateResult::kOk);
    for (;;) {
        Command command{};
        bool commanded = false;
        {
            const ScopedLock lock(session.mutex);
            commanded = session.commands.pop(command);
        }
        if (commanded) {
            if (!execute(session, command)) break;
            continue;
        }
        const uint32_t before = session.log.buffers_written();
        const int64_t now = monotonic_ns();
        const bool flush = session.flush_every != 0 && now >= session.flush_at;
        if (flush) session.flush_at = now + session.flush_every;
        drain(session, flush ? Depth::kAll : Depth::kFullBlocks);
        if (session.ended && !session.limit_told) {
            session.limit_told = true;
            answer(session, 0, PrivateResult::kOk);  // for the agent, which ends the session
        }
        sleep(session, session.log.buffers_written() != before);
    }
    session.log.forget();
    session.phase.store(kFinished, std::memory_order_release);
    futex_wake(&session.phase);
    const ScopedLock lock(g_state.lock);
    wake_agent();
    return nullptr;
}

bool create_private_thread() noexcept {
    pthread_attr_t attributes;
    if (::pthread_attr_init(&attributes) != 0) return false;
    ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    constexpr size_t kStack = 256 * 1024;
    ::pthread_attr_setstacksize(&attributes, kStack);
    // All signals: among them the one for a file that grows past the process's limit.
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    const int failed = ::pthread_create(&thread, &attributes, run_private, nullptr);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ::pthread_attr_destroy(&attributes);
    return failed == 0;
}

// --- the agent -----------------------------------------------------------------------------------

// False: it will never be read; the caller answers.
bool post(const Command& command) noexcept {
    {
        const ScopedLock lock(g_private.mutex);
        if (!g_private.commands.push(command)) return false;
    }
    std::atomic<uint32_t>& sleeps = g_private.view().host_sleeps();
    if (sleeps.exchange(0) == 1) futex_wake(&sleeps);
    return true;
}

void refuse(uint32_t host, const wire::SessionKey& session, uint64_t cookie,
            PrivateResult result) noexcept {
    PrivateStatus status{};
    status.header = {wire::ProviderMessage::kPrivateStatus, sizeof(status)};
    status.session = session;
    status.cookie = cookie;
    status.result = result;
    status.flags = wire::kPrivateEnded;
    send_private_status(host, status);
}

// Its thread is gone: another one may begin.
void clean_up() noexcept {
    if (g_private.phase.load(std::memory_order_acquire) != kFinished) return;
    if (!g_private.keep_memory) ::munmap(g_private.memory, g_private.memory_size);
    g_private.memory = nullptr;
    g_private.phase.store(kNone, std::memory_order_relaxed);
}

// No writer is in the rings after this, and the slot is free.
void withdraw(SessionSlot& slot) noexcept {
    if (slot.rings) {
        if (!(ring::detach(slot.map) && g_state.unmap_works)) {
            slot.dead = g_private.keep_memory = true;
        }
        slot.generation.store(0, std::memory_order_release);
    } else {
        slot.generation.store(0, std::memory_order_seq_cst);
        // Who has the lock now is the last one that may append.
        while (g_private.append_lock.load(std::memory_order_seq_cst) != 0) ::sched_yield();
    }
    g_private.slot.store(nullptr, std::memory_order_release);
    g_private.socket_lost.fetch_add(slot.socket_lost.exchange(0, std::memory_order_relaxed),
                                    std::memory_order_relaxed);
    slot.in_process = false;
}

// Rings, tails and one buffer. Untouched pages cost nothing: a private session is paged.
bool allocate(const wire::RingGeometry& geometry) noexcept {
    const size_t set = geometry.set_size();
    const size_t tails = wire::align8(geometry.cpus * sizeof(RingPosition));
    const size_t size = set + geometry.block_size + tails;
    void* memory =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return false;
    // A forked child has another session or none; copying this one's buffers would cost both.
    ::madvise(memory, size, MADV_WIPEONFORK);
    ::madvise(memory, size, MADV_NOHUGEPAGE);  // no writer is to clear 2 MB at its first event
    g_private.memory = static_cast<std::byte*>(memory);
    g_private.memory_size = size;
    g_private.staging = g_private.memory + set;
    g_private.tails = reinterpret_cast<RingPosition*>(g_private.memory + set + geometry.block_size);
    g_private.view().initialise();
    for (uint32_t cpu = 0; cpu < geometry.cpus; ++cpu) {
        g_private.tails[cpu] = wire::ring_position(0, wire::kRingFirstOffset);
    }
    return true;
}

bool start_valid(const wire::PrivateStart& start) noexcept {
    return start.geometry.valid() && (start.geometry.flags & wire::kRingOverwrite) == 0 &&
           start.counter_hz != 0 && start.counter_hz < (uint64_t{1} << 33);
}

void reset_private(uint32_t host, const wire::PrivateStart& start) noexcept {
    PrivateSession& s = g_private;
    s.start = start;
    s.host = host;
    s.slot.store(nullptr, std::memory_order_relaxed);
    s.stop_cookie = 0;
    s.keep_memory = false;
    s.monotonic = g_state.hosts[host].no_rings;
    s.append_lock.store(0, std::memory_order_relaxed);
    s.mutex = PTHREAD_MUTEX_INITIALIZER;
    s.commands.count = 0;
    s.answers.count = 0;
    s.first = (start.flags & wire::kPrivateFirst) != 0;
    s.ended = s.limit_told = false;
    s.buffers_lost = 0;
    s.record_bytes = 0;
    s.socket_lost.store(0, std::memory_order_relaxed);
    s.flush_every = start.flush_timer_s * kSecond;
    s.flush_at = s.retry_at = 0;
    s.thread_id = 0;
}

}  // namespace

void start_private(uint32_t host, const wire::PrivateStart& start, int fd) noexcept {
    clean_up();
    PrivateResult result = PrivateResult::kOk;
    if (g_private.phase.load(std::memory_order_relaxed) != kNone) {
        result = PrivateResult::kHasAnother;
    } else if (!start_valid(start)) {
        result = PrivateResult::kBadRequest;
    }
    if (result != PrivateResult::kOk) {
        if (fd >= 0) ::close(fd);
        return refuse(host, start.session, start.cookie, result);
    }
    reset_private(host, start);
    if (!g_private.log.begin(fd, start)) {
        return refuse(host, start.session, start.cookie, PrivateResult::kBadRequest);
    }
    const bool one_stream = (start.flags & wire::kPrivateOneStream) != 0;
    const bool rings = !one_stream && !g_private.monotonic && ring::sequences_usable();
    if (allocate(start.geometry)) {
        SessionSlot* slot =
            attach_private(host, start.session, start.geometry, rings ? g_private.memory : nullptr);
        g_private.slot.store(slot, std::memory_order_release);
        g_private.phase.store(kRunning, std::memory_order_release);
        if (slot != nullptr && create_private_thread()) return;
        if (slot != nullptr) withdraw(*slot);
        g_private.phase.store(kFinished, std::memory_order_relaxed);
        clean_up();
    }
    g_private.log.forget();
    refuse(host, start.session, start.cookie, PrivateResult::kNoResources);
}

void control_private(uint32_t host, const PrivateControl& control, int fd) noexcept {
    SessionSlot* slot = find_slot(host, control.session);
    const Command command = {control.action, control.cookie, control.flush_timer_s, control.flags,
                             fd};
    if (slot == nullptr || !slot->in_process) {
        if (fd >= 0) ::close(fd);
        return refuse(host, control.session, control.cookie, PrivateResult::kOk);
    }
    slot->confirmed = g_state.hosts[host].connection;
    if (control.action == PrivateAction::kStop) {
        if (fd >= 0) ::close(fd);
        g_private.stop_cookie = control.cookie;
        return end_session(host, *slot);
    }
    if (post(command)) return;
    if (fd >= 0) ::close(fd);
    refuse(host, control.session, control.cookie, PrivateResult::kNoResources);
}

void detach_private(SessionSlot& slot) noexcept {
    withdraw(slot);
    const Command stop_command = {PrivateAction::kStop, g_private.stop_cookie, 0, 0, -1};
    while (!post(stop_command)) {  // the thread takes one whenever its disk lets it
        const timespec pause = {0, 1'000'000};
        ::nanosleep(&pause, nullptr);
    }
}

void report_private(uint32_t host) noexcept {
    SessionSlot* slot = g_private.slot.load(std::memory_order_relaxed);
    if (slot == nullptr || slot->host != host || !slot->orphaned) return;
    slot->orphaned = false;
    // At once, before anything is registered; what only the thread knows follows.
    PrivateStatus status{};
    status.header = {wire::ProviderMessage::kPrivateStatus, sizeof(status)};
    status.session = slot->key;
    status.flags = g_private.first ? uint32_t{wire::kPrivateIsFirst} : 0;
    send_private_status(host, status);
    post({PrivateAction::kQuery, 0, 0, 0, -1});
}

void send_private_answers() noexcept {
    if (g_private.phase.load(std::memory_order_acquire) == kNone) return;
    for (;;) {
        PrivateStatus status;
        {
            const ScopedLock lock(g_private.mutex);
            if (!g_private.answers.pop(status)) break;
        }
        SessionSlot* slot = g_private.slot.load(std::memory_order_relaxed);
        if ((status.flags & wire::kPrivateEnded) != 0 && slot != nullptr) {
            end_session(g_private.host, *slot);  // its limit reached
        } else {
            send_private_status(g_private.host, status);
        }
    }
    // Only now: the host may begin another session as soon as it hears of this.
    if (g_private.phase.load(std::memory_order_acquire) != kFinished) return;
    const PrivateStatus last = g_private.last_answer;
    clean_up();
    send_private_status(g_private.host, last);
}

void forget_private() noexcept {
    if (g_private.phase.load(std::memory_order_relaxed) == kNone) return;
    if (SessionSlot* slot = g_private.slot.load(std::memory_order_relaxed)) {
        for (uint32_t i = 0; i < g_state.registrations_end; ++i) {
            clear_entry(g_state.registrations[i], *slot);
        }
        slot->map.generation.store(0, std::memory_order_seq_cst);
        slot->generation.store(0, std::memory_order_seq_cst);
        slot->in_process = false;
    }
    g_private.log.forget();
    // A section that a signal handler forked out of starts over and finds the session gone.
    ::munmap(g_private.memory, g_private.memory_size);
    g_private.memory = nullptr;
    g_private.phase.store(kNone, std::memory_order_relaxed);
}

// --- without restartable sequences -------------------------------------------------------------

namespace {

// The lock is held for a copy only; a signal handler never finds it held by its own thread.
class AppendLock {
public:
    explicit AppendLock(std::atomic<uint32_t>& word) noexcept : word_(word) {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
        while (word_.exchange(1, std::memory_order_seq_cst) != 0) ::sched_yield();
    }
    ~AppendLock() {
        word_.store(0, std::memory_order_release);
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    AppendLock(const AppendLock&) = delete;
    AppendLock& operator=(const AppendLock&) = delete;

private:
    std::atomic<uint32_t>& word_;
    sigset_t before_;
};

// Room for `size` bytes in the ring, or null; `switched`: a block was left behind.
std::byte* room_for(uint32_t size, RingPosition& at, bool& switched) noexcept {
    const ring::RingView view = g_private.view();
    const wire::RingGeometry& g = g_private.start.geometry;
    wire::RingControl& ring = view.control(0);
    at = ring.head.load(std::memory_order_relaxed);
    if (size > g.block_size - wire::kRingFirstOffset) return nullptr;
    if (size > g.block_size - wire::offset_of(at)) {
        const uint64_t block = wire::block_of(at) + 1;
        const RingPosition tail = ring.tail.load(std::memory_order_acquire);
        if (block - wire::block_of(tail) >= g.blocks) return nullptr;
        view.filled(0, block - 1).store(wire::offset_of(at), std::memory_order_relaxed);
        at = wire::ring_position(block, wire::kRingFirstOffset);
        switched = true;
    }
    return view.block(0, wire::block_of(at)) + wire::offset_of(at);
}

}  // namespace

uint32_t append_private(SessionSlot& slot, uint64_t generation, const SocketEvent& event) noexcept {
    const KeepErrno keep;
    // A child of a bare clone() has a copy of the memory and no thread that would write it.
    if (slot.rings || g_state.agent_pid != pid_t(current_identity().process_id)) {
        slot.socket_lost.fetch_add(1, std::memory_order_relaxed);
        return ETW_NOT_ENOUGH_MEMORY;
    }
    bool switched = false;
    std::atomic<uint32_t>* sleeps = nullptr;
    {
        const AppendLock lock(g_private.append_lock);
        if (slot.generation.load(std::memory_order_seq_cst) != generation) return ETW_OK;
        const auto size = uint32_t(wire::align8(event.size));
        RingPosition at = 0;
        std::byte* out = room_for(size, at, switched);
        if (out == nullptr) {
            g_private.view().control(0).lost.fetch_add(1, std::memory_order_relaxed);
            return event.size > g_private.start.geometry.block_size - wire::kRingFirstOffset
                       ? ETW_MORE_DATA
                       : ETW_NOT_ENOUGH_MEMORY;
        }
        std::byte* to = out;
        uint32_t left = event.size;
        const auto add = [&](const void* data, size_t bytes) {
            if (bytes > left) bytes = left;
            std::memcpy(to, data, bytes);
            to += bytes;
            left -= uint32_t(bytes);
        };
        add(event.staged, event.staged_size);
        for (uint32_t i = 0; i < event.piece_count; ++i) {
            add(event.pieces[i].data, event.pieces[i].size);
        }
        std::memset(to, 0, size_t(out + size - to));
        const int64_t now = counter_now(g_private);
        std::memcpy(out + event.time_stamp_offset, &now, sizeof(now));
        g_private.view().control(0).head.store(at + size, std::memory_order_release);
        if (switched) sleeps = &g_private.view().host_sleeps();
        if (sleeps != nullptr && sleeps->exchange(0) == 1) futex_wake(sleeps);
    }
    return ETW_OK;
}

// --- the end of the program ----------------------------------------------------------------------

namespace {

// After main() and the application's own handlers: the log gets its last events and its final
// header. A thread that still writes finds the session gone.
[[gnu::destructor]] void finish_at_exit() noexcept {
    if (g_private.phase.load(std::memory_order_acquire) != kRunning) return;
    if (g_state.agent_pid != ::getpid()) return;
    timespec deadline{};
    ::clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 1;
    if (::pthread_mutex_timedlock(&g_state.lock, &deadline) != 0) return;
    if (SessionSlot* slot = g_private.slot.load(std::memory_order_relaxed)) detach_session(*slot);
    ::pthread_mutex_unlock(&g_state.lock);
    const int64_t until = monotonic_ns() + kExitPatience;
    int64_t left = kExitPatience;
    while (g_private.phase.load(std::memory_order_acquire) == kRunning && left > 0) {
        futex_wait(g_private.phase, kRunning, left);
        left = until - monotonic_ns();
    }
    ::clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 1;
    if (::pthread_mutex_timedlock(&g_state.lock, &deadline) != 0) return;
    send_private_answers();  // unless the agent has been faster
    ::pthread_mutex_unlock(&g_state.lock);
}

}  // namespace

}  // namespace etw::provider
