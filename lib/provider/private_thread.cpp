// The thread that writes the log of a private session.
#include "provider/private_state.h"
#include "ring/clock.h"

#include <signal.h>
#include <sys/prctl.h>

#include <cstring>

namespace etw::provider {

namespace {

using wire::PrivateAction;
using wire::PrivateResult;
using wire::PrivateStatus;
using wire::RingPosition;

constexpr int64_t kSecondLook = 20'000'000;   // a wake may be lost while a writer is busy
constexpr int64_t kRetryPause = 100'000'000;  // after a failed write
constexpr int64_t kLastTries = 300'000'000;   // of a disk that is full when the session ends

// --- time ------------------------------------------------------------------------------------

// a * b / c without overflow in between, for b and c below 2^33.
int64_t scale(int64_t a, int64_t b, int64_t c) noexcept { return a / c * b + a % c * b / c; }

}  // namespace

int64_t private_counter_now() noexcept {
    if (!g_private.monotonic) return ring::read_counter();
    return scale(monotonic_ns(), int64_t(g_private.start.counter_hz), kSecond);
}

namespace {

int64_t raw_time(const PrivateSession& session, int64_t counter) noexcept {
    if ((session.start.flags & wire::kPrivateSystemTime) == 0) return counter;
    const int64_t ticks = counter - session.start.start_counter;
    return session.start.start_filetime +
           scale(ticks, 10'000'000, int64_t(session.start.counter_hz));
}

// Of whole records of ours; stops where they make no sense, which only the application can do.
void rewrite_times(const PrivateSession& session, std::byte* records, size_t size) noexcept {
    wire::MessageHeader header;  // an event's begins alike: size and marker
    while (size >= sizeof(header)) {
        std::memcpy(&header, records, sizeof(header));
        const size_t length = wire::align8(size_t{header.size});
        size_t at = offsetof(wire::EventHeader, time_stamp);
        if (header.marker == wire::kMarkerMessage) {
            const bool numbered = (header.flags & wire::kMessageSequence) != 0;
            at = sizeof(header) + (numbered ? sizeof(uint32_t) : 0) + sizeof(Guid);
        } else if (header.marker != wire::kMarkerEvent) {
            return;
        }
        int64_t time = 0;
        if (length > size || length < at + sizeof(time)) return;
        std::memcpy(&time, records + at, sizeof(time));
        time = raw_time(session, time);
        std::memcpy(records + at, &time, sizeof(time));
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
    return session.log.write(buffer, size, uint16_t(cpu), raw_time(session, private_counter_now()));
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

// The incoming log takes the place of the one before, if any. False: both are as they were.
bool begin_incoming(PrivateSession& session) noexcept {
    const bool replaced = session.log.replace(session.incoming, session.header, session.staging);
    uint64_t lost = 0, buffers_lost = 0;  // what the log before tells
    if (replaced && session.begun) {
        lost = events_lost(session);
        buffers_lost = session.buffers_lost;
        session.log.finish(lost, buffers_lost);
    }
    GuardedFd taken;
    {
        const ScopedLock lock(session.mutex);  // the agent may bring the next one
        session.incoming.move_to(taken);
    }
    if (replaced) {
        session.log.go_on_in(taken, lost, buffers_lost);
        session.begun = true;
    }
    taken.reset();
    return replaced;
}

void update(PrivateSession& session, const PrivateCommand& command) noexcept {
    PrivateResult result = PrivateResult::kOk;
    if (command.flush_timer_s != 0) {
        session.flush_every = command.flush_timer_s * kSecond;
        session.flush_at = monotonic_ns() + session.flush_every;
    }
    if (command.switches_log) {
        session.retry_at = 0;
        drain(session, Depth::kAll);
        if (begin_incoming(session)) {
            session.first = (command.flags & wire::kPrivateFirst) != 0;
            session.retry_at = 0;
        } else {
            result = PrivateResult::kBadLog;
        }
    }
    answer(session, command.cookie, result);
}

// Nobody writes to the rings any more.
void stop(PrivateSession& session, uint64_t cookie) noexcept {
    const int64_t until = monotonic_ns() + kLastTries;
    session.retry_at = 0;
    while (!drain(session, Depth::kAll) && !session.ended && monotonic_ns() < until) {
        const timespec pause = {0, long(kRetryPause)};
        ::nanosleep(&pause, nullptr);
    }
    if (!session.ended) make_room(session, true);
    session.ended = true;
    if (session.begun) {
        session.log.finish(events_lost(session), session.buffers_lost);
        session.last_answer = status_of(session, cookie, PrivateResult::kOk);
    } else {
        session.last_answer =
            status_of(session, cookie != 0 ? cookie : session.start.cookie, PrivateResult::kBadLog);
    }
}

void execute(PrivateSession& session, const PrivateCommand& command) noexcept {
    if (command.action == PrivateAction::kUpdate) return update(session, command);
    if (command.action == PrivateAction::kFlush) {
        session.retry_at = 0;
        drain(session, Depth::kAll);
    }
    answer(session, command.cookie, PrivateResult::kOk);
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
        wait = session.commands.count == 0 && !session.stop;
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
    map_first_pages(session.memory, session.start.geometry);
    session.flush_at = monotonic_ns() + session.flush_every;
    if (begin_incoming(session)) {
        answer(session, session.start.cookie, PrivateResult::kOk);
    } else {
        session.ended = true;  // which is answered when the next session may begin
    }
    for (;;) {
        PrivateCommand command{};
        bool commanded = false;
        bool last = false;
        {
            const ScopedLock lock(session.mutex);
            commanded = session.commands.pop(command);
            last = session.stop;
        }
        if (commanded) {
            execute(session, command);
            continue;
        }
        if (last) break;
        const uint32_t before = session.log.buffers_written();
        const int64_t now = monotonic_ns();
        const bool flush = session.flush_every != 0 && now >= session.flush_at;
        if (flush) session.flush_at = now + session.flush_every;
        drain(session, flush ? Depth::kAll : Depth::kFullBlocks);
        if (session.ended && !session.at_limit.exchange(true)) {
            const ScopedLock lock(g_state.lock);
            wake_agent();  // which ends the session
        }
        sleep(session, session.log.buffers_written() != before);
    }
    stop(session, session.stop_cookie);
    session.log.forget();
    session.phase.store(kPrivateFinished, std::memory_order_release);
    futex_wake(session.phase);
    const ScopedLock lock(g_state.lock);
    wake_agent();
    return nullptr;
}

}  // namespace

bool create_private_thread() noexcept {
    pthread_t thread;
    return start_thread(thread, run_private, g_tls_size.load(std::memory_order_relaxed));
}

}  // namespace etw::provider
