// Small owners over system calls for code that must not rely on more than libc, and that shares its
// process with an application that may close any descriptor.
#pragma once
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <initializer_list>

namespace etw::provider {

// Some of what we call are cancellation points. An event is none: the thread that writes it may
// hold a lock that nobody would give back, and so may we.
class HeldCancellation {
public:
    HeldCancellation() noexcept { ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
    ~HeldCancellation() { ::pthread_setcancelstate(before_, nullptr); }
    HeldCancellation(const HeldCancellation&) = delete;
    HeldCancellation& operator=(const HeldCancellation&) = delete;

private:
    int before_ = PTHREAD_CANCEL_ENABLE;
};

// What a thread of the application does not notice of a call: its errno is what it was, and the
// thread goes on.
class Unnoticed {
public:
    Unnoticed() noexcept : errno_(errno) {}
    ~Unnoticed() { errno = errno_; }
    Unnoticed(const Unnoticed&) = delete;
    Unnoticed& operator=(const Unnoticed&) = delete;

private:
    const int errno_;
    const HeldCancellation cancellation_;
};

constexpr int64_t kSecond = 1'000'000'000;

inline timespec timespec_of(int64_t ns) noexcept {
    return {time_t(ns / kSecond), long(ns % kSecond)};
}

inline int64_t monotonic_ns() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * kSecond + now.tv_nsec;
}

// To a thread that has a lock for a copy only. It may have a lower priority than who spins, in
// which case it is not its turn before that one sleeps.
inline void give_way(uint32_t tries) noexcept {
    constexpr uint32_t kYields = 64;
    constexpr timespec kPause = {0, 50'000};
    if (tries % kYields != 0) {
        ::sched_yield();
    } else {
        ::nanosleep(&kPause, nullptr);
    }
}

// Until the word is woken or is no longer `value`, or for `timeout_ns` (negative: for ever).
inline void futex_wait(std::atomic<uint32_t>& word, uint32_t value, int64_t timeout_ns) noexcept {
    const timespec timeout = timespec_of(timeout_ns);
    ::syscall(SYS_futex, &word, FUTEX_WAIT, value, timeout_ns < 0 ? nullptr : &timeout, nullptr, 0);
}

inline void futex_wake(std::atomic<uint32_t>& word) noexcept {
    ::syscall(SYS_futex, &word, FUTEX_WAKE, INT32_MAX, nullptr, nullptr, 0);
}

// Blocks the signals that come from outside. Those that an instruction causes stay as they are:
// one that is blocked ends the program, where its handler would have gone on.
inline void hold_signals(sigset_t& before) noexcept {
    sigset_t set;
    ::sigfillset(&set);
    for (const int caused : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) {
        ::sigdelset(&set, caused);
    }
    ::pthread_sigmask(SIG_BLOCK, &set, &before);
}

class HeldSignals {
public:
    HeldSignals() noexcept { hold_signals(before_); }
    ~HeldSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    HeldSignals(const HeldSignals&) = delete;
    HeldSignals& operator=(const HeldSignals&) = delete;

private:
    sigset_t before_;
};

// No signal handler runs in a thread that has the lock: one that forks would wait for it for ever.
class ScopedLock {
public:
    explicit ScopedLock(pthread_mutex_t& mutex) noexcept : mutex_(mutex) {
        ::pthread_mutex_lock(&mutex_);
    }
    // At the end of a program, whose other threads may have been stopped anywhere: for a second.
    enum AtExit { kAtExit };
    ScopedLock(pthread_mutex_t& mutex, AtExit) noexcept : mutex_(mutex) {
        timespec deadline{};
        ::clock_gettime(CLOCK_REALTIME, &deadline);
        deadline.tv_sec += 1;
        locked_ = ::pthread_mutex_timedlock(&mutex_, &deadline) == 0;
    }
    ~ScopedLock() {
        if (locked_) ::pthread_mutex_unlock(&mutex_);
    }
    ScopedLock(const ScopedLock&) = delete;
    ScopedLock& operator=(const ScopedLock&) = delete;
    explicit operator bool() const noexcept { return locked_; }

private:
    const HeldSignals signals_;  // until the lock is given back
    pthread_mutex_t& mutex_;
    bool locked_ = true;
};

// As makedev() and CMSG_NXTHDR make them, which without optimisation are functions of glibc that
// musl lacks.
constexpr dev_t device_number(dev_t major, dev_t minor) noexcept {
    return (major >> 12 << 44) | (major & 0xFFF) << 8 | (minor >> 8 << 20) | (minor & 0xFF);
}
inline cmsghdr* next_header(const msghdr& message, cmsghdr* header) noexcept {
    const size_t size = CMSG_ALIGN(header->cmsg_len);
    const auto* const end = static_cast<char*>(message.msg_control) + message.msg_controllen;
    const size_t left = size_t(end - reinterpret_cast<char*>(header));
    if (header->cmsg_len < sizeof(cmsghdr) || left < sizeof(cmsghdr) ||
        size > left - sizeof(cmsghdr)) {
        return nullptr;
    }
    return reinterpret_cast<cmsghdr*>(reinterpret_cast<char*>(header) + size);
}

// Which file a descriptor is of, and of what kind, as far as the kernel knows: no file system is
// asked, which might never answer.
struct FileId {
    dev_t device;
    ino_t inode;
    mode_t mode;
};
inline bool identify(int fd, FileId& id) noexcept {
#ifdef STATX_INO
    struct statx known {};
    constexpr int kAsKnown = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
    // Not by its function, which older musl lacks.
    if (::syscall(SYS_statx, fd, "", kAsKnown, STATX_TYPE | STATX_INO, &known) == 0) {
        id = {device_number(known.stx_dev_major, known.stx_dev_minor), known.stx_ino,
              known.stx_mode};
        return true;
    }
    if (errno == EBADF) return false;
#endif
    struct stat status {};
    if (::fstat(fd, &status) != 0) return false;
    id = {status.st_dev, status.st_ino, status.st_mode};
    return true;
}

// A descriptor in an application that may close it and open something else under its number. It is
// only used or closed while it still is the file that we opened. get() is for any thread; what
// changes the descriptor is for one at a time.
class GuardedFd {
public:
    constexpr GuardedFd() = default;

    // Takes over `fd` (or nothing, if negative) and moves it out of the way of the application's.
    // What it had before is replaced under its number: a thread in the middle of using that never
    // finds a file of the application there.
    void take(int fd) noexcept {
        if (replace(fd)) return;
        reset();
        if (fd < 0) return;
        constexpr int kHighNumber = 700;  // below the usual limit of 1024
        const int high = ::fcntl(fd, F_DUPFD_CLOEXEC, kHighNumber);
        if (high >= 0) {
            ::close(fd);
            fd = high;
        }
        hold(fd);
    }
    // The same at its number, for a file that may hang as any number of it is closed. It had none.
    void hold(int fd) noexcept {
        identify_as(fd);
        store(fd);
    }
    // For take() of another one.
    int release() noexcept {
        const int fd = get();
        store(-1);
        return fd;
    }
    // The descriptor, or -1 where it is no longer ours.
    int get() const noexcept {
        const int fd = load();
        return fd >= 0 && is_same(fd) ? fd : -1;
    }
    bool is_same(int fd) const noexcept {
        FileId id{};
        return identify(fd, id) && id.device == device() && id.inode == inode();
    }
    // Ends the connection of a socket and keeps its number, which others may be using, for the
    // next one: get() goes on to give it.
    void end_connection() const noexcept {
        const int fd = get();
        if (fd >= 0) ::shutdown(fd, SHUT_RDWR);
    }
    // For those that no other thread uses.
    void reset() noexcept {
        const int fd = get();
        store(-1);
        if (fd >= 0) ::close(fd);
    }
    // Hands what it holds over to `other`, which lets go of its own.
    void move_to(GuardedFd& other) noexcept {
        other.reset();
        other.set_identity(device(), inode());
        other.store(load());
        store(-1);
    }
    // Of what was taken, also where the application has closed it since.
    dev_t device() const noexcept { return __atomic_load_n(&device_, __ATOMIC_RELAXED); }
    ino_t inode() const noexcept { return __atomic_load_n(&inode_, __ATOMIC_RELAXED); }
    // Taken and not reset, ours or not.
    bool taken() const noexcept { return load() >= 0; }

private:
    int load() const noexcept { return __atomic_load_n(&fd_plus1_, __ATOMIC_ACQUIRE) - 1; }
    void store(int fd) noexcept { __atomic_store_n(&fd_plus1_, fd + 1, __ATOMIC_RELEASE); }
    void set_identity(dev_t device, ino_t inode) noexcept {
        __atomic_store_n(&device_, device, __ATOMIC_RELAXED);
        __atomic_store_n(&inode_, inode, __ATOMIC_RELAXED);
    }
    void identify_as(int fd) noexcept {
        FileId id{};
        if (identify(fd, id)) set_identity(id.device, id.inode);
    }
    // Who has the number meanwhile and compares it takes it for a stranger's, which is safe.
    bool replace(int fd) noexcept {
        const int held = get();
        if (fd < 0 || held < 0 || ::dup3(fd, held, O_CLOEXEC) != held) return false;
        identify_as(held);
        ::close(fd);
        return true;
    }

    int fd_plus1_ = 0;  // 0: none, so that what has one is zero until it is used
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

// A thread that nobody joins, with signals blocked: the application's are not its business, and the
// one for a file that grows past the process's limit must not end the program. Callbacks of the
// application may run on it. `tls_size`: bytes of its stack that libc may take for the variables of
// the thread. False: there is none to be had.
inline bool start_thread(pthread_t& thread, void* (*run)(void*), size_t tls_size,
                         void* argument = nullptr) noexcept {
    pthread_attr_t attributes;
    if (::pthread_attr_init(&attributes) != 0) return false;
    ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    constexpr size_t kStack = 256 * 1024;  // only touched pages cost anything
    ::pthread_attr_setstacksize(&attributes, kStack + tls_size);
    const HeldSignals inherited;
    const int failed = ::pthread_create(&thread, &attributes, run, argument);
    ::pthread_attr_destroy(&attributes);
    return failed == 0;
}

}  // namespace etw::provider
