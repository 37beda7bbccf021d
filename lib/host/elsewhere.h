// What waits for a file system, which may hang: a server that does not answer, a disk that has
// gone. It hangs a thread of its own, never the loop that serves all sessions.
#pragma once
#include "base/unique_fd.h"
#include "etw/result.h"

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <vector>

namespace etw::host {

// How long a file system may take for one call before it counts as one that does not answer.
constexpr std::chrono::seconds kFilePatience{5};

// Runs the task on a thread of its own. `whose`: the user on whose account it may hang.
// kNoSystemResources: no thread is to be had, or too many of this user's hang.
Status run_elsewhere(uid_t whose, std::function<void()> task);
// Whether nothing of all that runs any more, in so long a time at most.
bool all_done_elsewhere(std::chrono::milliseconds patience);

// Whether the descriptor is of memory: whatever is done with it, no file system is asked. Neither
// is it by this.
bool is_of_memory(const UniqueFd& fd) noexcept;

// A file that may be of any file system: to close it asks that, whoever else has it open, so it is
// closed elsewhere. Where no thread is to be had it stays open.
class ForeignFd {
public:
    ForeignFd() = default;
    ForeignFd(UniqueFd fd, uid_t whose) noexcept : fd_(std::move(fd)), whose_(whose) {}
    ForeignFd(ForeignFd&&) noexcept = default;
    ForeignFd& operator=(ForeignFd&& other) noexcept {
        close();
        fd_ = std::move(other.fd_);
        whose_ = other.whose_;
        return *this;
    }
    ~ForeignFd() { close(); }

    const UniqueFd& fd() const noexcept { return fd_; }
    int get() const noexcept { return fd_.get(); }
    explicit operator bool() const noexcept { return bool(fd_); }
    // For who may wait, or knows what it is.
    UniqueFd take() noexcept { return std::move(fd_); }
    void put(UniqueFd fd) noexcept { fd_ = std::move(fd); }  // another number of the same

private:
    void close() noexcept;
    UniqueFd fd_;
    uid_t whose_ = 0;
};
using ForeignFds = std::vector<ForeignFd>;
ForeignFds foreign(std::vector<UniqueFd> fds, uid_t whose);

}  // namespace etw::host
