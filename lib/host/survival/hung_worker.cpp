#include "host/survival/hung_worker.h"

#include "base/unique_fd.h"
#include "wire/provider_protocol.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace etw::host {
namespace {

#ifndef SYS_pidfd_open
constexpr long SYS_pidfd_open = 434;
#endif
#ifndef SYS_pidfd_getfd
constexpr long SYS_pidfd_getfd = 438;
#endif
constexpr unsigned kPidfdThread = O_EXCL;  // PIDFD_THREAD, since Linux 6.9

// Of what was bound there, and of what was accepted from it.
bool is_at(const UniqueFd& socket, const std::string& path) {
    sockaddr_un address{};
    socklen_t size = sizeof(address);
    return ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
           address.sun_family == AF_UNIX && path == address.sun_path;
}

bool listens(const UniqueFd& socket) {
    int listening = 0;
    socklen_t size = sizeof(listening);
    return ::getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 &&
           listening != 0;
}

void end_one(const UniqueFd& socket, bool whole_host) {
    if (!listens(socket)) {
        ::shutdown(socket.get(), SHUT_RDWR);
    } else if (whole_host) {
        ::shutdown(socket.get(), SHUT_RDWR);  // nobody comes any more
        while (UniqueFd(::accept4(socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK))) {
        }
    }
}

}  // namespace

void end_connections(const HungProcess& worker, const std::string& runtime_folder,
                     bool whole_host) {
    const UniqueFd thread(int(::syscall(SYS_pidfd_open, worker.thread, kPidfdThread)));
    if (!thread) return;
    const std::string fds = fmt::format("/proc/{}/task/{}/fd", worker.pid, worker.thread);
    std::error_code gone;
    for (std::filesystem::directory_iterator at(fds, gone), end; !gone && at != end;
         at.increment(gone)) {
        std::error_code unreadable;
        const std::string target = std::filesystem::read_symlink(at->path(), unreadable);
        if (!target.starts_with("socket:")) continue;
        const UniqueFd socket(int(
            ::syscall(SYS_pidfd_getfd, thread.get(), std::atoi(at->path().filename().c_str()), 0)));
        if (!socket) continue;
        for (const char* name : {wire::kProviderSocketName, wire::kControlSocketName}) {
            if (is_at(socket, runtime_folder + "/" + name)) end_one(socket, whole_host);
        }
    }
}

}  // namespace etw::host
