// Small owners over system calls for code that must not rely on more than libc, and that shares its
// process with an application that may close any descriptor.
#pragma once
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace etw::provider {

// The application must not see its errno change through an event it wrote.
class KeepErrno {
public:
    KeepErrno() noexcept : saved_(errno) {}
    ~KeepErrno() { errno = saved_; }
    KeepErrno(const KeepErrno&) = delete;
    KeepErrno& operator=(const KeepErrno&) = delete;

private:
    const int saved_;
};

class ScopedLock {
public:
    explicit ScopedLock(pthread_mutex_t& mutex) noexcept : mutex_(mutex) {
        ::pthread_mutex_lock(&mutex_);
    }
    ~ScopedLock() { ::pthread_mutex_unlock(&mutex_); }
    ScopedLock(const ScopedLock&) = delete;
    ScopedLock& operator=(const ScopedLock&) = delete;

private:
    pthread_mutex_t& mutex_;
};

// A descriptor in an application that may close it and open something else under its number. It is
// only used or closed while it still is the file that we opened.
class GuardedFd {
public:
    constexpr GuardedFd() = default;

    // Takes over `fd` (or nothing, if negative) and moves it out of the way of the application's.
    void take(int fd) noexcept {
        reset();
        if (fd < 0) return;
        constexpr int kHighNumber = 700;  // below the usual limit of 1024
        const int high = ::fcntl(fd, F_DUPFD_CLOEXEC, kHighNumber);
        if (high >= 0) {
            ::close(fd);
            fd = high;
        }
        struct stat status {};
        if (::fstat(fd, &status) != 0) return;
        device_ = status.st_dev;
        inode_ = status.st_ino;
        store(fd);
    }
    // The descriptor, or -1 where it is no longer ours.
    int get() const noexcept {
        const int fd = load();
        return fd >= 0 && is_same(fd) ? fd : -1;
    }
    bool is_same(int fd) const noexcept {
        struct stat status {};
        return ::fstat(fd, &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
    }
    void reset() noexcept {
        const int fd = get();
        store(-1);
        if (fd >= 0) ::close(fd);
    }
    // Hands what it holds over to `other`, which lets go of its own.
    void move_to(GuardedFd& other) noexcept {
        other.reset();
        other.device_ = device_;
        other.inode_ = inode_;
        other.store(load());
        store(-1);
    }
    // Of what was taken, also where the application has closed it since.
    uint64_t device() const noexcept { return device_; }
    uint64_t inode() const noexcept { return inode_; }
    // Taken and not reset, ours or not.
    bool taken() const noexcept { return load() >= 0; }

private:
    int load() const noexcept { return __atomic_load_n(&fd_plus1_, __ATOMIC_ACQUIRE) - 1; }
    void store(int fd) noexcept { __atomic_store_n(&fd_plus1_, fd + 1, __ATOMIC_RELEASE); }

    int fd_plus1_ = 0;  // 0: none, so that what has one is zero until it is used
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

inline int64_t monotonic_ns() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

// A thread that nobody joins, with all signals blocked: the application's are not its business, and
// the one for a file that grows past the process's limit must not end the program. Callbacks of the
// application may run on it. False: there is none to be had.
inline bool start_thread(pthread_t& thread, void* (*run)(void*)) noexcept {
    pthread_attr_t attributes;
    if (::pthread_attr_init(&attributes) != 0) return false;
    ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    constexpr size_t kStack = 256 * 1024;  // only touched pages cost anything
    ::pthread_attr_setstacksize(&attributes, kStack);
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = ::pthread_create(&thread, &attributes, run, nullptr);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ::pthread_attr_destroy(&attributes);
    return failed == 0;
}

}  // namespace etw::provider
