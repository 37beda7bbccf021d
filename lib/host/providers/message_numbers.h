// The memory from which programs take the sequence numbers of their trace messages, for sessions
// that asked for them (-ls, -gs): one file for all sessions of a host, kept by the keeper, so that
// the numbers go on when the host is killed. Layout: wire/provider_protocol.h.
#pragma once
#include "base/unique_fd.h"
#include "etw/result.h"
#include "wire/provider_protocol.h"

namespace etw::host {

// Owns the descriptor and the mapping.
class MessageNumbers {
public:
    // Sealed, all zero. kNoSystemResources where there is no memory.
    static Result<MessageNumbers> create();
    // A predecessor's. kInvalidParameter where it is something else.
    static Result<MessageNumbers> adopt(UniqueFd fd);

    MessageNumbers(MessageNumbers&& other) noexcept;
    MessageNumbers& operator=(MessageNumbers&& other) noexcept;
    ~MessageNumbers();

    const UniqueFd& fd() const noexcept { return fd_; }
    // A session begins in this slot: its first message is number 1.
    void begin(uint32_t slot) noexcept;

private:
    static Result<MessageNumbers> map(UniqueFd fd);
    MessageNumbers(UniqueFd fd, wire::MessageNumbers* numbers) noexcept
        : fd_(std::move(fd)), numbers_(numbers) {}

    UniqueFd fd_;
    wire::MessageNumbers* numbers_ = nullptr;
};

}  // namespace etw::host
