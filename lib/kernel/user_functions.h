// Which functions of a process allocate memory and wait for locks, and where they lie in the files
// that the process really has mapped: whichever library, of whatever mount namespace, replaced on
// disk or not.
#pragma once
#include "etw/result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace etw::kernel {

// What a function takes; its arguments by number from 0.
enum class UserFunctionKind : uint8_t {
    kNone = 0,
    kAllocate,         // 0: size
    kAllocateCleared,  // 0: count, 1: size of one
    kReallocate,       // 0: old, 1: size
    kReallocateArray,  // 0: old, 1: count, 2: size of one
    kAllocateAligned,  // 1: size
    kAllocateInto,     // 0: where to put the address, 2: size; returns 0 or an errno
    kFree,             // 0: address
    kWaitForLock,      // 0: the lock
};

struct UserFunction {
    std::string path;     // of the file, good as long as the process has it mapped
    uint64_t offset = 0;  // in the file
    uint64_t base = 0;    // where the file's first byte would lie in the process
    UserFunctionKind kind = UserFunctionKind::kNone;
    // Others of the process's functions of this kind may run inside of it.
    bool nests = false;

    friend bool operator==(const UserFunction&, const UserFunction&) = default;
};

// A file with code that a process has mapped.
struct MappedFile {
    std::string path;
    uint64_t base = 0;  // where its first byte would lie in the process
};

// All that the modules of the process have of malloc and its relatives: a library that stands in
// for libc's is among them. Fails with kFileNotFound where there is no malloc: none is mapped, or
// its symbols were stripped from the program; with kAccessDenied where the process's files may not
// be read.
Result<std::vector<UserFunction>> find_heap_functions(uint32_t pid);
// Where pthread_mutex_lock and its relatives go to sleep. Fails as above.
Result<std::vector<UserFunction>> find_lock_functions(uint32_t pid);
// The same in these files.
Result<std::vector<UserFunction>> find_heap_functions(const std::vector<MappedFile>& modules);
Result<std::vector<UserFunction>> find_lock_functions(const std::vector<MappedFile>& modules);

}  // namespace etw::kernel
