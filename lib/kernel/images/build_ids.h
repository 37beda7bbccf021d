// Build ids of the kernel, and of the files that are mapped.
#pragma once
#include "base/build_id.h"

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace etw::kernel {

BuildId build_id_of_kernel();

// Of mapped files. They are read from the files: the kernel could tell them with the mappings, but
// marks the records of every other reader too then, and perf takes what it gets for build ids.
class BuildIds {
public:
    // Of the file `path`, as `process` sees it, with that inode; "[vdso]" counts as one. Empty
    // where another file has taken its place.
    BuildId of(const std::string& path, uint64_t inode, uint32_t process);

private:
    using Key = std::tuple<uint64_t, uint64_t, int64_t, int64_t>;  // device, inode, last change
    std::map<Key, BuildId> known_;
};

}  // namespace etw::kernel
