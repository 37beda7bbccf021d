// Where the functions of a C library that lock go to sleep. Libraries keep these places to
// themselves: they are found by what the functions that everybody sees call, and what calls the
// kernel. Places that are come by without a need to wait are none of them, so that a lock that is
// free costs nothing.
//
//   glibc  pthread_mutex_lock and the lock that pthread_cond_wait takes again call one function
//          that returns with the lock, __lll_lock_wait, or with priority inheritance
//          __futex_lock_pi64; robust ones ask the kernel to wait themselves, again and again.
//          Timed mutexes and locks for readers and writers call __futex_abstimed_wait64 until they
//          have it. Whether two waits of a thread are for the same time, is known by what lies
//          between: who has waited for a mutex or its turn to write has to wake others as it
//          unlocks.
//   musl   all call __timedwait until they have it, each time after trylock.
#pragma once
#include "kernel/images/elf_file.h"
#include "kernel/images/user_functions.h"

#include <string_view>
#include <utility>
#include <vector>

namespace etw::kernel {

struct LockPlace {
    uint64_t address = 0;  // of the loaded image
    UserFunctionKind kind = UserFunctionKind::kNone;
    std::vector<std::pair<uint64_t, LockKind>> callers;  // addresses of the loaded image
};

// Whether a symbol of this name is of use.
bool is_looked_at_for_locks(std::string_view name);
// Those that lie at the beginning of instructions of the file; each once. Empty: it has no such
// functions. Nothing in the file is believed.
std::vector<LockPlace> find_lock_places(const ElfFile& file, const std::vector<ElfSymbol>& symbols);

// Code that asks the kernel to wait for a word, and for what it does.
struct WaitCode {
    uint64_t address = 0;  // of the loaded image
    uint64_t size = 0;     // 0: all the code of the file
    FutexOwner owner = FutexOwner::kProgram;
};
// Whether a symbol of this name is of use for that.
bool is_looked_at_for_waits(std::string_view name);
// The first that a place lies in tells. Empty: these are not the symbols of a library that locks.
std::vector<WaitCode> find_wait_code(const ElfFile& file, const std::vector<ElfSymbol>& symbols);

}  // namespace etw::kernel
