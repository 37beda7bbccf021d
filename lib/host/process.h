// What the kernel says of another process: which it is, whether it still is, what it runs.
#pragma once
#include "base/unique_fd.h"
#include "etw/result.h"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace etw::host {

// A process for as long as the machine runs: its number may be given to another, its number and the
// instant it began may not.
struct ProcessKey {
    uint32_t pid = 0;
    uint32_t reserved = 0;
    uint64_t start = 0;  // clock ticks after the boot

    friend bool operator==(const ProcessKey&, const ProcessKey&) = default;
};

// Nothing where no process of that number runs (a zombie has ended).
std::optional<ProcessKey> find_process(uint32_t pid);

// Base name of what the process executes; empty where it may not be seen.
std::string executable_of(uint32_t pid);

// Becomes readable when the process ends. Fails with kFileNotFound where it has ended already.
Result<UniqueFd> watch_process(const ProcessKey& process);

}  // namespace etw::host
