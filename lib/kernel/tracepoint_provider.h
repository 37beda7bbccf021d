// The kernel's tracepoints as providers: every subsystem is one, named Linux.<system>, and its
// tracepoints are its events.
#pragma once
#include "etw/guid.h"
#include "etw/kernel_flags.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace etw::kernel {

struct TracepointEvent {
    std::string name;
    uint8_t level = 0;
    uint64_t keyword = 0;

    friend bool operator==(const TracepointEvent&, const TracepointEvent&) = default;
};

struct TracepointProvider {
    std::string name;
    Guid guid;  // from the name, as -guid *name has it
    std::vector<TracepointEvent> events;
};

// What levels and keywords select. Level 4 (information), or 5 (verbose) where the tracepoint may
// well fire more than a thousand times a second on a calm machine. Of the tracepoints in the order
// of their names, each of the first 47 has a keyword bit of its own, from bit 0; the others share
// bit 47.
std::vector<TracepointEvent> describe_tracepoints(std::string_view system,
                                                  std::vector<std::string> names);

// Of the kernel that runs, by name. None without tracefs or the rights.
std::vector<TracepointProvider> tracepoint_providers();
std::optional<TracepointProvider> find_tracepoint_provider(const Guid& guid);
// Just the subsystem ("sched"); what has come within the last second may be missing. By any thread.
std::optional<std::string> find_tracepoint_system(const Guid& guid);

}  // namespace etw::kernel
