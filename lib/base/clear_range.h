// Emptying a part of a file and keeping the room that it has on the disk, which a cut would give
// back, for another program to take.
#pragma once
#include "base/file.h"

#include <algorithm>

namespace etw {

// Bytes `from` to `to` of the file are zero afterwards; `to` is the file's size at most. Zeros are
// written where the file system cannot do it by itself. On failure some of the bytes may be zero.
Status clear_range(File& file, uint64_t from, uint64_t to);

// The way that is always there.
inline Status write_zeros(File& file, uint64_t from, uint64_t to) {
    static constexpr std::byte kZeros[64 * 1024] = {};
    while (from < to) {
        const auto size = size_t(std::min<uint64_t>(to - from, sizeof(kZeros)));
        ETW_CHECK(file.write_at(from, Bytes(kZeros).first(size)));
        from += size;
    }
    return Ok{};
}

}  // namespace etw
