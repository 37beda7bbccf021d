// The memory from which programs take the sequence numbers of their trace messages, for sessions
// that asked for them (-ls, -gs): one file for all sessions of a host, kept by the keeper, so that
// the numbers go on when the host is killed. Layout: wire/provider_protocol.h.
#pragma once
#include "base/mapping.h"
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

    const UniqueFd& fd() const noexcept { return fd_; }
    // A session begins in this slot: its first message is number 1.
    void begin(uint32_t slot) noexcept;

private:
    static Result<MessageNumbers> map(UniqueFd fd);
    MessageNumbers(UniqueFd fd, Mapping memory) noexcept
        : fd_(std::move(fd)), memory_(std::move(memory)) {}

    UniqueFd fd_;
    Mapping memory_;  // wire::MessageNumbers
};

}  // namespace etw::host
