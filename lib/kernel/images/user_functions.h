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
    // Those of locks, in the order in which they are to be looked at, so that no wait is taken to
    // be for the same as the one before. First, what nobody comes to before a lock that was waited
    // for has been taken.
    kWaitIsOver,
    kLockIsTried,  // the same, with the result of trylock: not if it is EBUSY
    // Places within functions: the kernel has been asked to wait (futex), and is about to be. What
    // is told is of the latter's kind.
    kWaitEnds,
    kWaitBegins,
    kWaitForLock,  // 0: the lock. One call for each time that it is waited for
    kWaitForWord,  // 0: a word of the lock, 1: what it holds; of the callers that are listed
    // No functions: told of a wait that is for the same as the one before, and of one for a word
    // that the kernel alone knows of.
    kWaitGoesOn,
    kWaitForFutex,
};
constexpr bool is_of_locks(UserFunctionKind kind) { return kind >= UserFunctionKind::kWaitIsOver; }

// Whose lock a word is of: where it is in the lock, and what else is. The last are the lock itself;
// of kInheritingWord it is the owner, which the kernel lends the priority of who waits.
enum class LockKind : uint8_t {
    kMutex = 1,
    kRwlock,
    kMuslMutex,
    kMuslRwlock,
    kWord,
    kInheritingWord
};
struct LockCaller {
    uint64_t address = 0;  // that the function returns to, in the process
    LockKind kind = LockKind::kMutex;

    friend bool operator==(const LockCaller&, const LockCaller&) = default;
};

struct UserFunction {
    std::string path;     // of the file, good as long as the process has it mapped
    uint64_t offset = 0;  // in the file
    uint64_t base = 0;    // where the file's first byte would lie in the process
    UserFunctionKind kind = UserFunctionKind::kNone;
    // Others of the process's functions of this kind may run inside of it.
    bool nests = false;
    std::vector<LockCaller> callers;  // of kWaitForWord

    friend bool operator==(const UserFunction&, const UserFunction&) = default;
};

// What it means when code asks the kernel to wait for a word (futex), where no function of those
// above is under way.
enum class FutexOwner : uint8_t {
    kProgram = 0,  // the program waits for a lock of its own; so does all code that is not listed
    kMutex,        // glibc waits for one of the rarer mutexes
    kGlibc,        // it waits for something else, but with priority inheritance for a mutex
    kMusl,         // likewise
};
struct FutexCode {
    uint64_t from = 0;  // in the process
    uint64_t to = 0;
    FutexOwner owner = FutexOwner::kProgram;

    friend bool operator==(const FutexCode&, const FutexCode&) = default;
};

// A file with code that a process has mapped.
struct MappedFile {
    std::string path;
    uint64_t base = 0;  // where its first byte would lie in the process
    uint64_t from = 0;  // its code, in the process
    uint64_t to = 0;
};
// Each file once. Fails where the process has ended or is another user's.
Result<std::vector<MappedFile>> files_with_code(uint32_t pid);

// All that the modules of the process have of malloc and its relatives: a library that stands in
// for libc's is among them. Fails with kFileNotFound where there is no malloc: none is mapped, or
// its symbols were stripped from the program; with kAccessDenied where the process's files may not
// be read.
Result<std::vector<UserFunction>> find_heap_functions(uint32_t pid);
// Where the functions of pthreads that lock go to sleep; see lock_functions.h. Fails as above.
Result<std::vector<UserFunction>> find_lock_functions(uint32_t pid);
// The same in these files.
Result<std::vector<UserFunction>> find_heap_functions(const std::vector<MappedFile>& modules);
Result<std::vector<UserFunction>> find_lock_functions(const std::vector<MappedFile>& modules);
// What of their code waits for other things than the program's locks; the first that a place lies
// in tells. Empty: nothing is known of any.
std::vector<FutexCode> find_futex_code(const std::vector<MappedFile>& modules);

}  // namespace etw::kernel
