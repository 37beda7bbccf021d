#pragma once
#include <sys/statvfs.h>

#include <cstdint>
#include <limits>

namespace etw {

// Bytes that an ordinary user may still write. File systems that have no limit of their own (ramfs,
// some that run in user space) tell of no blocks at all: then whatever a number can be.
inline uint64_t free_space(const struct statvfs& disk) noexcept {
    if (disk.f_blocks == 0) return std::numeric_limits<uint64_t>::max();
    return uint64_t(disk.f_bavail) * disk.f_frsize;
}

}  // namespace etw
