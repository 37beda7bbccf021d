// How the readers of binaries get at a file: only what they ask for is read.
#pragma once
#include "base/file.h"
#include "etw/bytes.h"

#include <functional>
#include <span>

namespace etw::tmf {

// Fills all of `out` with the file's bytes from `offset` on, or fails.
using ReadAt = std::function<Status(uint64_t offset, std::span<std::byte> out)>;

// `file` must outlive it.
inline ReadAt reader_of(const File& file) {
    return [&file](uint64_t offset, std::span<std::byte> out) { return file.read_at(offset, out); };
}

}  // namespace etw::tmf
