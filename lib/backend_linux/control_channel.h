// One connection to the host's control socket: frames out, frames in.
#pragma once
#include "base/unique_fd.h"
#include "etw/bytes.h"
#include "wire/control_protocol.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace etw::backend_linux {

struct Reply {
    Code code = Code::kOk;
    std::vector<std::byte> body;
};

class ControlChannel {
public:
    // To the host of this runtime folder. Fails with kServiceNotAvailable where nobody listens,
    // kAccessDenied where we may not ask.
    static Result<ControlChannel> connect(const std::string& folder);

    // One request, one reply; blocks. After a failure the channel is of no more use. Failures are
    // kServiceNotAvailable (the host went away) and kInvalidData (that is not our host's protocol).
    Result<Reply> call(wire::ControlOp op, Bytes body, std::span<const int> fds);
    // From now on call() fails with kTimeout where the host says nothing for so long.
    void wait_at_most(std::chrono::seconds patience) noexcept;
    // Of an error of call(): no host can have acted on the request, so it may be sent again.
    static bool request_unread(const Error& error) noexcept;
    // After a failure: the host was killed and hangs in a file system, with the socket that others
    // find. Another one can take the folder.
    bool host_hangs() const noexcept { return host_hangs_; }

private:
    ControlChannel(UniqueFd fd, std::string lock) noexcept
        : fd_(std::move(fd)), lock_(std::move(lock)) {}
    Status await_bytes();
    Status send(Bytes bytes, std::span<const int> fds);
    Status receive(std::span<std::byte> out);

    UniqueFd fd_;
    std::string lock_;  // path of the host's
    std::optional<std::chrono::milliseconds> patience_;
    bool host_hangs_ = false;
};

}  // namespace etw::backend_linux
