// What waits for a file system, which may hang: a server that does not answer, a disk that has
// gone. It hangs a thread of its own, never the loop that serves all sessions.
#pragma once
#include "base/unique_fd.h"

#include <vector>

namespace etw::host {

// Whether the descriptor is of memory: whatever is done with it, no file system is asked. Neither
// is it by this.
bool is_of_memory(const UniqueFd& fd) noexcept;
// To close a file asks its file system, whoever else has it open.
void close_elsewhere(UniqueFd fd);

// Descriptors that somebody else has opened, of whatever kind.
struct ForeignFds : std::vector<UniqueFd> {
    ~ForeignFds() {
        for (UniqueFd& fd : *this) close_elsewhere(std::move(fd));
    }
};

}  // namespace etw::host
