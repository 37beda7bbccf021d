#include "backend_linux/control_channel.h"

#include "base/byte_writer.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace etw::backend_linux {
namespace {

Error os_error(const char* what, int error) {
    return {code_from_errno(error), what, uint64_t(error)};
}

Error gone(const char* what, int error) {
    return {Code::kServiceNotAvailable, what, uint64_t(error)};
}

// Connection ended by the peer, in whatever way the kernel says it.
bool means_gone(int error) {
    return error == EPIPE || error == ECONNRESET || error == ENOTCONN || error == ECONNABORTED;
}

// A folder in /tmp can be another user's, and a host is handed descriptors of the caller's files.
// Root may turn to a user's host, which it has to name.
bool trusted(const UniqueFd& socket) {
    ucred peer{};
    socklen_t size = sizeof(peer);
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
    return peer.uid == 0 || peer.uid == ::geteuid() || ::geteuid() == 0;
}

}  // namespace

Result<ControlChannel> ControlChannel::connect(const std::string& socket_path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path.size() >= sizeof(address.sun_path))
        return Error{Code::kInvalidName, "control socket: path too long", socket_path.size()};
    socket_path.copy(address.sun_path, socket_path.size());
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) return os_error("socket", errno);
    int result = -1;
    do {
        result = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    } while (result != 0 && errno == EINTR);
    if (result == 0 && !trusted(fd)) {
        return Error{Code::kAccessDenied, "control socket: another user's", 0};
    }
    if (result == 0) return ControlChannel(std::move(fd));
    const int error = errno;
    const bool nobody = error == ENOENT || error == ECONNREFUSED || error == ENOTDIR;
    return nobody ? gone("connect", error) : os_error("connect", error);
}

// The kernel resets a connection that ends with bytes unread, or that nobody has accepted; one
// whose request was taken ends with a plain end of file.
bool ControlChannel::request_unread(const Error& error) noexcept {
    return error.code == Code::kServiceNotAvailable && means_gone(int(error.where));
}

void ControlChannel::wait_at_most(std::chrono::seconds patience) noexcept {
    const timeval limit{patience.count(), 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

Result<Reply> ControlChannel::call(wire::ControlOp op, Bytes body, std::span<const int> fds) {
    if (body.size() > wire::kMaxControlBody)
        return Error{Code::kInvalidParameter, "request: too long", body.size()};
    ByteWriter request;
    request.write(wire::ControlFrame{wire::ControlFrame::kMagic, wire::kControlProtocolVersion,
                                     uint32_t(op), uint32_t(body.size())});
    request.append(body);
    ETW_CHECK(send(request.bytes(), fds));

    wire::ControlFrame frame{};
    ETW_CHECK(receive(std::as_writable_bytes(std::span(&frame, 1))));
    if (frame.magic != wire::ControlFrame::kMagic)
        return Error{Code::kInvalidData, "reply: not a session host", 0};
    if (frame.version != wire::kControlProtocolVersion)
        return Error{Code::kRevisionMismatch, "reply: another protocol version", frame.version};
    if (frame.size > wire::kMaxControlBody)
        return Error{Code::kInvalidData, "reply: too long", frame.size};
    Reply reply;
    reply.code = Code(frame.op);
    // Grows with what arrives, not with what the frame promises.
    constexpr size_t kChunk = 64 * 1024;
    while (reply.body.size() < frame.size) {
        const size_t at = reply.body.size();
        reply.body.resize(at + std::min(kChunk, frame.size - at));
        ETW_CHECK(receive(std::span(reply.body).subspan(at)));
    }
    return reply;
}

Status ControlChannel::send(Bytes bytes, std::span<const int> fds) {
    ETW_ASSERT(fds.size() <= wire::kMaxControlDescriptors);
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int) * wire::kMaxControlDescriptors)>
        control{};
    while (!bytes.empty()) {
        // sendmsg's struct is not const-correct; nothing is written through it.
        iovec piece{const_cast<std::byte*>(bytes.data()), bytes.size()};
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
        const ssize_t n = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EINTR) continue;
            return means_gone(errno) ? gone("send", errno) : os_error("send", errno);
        }
        bytes = bytes.subspan(size_t(n));
        fds = {};  // they went with the first byte
    }
    return Ok{};
}

Status ControlChannel::receive(std::span<std::byte> out) {
    while (!out.empty()) {
        const ssize_t n = ::recv(fd_.get(), out.data(), out.size(), 0);
        if (n < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN) return Error{Code::kTimeout, "receive: no answer", EAGAIN};
            return means_gone(errno) ? gone("receive", errno) : os_error("receive", errno);
        }
        if (n == 0) return gone("receive: the host closed the connection", 0);
        out = out.subspan(size_t(n));
    }
    return Ok{};
}

}  // namespace etw::backend_linux
