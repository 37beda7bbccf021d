#include "base/hidden_fd.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <thread>

namespace etw {
namespace {

// From here on. The others are far fewer in most processes, and the kernel's table, which is as
// long as its highest number, stays short.
constexpr int kFirstHidden = 1024;

}  // namespace

UniqueFd hide_from_children(UniqueFd fd) noexcept {
    if (!fd || fd.get() >= kFirstHidden) return fd;
    UniqueFd hidden(::fcntl(fd.get(), F_DUPFD_CLOEXEC, kFirstHidden));
    return hidden ? std::move(hidden) : std::move(fd);
}

// A thread gets a table of its own, into which the kernel does not even copy what is at the end of
// the other; its child has a copy of that one.
Result<pid_t> fork_without_hidden(int needed, const std::function<void()>& run) {
    pid_t child = -1;
    int error = EAGAIN;
    const auto fork_here = [&] {
        const int first = std::max(kFirstHidden, needed + 1);
        static_cast<void>(::close_range(unsigned(first), ~0u, CLOSE_RANGE_UNSHARE));
        child = ::fork();
        error = errno;
        if (child == 0) run();
    };
    try {
        std::thread(fork_here).join();
    } catch (const std::system_error&) {
    }
    if (child < 0) return Error{code_from_errno(error), "fork", uint64_t(error)};
    return child;
}

}  // namespace etw
