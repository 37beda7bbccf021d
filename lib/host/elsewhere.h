// What waits for a file system, which may hang: a server that does not answer, a disk that has
// gone. It hangs a thread of its own, never the loop that serves all sessions.
#pragma once
#include "base/unique_fd.h"
#include "etw/result.h"

#include <chrono>
#include <functional>
#include <vector>

namespace etw::host {

// How long a file system may take for one call before it counts as one that does not answer.
constexpr std::chrono::seconds kFilePatience{5};

// Counts a thread that nobody waits for.
class Elsewhere {
public:
    Elsewhere() noexcept;
    Elsewhere(const Elsewhere&) = delete;
    Elsewhere& operator=(const Elsewhere&) = delete;
    ~Elsewhere();
    // Whether none of them is left, in so long a time at most.
    static bool all_done(std::chrono::milliseconds patience);
};

// Runs the task on a thread of its own. kNoSystemResources: none is to be had, or too many hang.
Status run_elsewhere(std::function<void()> task);

// Whether the descriptor is of memory: whatever is done with it, no file system is asked. Neither
// is it by this.
bool is_of_memory(const UniqueFd& fd) noexcept;
// To close a file asks its file system, whoever else has it open. Where no thread is to be had it
// stays open.
void close_elsewhere(UniqueFd fd);

// Descriptors that somebody else has opened, of whatever kind.
struct ForeignFds : std::vector<UniqueFd> {
    ForeignFds() = default;
    ForeignFds(ForeignFds&&) noexcept = default;
    ForeignFds& operator=(ForeignFds&& other) noexcept {
        swap(other);
        return *this;
    }
    ~ForeignFds() {
        for (UniqueFd& fd : *this) close_elsewhere(std::move(fd));
    }
};

}  // namespace etw::host
