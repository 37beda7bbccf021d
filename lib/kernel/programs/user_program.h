// What the kernel tells of calls of a program's functions: programs of ours at uprobes, which
// remember what a function was called with and put out one record when it has returned. The kernel
// has breakpoints in the memory of the processes that are named alone, and takes them out with the
// descriptors.
#pragma once
#include "kernel/images/user_functions.h"
#include "kernel/programs/bpf_probe.h"

#include <vector>

namespace etw::kernel {

constexpr size_t kMaxUserFrames = 127;  // kernel.perf_event_max_stack, unless somebody raised it
constexpr size_t kCopyWords = 128;
constexpr size_t kLeastCopyWords = 16;      // where the stack has no more
constexpr uint32_t kMaxUserThreads = 8192;  // that are inside of a call at a time

// The beginning of glibc's pthread_mutex_t. Other locks have other things in its place: glibc's for
// readers and writers `readers` first and at last `writer`; musl's mutex its type and then the
// lock, with its owner if it is no plain one; musl's other locks the lock first.
struct MutexWords {
    uint32_t lock;
    uint32_t count;
    uint32_t owner;  // a thread, as its own pid namespace has it
    uint32_t users;
    uint32_t type;
    uint16_t spins;
    uint16_t reserved;
    uint32_t writer;
    uint32_t unused;
};
constexpr int kMutexBytes = int(offsetof(MutexWords, unused));
constexpr int kMuslMutexAt = 4;  // the lock, of musl's mutex

// A thread's call, while it is under way and as it is told.
struct UserCall {
    UserFunctionKind kind;
    uint8_t is_under_way;
    LockKind lock_kind;   // of what is of locks
    uint8_t is_for_same;  // wait as the one before, which did not get the lock
    uint8_t may_go_on;    // the next wait may be for the same
    uint8_t hands_over;   // who is woken has the lock
    uint8_t reserved[2];
    uint64_t task;       // the kernel's structure of the thread
    uint64_t stack_top;  // as the function began
    uint64_t address;    // what it is to free, to replace, to fill in or to lock; 0: nothing
    uint64_t size;       // bytes asked for
    uint64_t result;     // the address that it has returned or filled in; of a wait an errno or 0
    uint64_t begun_ns;
    uint64_t duration_ns;
    uint64_t frame_pointer;
    // Of kFree and what waits for locks, as the function began; of kWaitForFutex where the thread
    // is.
    uint64_t return_address;
    MutexWords mutex;                // as the first wait for it began
    uint64_t copy_size;              // bytes of `copy`
    uint64_t stack_size;             // bytes of what follows
    uint64_t stack[kMaxUserFrames];  // innermost first; from the caller on, but of kFree from the
                                     // function itself
    // Of what waits for locks, as it began: what is on top of the stack. On x86-64 the first word
    // is the return address, but not of kWaitBegins and kWaitForFutex.
    uint64_t copy[kCopyWords];
};
static_assert(sizeof(UserCall) % 8 == 0);

struct UserFunctions {
    uint32_t pid = 0;
    std::vector<UserFunction> functions;
};
constexpr char kCallsMap[] = "calls";  // of the UserCall that each thread is in, by its number
// Attaches them in each process; one that has ended meanwhile is left out. Fails with kNotSupported
// where the kernel has no uprobes, kAccessDenied without the rights.
Result<BpfProbe> watch_calls(uint32_t cpus, const CounterSource& counter,
                             const std::vector<UserFunctions>& processes);

}  // namespace etw::kernel
