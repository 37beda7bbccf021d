#include "provider/private_session.h"

#include "provider/private_state.h"

#include <sys/mman.h>

#include <cstring>

namespace etw::provider {

constinit PrivateSession g_private{};

namespace {

using wire::PrivateAction;
using wire::PrivateControl;
using wire::PrivateResult;
using wire::PrivateStatus;
using wire::RingPosition;

constexpr int64_t kExitPatience = 5 * kSecond;  // a program's end must not hang on a disk

void wake_private_thread() noexcept {
    std::atomic<uint32_t>& sleeps = g_private.view().host_sleeps();
    if (sleeps.exchange(0) == 1) futex_wake(sleeps);
}

// Between the agent and the thread, with the mutex or before there is a thread. False: none can be
// had from it, or another one is on its way.
bool hand_on(const HandedLog& log) noexcept {
    const size_t size = g_private.start.geometry.block_size;
    if (g_private.incoming.taken() || log.front_size > size) return false;
    g_private.incoming.hold(log.fd);
    std::memcpy(g_private.header, log.front, log.front_size);
    std::memset(g_private.header + log.front_size, wire::kUnusedByte, size - log.front_size);
    return true;
}

// To close it asks its file system, which might never answer: not with the library's lock.
void let_go_of(const HandedLog& log) noexcept {
    if (log.fd < 0) return;
    const auto close_it = [](void* fd) -> void* {
        ::close(int(reinterpret_cast<intptr_t>(fd)));
        return nullptr;
    };
    pthread_t thread;
    const size_t tls_size = g_tls_size.load(std::memory_order_relaxed);
    if (!start_thread(thread, close_it, tls_size, reinterpret_cast<void*>(intptr_t(log.fd))))
        ::close(log.fd);
}

// Where the process has no number left for a descriptor, the kernel drops it.
PrivateResult examine(const HandedLog& log) noexcept {
    if (log.fd < 0) return PrivateResult::kNoResources;
    return PrivateLog::usable(log.fd) ? PrivateResult::kOk : PrivateResult::kBadRequest;
}

// False: it will never be read; the caller answers, and has `log` still.
bool post(const PrivateCommand& command, const HandedLog& log) noexcept {
    {
        const ScopedLock lock(g_private.mutex);
        if (g_private.commands.full()) return false;
        if (command.switches_log && !hand_on(log)) return false;
        g_private.commands.push(command);
    }
    wake_private_thread();
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
    if (g_private.phase.load(std::memory_order_acquire) != kPrivateFinished) return;
    if (!g_private.keep_memory) ::munmap(g_private.memory, g_private.memory_size);
    g_private.memory = nullptr;
    g_private.phase.store(kPrivateNone, std::memory_order_relaxed);
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
        for (uint32_t tries = 1; g_private.append_lock.load(std::memory_order_seq_cst) != 0;
             ++tries) {
            give_way(tries);
        }
    }
    g_private.slot.store(nullptr, std::memory_order_release);
    g_private.socket_lost.fetch_add(slot.socket_lost.exchange(0, std::memory_order_relaxed),
                                    std::memory_order_relaxed);
    slot.in_process = false;
}

// Rings, tails and one buffer. What the thread does not fault in ahead is there when it is needed:
// a private session is paged.
bool allocate(const wire::RingGeometry& geometry) noexcept {
    const size_t set = geometry.set_size();
    const size_t buffer = geometry.block_size;
    const size_t tails = wire::align8(geometry.cpus * sizeof(RingPosition));
    const size_t size = set + 2 * buffer + tails;
    void* memory =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return false;
    // A forked child has another session or none; copying this one's buffers would cost both.
    ::madvise(memory, size, MADV_WIPEONFORK);
    ::madvise(memory, size, MADV_NOHUGEPAGE);  // no writer is to clear 2 MB at its first event
    g_private.memory = static_cast<std::byte*>(memory);
    g_private.memory_size = size;
    g_private.staging = g_private.memory + set;
    g_private.header = g_private.staging + buffer;
    g_private.tails = reinterpret_cast<RingPosition*>(g_private.header + buffer);
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
    s.stop = false;
    s.stop_cookie = 0;
    s.keep_memory = false;
    s.monotonic = g_state.hosts[host].no_rings;
    s.append_lock.store(0, std::memory_order_relaxed);
    s.mutex = PTHREAD_MUTEX_INITIALIZER;
    s.commands.count = 0;
    s.answers.count = 0;
    s.first = (start.flags & wire::kPrivateFirst) != 0;
    s.ended = s.begun = false;
    s.at_limit = false;
    s.buffers_lost = 0;
    s.record_bytes = 0;
    s.socket_lost.store(0, std::memory_order_relaxed);
    s.numbers.store(0, std::memory_order_relaxed);
    s.flush_every = start.flush_timer_s * kSecond;
    s.flush_at = s.retry_at = 0;
    s.thread_id = 0;
}

}  // namespace

void start_private(uint32_t host, const wire::PrivateStart& start, const HandedLog& log) noexcept {
    clean_up();
    PrivateResult result = examine(log);
    if (g_private.phase.load(std::memory_order_relaxed) != kPrivateNone) {
        result = PrivateResult::kHasAnother;
    } else if (!start_valid(start)) {
        result = PrivateResult::kBadRequest;
    }
    if (result == PrivateResult::kOk) {
        reset_private(host, start);
        if (!g_private.log.set_up(start)) result = PrivateResult::kBadRequest;
    }
    if (result != PrivateResult::kOk) {
        let_go_of(log);
        return refuse(host, start.session, start.cookie, result);
    }
    const bool one_stream = (start.flags & wire::kPrivateOneStream) != 0;
    const bool rings = !one_stream && !g_private.monotonic && ring::sequences_usable();
    if (!allocate(start.geometry)) {
        let_go_of(log);
        return refuse(host, start.session, start.cookie, PrivateResult::kNoResources);
    }
    SessionSlot* slot = nullptr;
    if (hand_on(log)) {
        slot =
            attach_private(host, start.session, start.geometry, rings ? g_private.memory : nullptr);
        g_private.slot.store(slot, std::memory_order_release);
        g_private.phase.store(kPrivateRunning, std::memory_order_release);
        if (slot != nullptr && create_private_thread()) return;
    } else {
        let_go_of(log);
    }
    if (slot != nullptr) withdraw(*slot);
    g_private.incoming.reset();
    g_private.phase.store(kPrivateFinished, std::memory_order_relaxed);
    clean_up();
    refuse(host, start.session, start.cookie, PrivateResult::kNoResources);
}

void control_private(uint32_t host, const PrivateControl& control, const HandedLog& log) noexcept {
    SessionSlot* slot = find_slot(host, control.session);
    if (slot == nullptr || !slot->in_process) {
        let_go_of(log);
        return refuse(host, control.session, control.cookie, PrivateResult::kOk);
    }
    slot->confirmed = g_state.hosts[host].connection;
    if (control.action == PrivateAction::kStop) {
        let_go_of(log);
        g_private.stop_cookie = control.cookie;
        return end_session(host, *slot);
    }
    // Without a descriptor, where one was sent, there is no room for it.
    const bool switches = log.fd >= 0 || log.front_size != 0;
    PrivateResult result = switches ? examine(log) : PrivateResult::kOk;
    if (result == PrivateResult::kOk) {
        const PrivateCommand command = {control.action, control.cookie, control.flush_timer_s,
                                        control.flags, switches};
        if (post(command, log)) return;
        result = PrivateResult::kNoResources;
    }
    let_go_of(log);
    refuse(host, control.session, control.cookie, result);
}

void detach_private(SessionSlot& slot) noexcept {
    withdraw(slot);
    {
        const ScopedLock lock(g_private.mutex);
        g_private.stop = true;
    }
    wake_private_thread();
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
    post({PrivateAction::kQuery, 0, 0, 0, false}, {});
}

void send_private_answers() noexcept {
    if (g_private.phase.load(std::memory_order_acquire) == kPrivateNone) return;
    for (;;) {
        PrivateStatus status;
        {
            const ScopedLock lock(g_private.mutex);
            if (!g_private.answers.pop(status)) break;
        }
        send_private_status(g_private.host, status);
    }
    SessionSlot* slot = g_private.slot.load(std::memory_order_relaxed);
    if (slot != nullptr && g_private.at_limit) end_session(g_private.host, *slot);
    // Only now: the host may begin another session as soon as it hears of this.
    if (g_private.phase.load(std::memory_order_acquire) != kPrivateFinished) return;
    const PrivateStatus last = g_private.last_answer;
    clean_up();
    send_private_status(g_private.host, last);
}

void forget_private() noexcept {
    if (g_private.phase.load(std::memory_order_relaxed) == kPrivateNone) return;
    if (SessionSlot* slot = g_private.slot.load(std::memory_order_relaxed)) {
        for (uint32_t i = 0; i < g_state.registrations_end; ++i) {
            clear_entry(g_state.registrations[i], *slot);
        }
        slot->map.generation.store(0, std::memory_order_seq_cst);
        slot->generation.store(0, std::memory_order_seq_cst);
        slot->in_process = false;
    }
    g_private.log.forget();
    g_private.incoming.reset();
    g_private.append_lock.store(0, std::memory_order_relaxed);  // a thread of the parent's had it
    // A section that a signal handler forked out of starts over and finds the session gone.
    ::munmap(g_private.memory, g_private.memory_size);
    g_private.memory = nullptr;
    g_private.phase.store(kPrivateNone, std::memory_order_relaxed);
}

// --- the end of the program ----------------------------------------------------------------------

namespace {

// After main() and the application's own handlers: the log gets its last events and its final
// header. A thread that still writes finds the session gone.
[[gnu::destructor]] void finish_at_exit() noexcept {
    if (g_private.phase.load(std::memory_order_acquire) != kPrivateRunning) return;
    if (g_state.agent_pid != ::getpid()) return;
    const Unnoticed unnoticed;
    {
        const ScopedLock lock(g_state.lock, ScopedLock::kAtExit);
        if (!lock) return;
        SessionSlot* slot = g_private.slot.load(std::memory_order_relaxed);
        if (slot != nullptr) detach_session(*slot);
    }
    const int64_t until = monotonic_ns() + kExitPatience;
    int64_t left = kExitPatience;
    while (g_private.phase.load(std::memory_order_acquire) == kPrivateRunning && left > 0) {
        futex_wait(g_private.phase, kPrivateRunning, left);
        left = until - monotonic_ns();
    }
    const ScopedLock lock(g_state.lock, ScopedLock::kAtExit);
    if (lock) send_private_answers();  // unless the agent has been faster
}

}  // namespace

}  // namespace etw::provider
