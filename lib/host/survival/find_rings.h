// Ring sets that processes hold. They outlive the host in those that wrote to them.
#pragma once
#include "base/unique_fd.h"
#include "host/recording/checkpoint.h"
#include "wire/ring.h"

#include <sys/types.h>

#include <functional>

namespace etw::host {

struct FoundRings {
    UniqueFd fd;  // for reading and writing, of memory
    FileIdentity identity;
    wire::RingSetDescription description;  // of this version, and untrusted all the same
    uid_t holder;                          // whose process it is that has them
};

enum class LookInto {
    kDescriptors,
    kMappingsToo,  // of programs that have closed what they did not know; a process that hangs may
                   // hold up who asks
};

// Calls `found` for each that some process holds, and may well do so for one several times. Looks
// into those processes that the caller may look into, and asks no file system for anything.
void find_rings(LookInto where, const std::function<void(FoundRings)>& found);

}  // namespace etw::host
