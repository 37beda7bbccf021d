// Build ids: what tells one build of a program from another.
#pragma once
#include "etw/bytes.h"

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace etw::kernel {

using BuildId = std::vector<std::byte>;  // empty: there is none, or it is not known

// Among the notes of an ELF file.
BuildId build_id_of_notes(Bytes notes);
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
