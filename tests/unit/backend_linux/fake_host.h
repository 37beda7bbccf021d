// A host on the other end of the control socket: hands each request to the test, which answers
// whatever bytes it likes.
#pragma once
#include "base/byte_writer.h"
#include "base/unique_fd.h"
#include "session/codec.h"
#include "wire/control_protocol.h"
#include "wire/provider_protocol.h"

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <functional>
#include <optional>
#include <thread>

namespace etw::backend_linux {

class FakeHost {
public:
    struct Request {
        wire::ControlOp op{};
        std::vector<std::byte> body;
        std::vector<UniqueFd> fds;
    };
    // The bytes to send back; nullopt hangs up instead, less than a frame hangs up after them.
    using Handler = std::function<std::optional<std::vector<std::byte>>(Request)>;

    FakeHost(const std::string& folder, Handler handler) : handler_(std::move(handler)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        (folder + "/" + wire::kControlSocketName).copy(address.sun_path, sizeof(address.sun_path));
        listening_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(
            ::bind(listening_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
            0);
        EXPECT_EQ(::listen(listening_.get(), 8), 0);
        thread_ = std::thread([this] { serve(); });
    }
    FakeHost(const FakeHost&) = delete;
    FakeHost& operator=(const FakeHost&) = delete;
    ~FakeHost() {
        ::shutdown(listening_.get(), SHUT_RDWR);
        thread_.join();
    }

    static std::vector<std::byte> frame(Code code, Bytes body) {
        ByteWriter out;
        out.write(wire::ControlFrame{wire::ControlFrame::kMagic, wire::kControlProtocolVersion,
                                     uint32_t(code), uint32_t(body.size())});
        out.append(body);
        return out.take();
    }
    template <class T>
    static std::vector<std::byte> answer(const T& value, Code code = Code::kOk) {
        ByteWriter body;
        session::encode(body, value);
        return frame(code, body.bytes());
    }

private:
    void serve() {
        while (true) {
            const UniqueFd connection(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!connection) return;
            while (auto request = receive(connection.get())) {
                const auto reply = handler_(std::move(*request));
                if (!reply) break;
                ::send(connection.get(), reply->data(), reply->size(), MSG_NOSIGNAL);
                if (!is_whole(*reply)) break;
            }
        }
    }

    static bool is_whole(Bytes reply) {
        ByteReader in(reply);
        const auto frame = in.read<wire::ControlFrame>("frame");
        return frame && (in.remaining() >= frame->size || frame->size > wire::kMaxControlBody);
    }

    static std::optional<Request> receive(int socket) {
        wire::ControlFrame header{};
        iovec piece{&header, sizeof(header)};
        alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int) * 4)> control;
        msghdr message{};
        message.msg_iov = &piece;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        if (::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL) != sizeof(header))
            return std::nullopt;
        Request out;
        out.op = wire::ControlOp(header.op);
        for (cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
            for (size_t at = CMSG_LEN(0); at < c->cmsg_len; at += sizeof(int)) {
                int fd = -1;
                std::memcpy(&fd, reinterpret_cast<std::byte*>(c) + at, sizeof(fd));
                out.fds.emplace_back(fd);
            }
        }
        out.body.resize(header.size);
        if (header.size != 0 &&
            ::recv(socket, out.body.data(), header.size, MSG_WAITALL) != ssize_t(header.size)) {
            return std::nullopt;
        }
        return out;
    }

    Handler handler_;
    UniqueFd listening_;
    std::thread thread_;
};

}  // namespace etw::backend_linux
