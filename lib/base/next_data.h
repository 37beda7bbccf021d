// Passing over what a file has no room on the disk for: a log that is preallocated, or was copied
// sparse, may have gigabytes of it.
#pragma once
#include "base/file.h"

namespace etw {

// Where the next byte is that need not be zero, from `offset` on; the file's size where none is
// known of. `offset` itself where the file system does not tell.
uint64_t next_data(const File& file, uint64_t offset, uint64_t size);

}  // namespace etw
