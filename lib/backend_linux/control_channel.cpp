#include "backend_linux/control_channel.h"

#include "base/byte_writer.h"
#include "base/hung_process.h"
#include "base/unix_socket.h"
#include "wire/provider_protocol.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace etw::backend_linux {
namespace {

Error gone(const char* what, int error) {
    return {Code::kServiceNotAvailable, what, uint64_t(error)};
}

// Connection ended by the peer, in whatever way the kernel says it.
bool means_gone(int error) {
    return error == EPIPE || error == ECONNRESET || error == ENOTCONN || error == ECONNABORTED;
}

// Of what the socket could not do.
Error failure(const Error& error) {
    return means_gone(int(error.where)) ? gone(error.what, int(error.where)) : error;
}

// A folder in /tmp can be another user's, and a host is handed descriptors of the caller's files.
// Root may turn to a user's host, which it has to name.
bool trusted(const UniqueFd& socket) {
    const auto peer = peer_credentials(socket.get());
    return peer && (peer->uid == 0 || peer->uid == ::geteuid() || ::geteuid() == 0);
}

}  // namespace

Result<ControlChannel> ControlChannel::connect(const std::string& folder) {
    auto fd = connect_to(folder + "/" + wire::kControlSocketName, SOCK_STREAM);
    if (!fd) {
        const auto error = int(fd.error().where);
        const bool nobody = error == ENOENT || error == ECONNREFUSED || error == ENOTDIR;
        if (fd.error().code == Code::kInvalidName || !nobody) return fd.error();
        return gone("connect", error);
    }
    if (!trusted(*fd)) return Error{Code::kAccessDenied, "control socket: another user's", 0};
    return ControlChannel(std::move(*fd), folder + "/" + wire::kHostLockName);
}

// The kernel resets a connection that ends with bytes unread, or that nobody has accepted; one
// whose request was taken ends with a plain end of file.
bool ControlChannel::request_unread(const Error& error) noexcept {
    return error.code == Code::kServiceNotAvailable && means_gone(int(error.where));
}

void ControlChannel::wait_at_most(std::chrono::seconds patience) noexcept { patience_ = patience; }

// A host that was killed and hangs in a file system keeps its end of the connection open. Whether
// it is one is a look at all processes, so only where it takes its time.
Status ControlChannel::await_bytes() {
    using Clock = std::chrono::steady_clock;
    constexpr std::chrono::milliseconds kLookAgain{1000};
    const auto begun = Clock::now();
    for (;;) {
        auto step = kLookAgain;
        if (patience_) {
            const auto left =
                std::chrono::ceil<std::chrono::milliseconds>(begun + *patience_ - Clock::now());
            if (left.count() <= 0) return Error{Code::kTimeout, "receive: no answer", 0};
            step = std::min(step, left);
        }
        pollfd waiting{fd_.get(), POLLIN, 0};
        const int ready = ::poll(&waiting, 1, int(step.count()));
        if (ready > 0) return Ok{};
        if (ready < 0 && errno != EINTR) {
            return Error{code_from_errno(errno), "receive: poll", uint64_t(errno)};
        }
        if (ready < 0 || !find_hung_holder(lock_)) continue;
        host_hangs_ = true;
        int unread = 0;  // bytes of the request
        const bool acted = ::ioctl(fd_.get(), SIOCOUTQ, &unread) != 0 || unread == 0;
        return gone("it was killed and hangs in a file system", acted ? 0 : ECONNRESET);
    }
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
    while (!bytes.empty()) {
        const auto sent = etw::send(fd_.get(), bytes, fds);
        if (!sent) return failure(sent.error());
        bytes = bytes.subspan(*sent);
        fds = {};  // they went with the first byte
    }
    return Ok{};
}

Status ControlChannel::receive(std::span<std::byte> out) {
    while (!out.empty()) {
        ETW_CHECK(await_bytes());
        std::vector<UniqueFd> unwanted;  // closed again
        const auto got = etw::receive(fd_.get(), out, unwanted);
        if (!got) return failure(got.error());
        if (got->size == 0) return gone("receive: the host closed the connection", 0);
        out = out.subspan(got->size);
    }
    return Ok{};
}

}  // namespace etw::backend_linux
