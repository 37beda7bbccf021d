// The one thread of the library in an application: connects to the hosts, applies what they say,
// runs callbacks. It sleeps in poll() unless a host, an application or a retry has something to do.
#include "base/runtime_folder.h"
#include "provider/private_session.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>

namespace etw::provider {

namespace {

// --- where the hosts are ---------------------------------------------------------------------

// Text assembled in place; empty if it did not fit.
class PathBuilder {
public:
    explicit PathBuilder(char (&out)[sizeof(Host::path)]) noexcept : out_(out) { out_[0] = '\0'; }
    PathBuilder& add(const char* text) noexcept {
        const size_t size = std::strlen(text);
        if (overflow_ || size >= sizeof(Host::path) - size_) {
            overflow_ = true;
            out_[0] = '\0';
            return *this;
        }
        std::memcpy(out_ + size_, text, size + 1);
        size_ += size;
        return *this;
    }
    PathBuilder& add(uint32_t number) noexcept {
        char digits[11];
        char* at = digits + sizeof(digits) - 1;
        *at = '\0';
        do {
            *--at = char('0' + number % 10);
            number /= 10;
        } while (number != 0);
        return add(at);
    }

private:
    char* out_;
    size_t size_ = 0;
    bool overflow_ = false;
};

bool is_folder(const char* path) noexcept {
    struct stat status {};
    return ::stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

// Null where it is unset or empty.
const char* variable(const char* name) noexcept {
    const char* value = ::secure_getenv(name);
    return value != nullptr && *value != '\0' ? value : nullptr;
}

void add_host(bool trusted, const char* base, const char* more, bool with_uid) noexcept {
    Host& host = g_state.hosts[g_state.host_count];
    PathBuilder path(host.path);
    // The program may go to another folder before a host comes up.
    char current[sizeof(Host::path)];
    if (base[0] != '/' && ::getcwd(current, sizeof(current)) != nullptr) path.add(current).add("/");
    path.add(base);
    if (with_uid) path.add(uint32_t(::geteuid()));
    path.add(more).add("/").add(wire::kProviderSocketName);
    host.trusted = trusted;
    if (host.path[0] != '\0') ++g_state.host_count;
}

// The system's and the user's own: see base/runtime_folder.h, whose rule this is.
void find_hosts() noexcept {
    if (g_state.host_count != 0) return;
    if (const char* folder = variable("ETW_RUNTIME_DIR")) {
        return add_host(false, folder, "", false);
    }
    add_host(true, kSystemRuntimeFolder, "", false);
    if (::geteuid() == 0) return;  // root's own host is the system's
    char user_folder[sizeof(Host::path)];
    PathBuilder(user_folder).add("/run/user/").add(uint32_t(::geteuid()));
    if (const char* folder = variable("XDG_RUNTIME_DIR")) {
        add_host(false, folder, "/etw", false);
    } else if (is_folder(user_folder)) {
        add_host(false, user_folder, "/etw", false);
    } else {
        add_host(false, "/tmp/etw-", "", true);
    }
}

// Named by process id; in another pid namespace of the same network the name may be taken.
// What wakes the agent. A socket that is connected to itself, under a name of the kernel's choice:
// the inode of an eventfd is that of all others, too (see GuardedFd).
int open_wake() noexcept {
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof(address.sun_family);
    if (::bind(fd, generic, size) == 0) {
        size = sizeof(address);
        if (::getsockname(fd, generic, &size) == 0 && ::connect(fd, generic, size) == 0) return fd;
    }
    ::close(fd);
    return -1;
}

void open_doorbell() noexcept {
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return;
    for (uint32_t attempt = 0; attempt < 8; ++attempt) {
        char name[sizeof(Host::path)];
        PathBuilder builder(name);
        builder.add(wire::kDoorbellPrefix).add(uint32_t(::getpid()));
        if (attempt != 0) builder.add("-").add(attempt);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const size_t size = std::strlen(name);
        std::memcpy(address.sun_path + 1, name, size);
        const auto length = socklen_t(offsetof(sockaddr_un, sun_path) + 1 + size);
        if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), length) == 0) {
            g_state.doorbell_address = address;
            g_state.doorbell_length = length;
            return g_state.doorbell.take(fd);
        }
    }
    ::close(fd);
}

// --- the thread ------------------------------------------------------------------------------

// A module that is unloaded with its provider registered leaves a callback that is not there any
// more. Code that was of no module in the first place (a compiler at run time made it) stays its
// maker's business.
bool callback_there(const Registration& registration) noexcept {
    return !registration.callback_of_module || in_module(registration.callback);
}

// Who registers may hold a lock that the callback takes, and waits for what we have to read. 0: the
// first callback that is due need not wait. Else until when, in monotonic ns.
int64_t callbacks_wait_until() noexcept {
    if (g_state.due_count == 0 || !has_room_for_callbacks()) return 0;
    const DueCallback& due = g_state.due[g_state.due_first];
    const Registration& registration = g_state.registrations[due.registration];
    const bool may_run = registration.ready || registration.awaited_until <= monotonic_ns();
    return may_run ? 0 : registration.awaited_until;
}

// Without the lock, so that a callback may write, register and take the application's locks.
void run_due_callbacks() noexcept {
    ::pthread_mutex_lock(&g_state.lock);
    while (g_state.due_count != 0 && callbacks_wait_until() == 0) {
        const DueCallback due = g_state.due[g_state.due_first];
        g_state.due_first = (g_state.due_first + 1) % kMaxDueCallbacks;
        --g_state.due_count;
        Registration& registration = g_state.registrations[due.registration];
        const etw_callback callback = registration.callback;
        void* const context = registration.context;
        if (registration.generation == due.generation) {
            registration.in_callback = true;  // and is nobody else's until it is not
            ::pthread_mutex_unlock(&g_state.lock);
            if (callback_there(registration)) {
                callback(&due.source, due.is_enabled, due.level, due.match_any, due.match_all,
                         nullptr, context);
            }
            ::pthread_mutex_lock(&g_state.lock);
            registration.in_callback = false;
            announce_change();
        }
        if (due.ack_host < kMaxHosts) send_ack(due.ack_host, due.ack_connection, due.ack_cookie);
    }
    ::pthread_mutex_unlock(&g_state.lock);
}

void drain(const GuardedFd& descriptor) noexcept {
    const int fd = descriptor.get();
    if (fd < 0) return;
    char bytes[16];
    while (::read(fd, bytes, sizeof(bytes)) > 0) {
    }
}

// Without one of them nobody reaches the agent.
bool lacks_descriptors() noexcept { return g_state.wake.get() < 0 || g_state.doorbell.get() < 0; }

// Milliseconds until the next retry is due or patience with a host or for a thread ends, -1 for
// none of them.
int poll_timeout(int64_t now) noexcept {
    int64_t next = callbacks_wait_until();
    if (next == 0) next = INT64_MAX;
    if (lacks_descriptors()) next = now + kSecond < next ? now + kSecond : next;
    for (uint32_t i = 0; i < g_state.host_count; ++i) {
        const Host& host = g_state.hosts[i];
        if (host.connection == 0 && host.retry_at != 0 && host.retry_at < next) {
            next = host.retry_at;
        }
        if (host.room_by != 0 && host.room_by < next) next = host.room_by;
    }
    if (next == INT64_MAX) return -1;
    return next <= now ? 0 : int((next - now) / 1'000'000 + 1);
}

void connect_due_hosts(int64_t now, bool all) noexcept {
    for (uint32_t i = 0; i < g_state.host_count; ++i) {
        Host& host = g_state.hosts[i];
        if (host.connection != 0) continue;
        if (all || (host.retry_at != 0 && host.retry_at <= now)) connect_host(i);
    }
}

struct PollSet {
    pollfd fds[2 + kMaxHosts];
    nfds_t count;
};

PollSet poll_set() noexcept {
    PollSet set{};
    set.fds[set.count++] = {g_state.wake.get(), POLLIN, 0};
    set.fds[set.count++] = {g_state.doorbell.get(), POLLIN, 0};
    for (uint32_t i = 0; i < g_state.host_count; ++i) {
        const Host& host = g_state.hosts[i];
        const short room = host.room_by != 0 ? POLLOUT : 0;
        const int socket = host.connection != 0 ? host.socket.get() : -1;
        set.fds[set.count++] = {socket, short(POLLIN | room), 0};
    }
    return set;
}

// The application closed what we sleep on, or had left no number for it.
void repair_descriptors() noexcept {
    if (g_state.wake.get() < 0) g_state.wake.take(open_wake());
    if (g_state.doorbell.get() < 0) open_doorbell();
    for (uint32_t i = 0; i < g_state.host_count; ++i) {
        Host& host = g_state.hosts[i];
        if (host.connection != 0 && host.socket.get() < 0) disconnect_host(i);
    }
}

void serve_once(const PollSet& ready, bool doorbell) noexcept {
    const ScopedLock lock(g_state.lock);
    drain(g_state.wake);
    drain(g_state.doorbell);
    doorbell = doorbell || lacks_descriptors();  // it may have been rung meanwhile
    repair_descriptors();
    send_private_answers();  // first: the end of a session finds room for its callbacks
    for (uint32_t i = 0; i < g_state.host_count; ++i) {
        if (ready.fds[2 + i].revents != 0 && g_state.hosts[i].connection != 0) receive_packets(i);
    }
    connect_due_hosts(monotonic_ns(), doorbell);
    for (uint32_t i = 0; i < g_state.host_count; ++i) announce_registrations(i);
    release_waiters();
}

// False: none are due.
bool map_slice_of_pages() noexcept {
    const ScopedLock lock(g_state.lock);
    for (SessionSlot& slot : g_state.slots) {
        if (slot.rings && slot.pages.map_slice(slot.map)) return true;
    }
    return false;
}

void sleep_until(int64_t when_ns) noexcept {
    const timespec when = timespec_of(when_ns);
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, nullptr) == EINTR) {
    }
}

void* run_agent(void*) noexcept {
    ::prctl(PR_SET_NAME, "etw-agent");
    sleep_until(g_state.agent_delay_until);
    PollSet ready{};
    serve_once(ready, true);
    for (;;) {
        run_due_callbacks();
        while (map_slice_of_pages()) {
        }
        int timeout = 0;
        {
            const ScopedLock lock(g_state.lock);
            ready = poll_set();
            timeout = poll_timeout(monotonic_ns());
        }
        ::poll(ready.fds, ready.count, timeout);
        serve_once(ready, (ready.fds[1].revents & POLLIN) != 0);
    }
}

// --- fork ------------------------------------------------------------------------------------

// No handler runs in between: one that forks, too, would wait for the lock for ever.
void before_fork() noexcept {
    sigset_t before;
    hold_signals(before);
    ::pthread_mutex_lock(&g_state.lock);
    g_state.signals_before_fork = before;
}

void after_fork() noexcept {
    const sigset_t before = g_state.signals_before_fork;
    ::pthread_mutex_unlock(&g_state.lock);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// The child has the parent's rings and enable state and goes on writing into them. Its own agent
// connects after a moment, so that a fork that ends in exec costs the hosts nothing.
void begin_anew() noexcept {
    forget_identity();
    forget_private();
    forget_all_former();  // the parent has them
    if (!g_state.agent_started) return;
    g_state.agent_started = false;
    g_state.wake.reset();
    g_state.doorbell.reset();
    g_state.doorbell_length = 0;
    g_state.due_count = 0;
    bool registered = false;
    for (uint32_t i = 0; i < g_state.registrations_end; ++i) {
        Registration& registration = g_state.registrations[i];
        registered |= registration.live();
        registration.ready = false;
        registration.awaited_until = 0;
        registration.in_callback = false;
        for (HostView& view : registration.hosts) view = {};
    }
    for (SessionSlot& slot : g_state.slots) {
        slot.socket_lost = 0;  // the parent tells of these
        slot.confirmed = 0;
        if (slot.rings) slot.pages.begin_in_child(slot.map);
    }
    for (uint32_t i = 0; i < g_state.host_count; ++i) {
        Host& host = g_state.hosts[i];
        host.socket.reset();
        host.connection = 0;
        host.welcome = false;
        host.room_by = 0;
        host.was_connected = false;
    }
    constexpr int64_t kExecPatienceNs = 10'000'000;
    g_state.agent_delay_until = monotonic_ns() + kExecPatienceNs;
    if (registered) start_agent();
}

void after_fork_in_child() noexcept {
    const Unnoticed unnoticed;
    begin_anew();
    after_fork();
}

void prepare_process() noexcept {
    static bool done;  // stays true in a forked child, which has inherited all of it
    if (done) return;
    done = true;
    ::pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

// After main() and the application's own handlers.
[[gnu::destructor]] void at_exit() noexcept {
    if (!g_state.agent_started || g_state.agent_pid != ::getpid()) return;
    const Unnoticed unnoticed;
    // No host knows yet of a forked child that lives but a moment.
    if (has_untold_losses()) await_hosts();
    sigset_t too_large, before;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &before);
    const ScopedLock lock(g_state.lock, ScopedLock::kAtExit);
    if (!lock) return;
    settle_lost();
    leave_rings();
    // A file that grows past the process's limit must not change how the program ends.
    ::sigemptyset(&too_large);
    ::sigaddset(&too_large, SIGXFSZ);
    constexpr timespec kNow{};
    if (::sigismember(&before, SIGXFSZ) == 0) ::sigtimedwait(&too_large, nullptr, &kNow);
}

}  // namespace

namespace {

struct Sought {
    uintptr_t address;
    bool found;
};

int find_in_module(dl_phdr_info* module, size_t, void* sought) noexcept {
    auto& to_find = *static_cast<Sought*>(sought);
    for (int i = 0; i < module->dlpi_phnum; ++i) {
        const auto& segment = module->dlpi_phdr[i];
        if (segment.p_type != PT_LOAD) continue;
        const uintptr_t from_start = to_find.address - module->dlpi_addr - segment.p_vaddr;
        if (from_start < segment.p_memsz) to_find.found = true;
    }
    return to_find.found ? 1 : 0;
}

int add_tls_size(dl_phdr_info* module, size_t, void* sum) noexcept {
    for (int i = 0; i < module->dlpi_phnum; ++i) {
        const auto& segment = module->dlpi_phdr[i];
        if (segment.p_type != PT_TLS) continue;
        *static_cast<size_t*>(sum) += segment.p_memsz + segment.p_align;
    }
    return 0;
}

}  // namespace

std::atomic<size_t> g_tls_size;

bool in_module(etw_callback function) noexcept {
    const HeldSignals held;  // as in pin_module()
    Sought sought = {reinterpret_cast<uintptr_t>(function), false};
    ::dl_iterate_phdr(find_in_module, &sought);
    return sought.found;
}

void pin_module() noexcept {
    static std::atomic<bool> done;
    if (done.load(std::memory_order_acquire)) return;
    const HeldSignals held;  // who forks in a handler finds the loader's lock free
    Dl_info info;
    if (::dladdr(reinterpret_cast<void*>(&pin_module), &info) != 0 && info.dli_fname != nullptr) {
        ::dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
    }
    size_t tls_size = 0;
    ::dl_iterate_phdr(add_tls_size, &tls_size);
    g_tls_size.store(tls_size, std::memory_order_relaxed);
    done.store(true, std::memory_order_release);
}

bool start_agent() noexcept {
    if (g_state.agent_started) return true;
    prepare_process();
    find_hosts();
    g_state.unmap_works = ring::prepare_detach();
    g_state.agent_pid = ::getpid();
    g_state.wake.take(open_wake());
    open_doorbell();  // before the first connect: a host that comes up in between rings it
    g_state.agent_started =
        start_thread(g_state.agent, run_agent, g_tls_size.load(std::memory_order_relaxed));
    return g_state.agent_started;
}

void wake_agent() noexcept {
    const Unnoticed unnoticed;
    const int fd = g_state.wake.get();
    if (fd >= 0) {
        ::send(fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);  // full: it is awake
        return;
    }
    // The application has closed it. The kernel keeps what the agent sleeps on until it wakes, the
    // doorbell's name included.
    if (g_state.doorbell_length == 0) return;
    const int other = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (other < 0) return;
    ::sendto(other, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&g_state.doorbell_address), g_state.doorbell_length);
    ::close(other);
}

}  // namespace etw::provider
