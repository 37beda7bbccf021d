#include "base/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cerrno>

namespace etw {
namespace {

constexpr size_t kMaxDescriptors = 4;  // of one message, either way

Error os_error(const char* what) {
    const int error = errno;
    const bool again = error == EAGAIN || error == EWOULDBLOCK;
    return {again ? Code::kBusy : code_from_errno(error), what, uint64_t(error)};
}

Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) {
        return Error{Code::kInvalidName, "socket path: too long", path.size()};
    }
    path.copy(address.sun_path, path.size());
    return address;
}

}  // namespace

Result<PeerCredentials> peer_credentials(int socket) {
    ucred credentials{};
    socklen_t size = sizeof(credentials);
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
        return os_error("SO_PEERCRED");
    }
    return PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
}

Result<Received> receive(int socket, std::span<std::byte> buffer, std::vector<UniqueFd>& fds) {
    iovec piece{buffer.data(), buffer.size()};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int) * kMaxDescriptors)> control;
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ssize_t n = -1;
    do {
        n = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return os_error("recvmsg");
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            fds.emplace_back(fd);
        }
    }
    return Received{size_t(n), (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0};
}

Result<size_t> send(int socket, Bytes bytes, std::span<const int> fds) {
    ETW_ASSERT(fds.size() <= kMaxDescriptors);
    // sendmsg's struct is not const-correct; nothing is written through it.
    iovec piece{const_cast<std::byte*>(bytes.data()), bytes.size()};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int) * kMaxDescriptors)> control{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    if (!fds.empty()) {
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(c), fds.data(), fds.size_bytes());
    }
    ssize_t n = -1;
    do {
        n = ::sendmsg(socket, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return os_error("sendmsg");
    return size_t(n);
}

Result<UniqueFd> listen_at(const std::string& path, int type) {
    ETW_TRY(const auto address, address_of(path));
    UniqueFd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return os_error("socket");
    ::unlink(path.c_str());
    // What bind() makes is nobody else's, whatever the umask, until its owner says whose it is.
    if (::fchmod(fd.get(), 0600) != 0) return os_error("socket: mode");
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        return os_error("bind");
    }
    if (::listen(fd.get(), SOMAXCONN) != 0) return os_error("listen");
    return fd;
}

Result<UniqueFd> connect_to(const std::string& path, int type) {
    ETW_TRY(const auto address, address_of(path));
    UniqueFd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    if (!fd) return os_error("socket");
    int result = -1;
    do {
        result = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    } while (result != 0 && errno == EINTR);
    if (result != 0) return os_error("connect");
    return fd;
}

}  // namespace etw
