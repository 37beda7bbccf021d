#include "host/survival/envelope.h"

#include "base/unix_socket.h"
#include "etw/error_code.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace etw::host {

Result<UniqueFd> into_envelope(const UniqueFd& file) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        return Error{code_from_errno(errno), "envelope: socketpair", uint64_t(errno)};
    }
    UniqueFd envelope(pair[0]);
    const UniqueFd sender(pair[1]);
    constexpr std::byte kPacket[1] = {};
    const int fds[] = {file.get()};
    ETW_CHECK(send(sender.get(), kPacket, fds));
    return envelope;
}

Result<UniqueFd> out_of_envelope(const UniqueFd& envelope) {
    std::byte packet{};
    iovec piece{&packet, sizeof(packet)};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    // A look leaves the packet where it is; what comes along is a descriptor of its own.
    if (::recvmsg(envelope.get(), &message, MSG_PEEK | MSG_CMSG_CLOEXEC) < 0) {
        return Error{code_from_errno(errno), "envelope", uint64_t(errno)};
    }
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
        return Error{Code::kInvalidData, "envelope: empty", 0};
    }
    int file = -1;
    std::memcpy(&file, CMSG_DATA(header), sizeof(file));
    return UniqueFd(file);
}

}  // namespace etw::host
