// How far the recording of a session's kernel events has come, in memory that outlives the host and
// its keeper, too: what was taken from the kernel and has not come to the session's stream can be
// counted as lost by the next host. One writer; begins as zeros.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace etw::kernel {

// A page fault that may have to wait for a disk, which is to be seen by what its thread does next.
struct OpenFault {
    uint64_t thread;  // 0: none
    uint64_t address;
    uint64_t inode;  // 0: of no file so far
    uint64_t time;   // counter
};
inline constexpr size_t kOpenFaults = 64;

struct Progress {
    uint64_t under_way;  // events that were read and have not been handed out
    // Events lost of the session's instances, as told to the sink.
    uint64_t told_lost[2];
    // Events of each that came out of it. What the kernel has handed over beyond these went with
    // the call that took it.
    uint64_t taken[2];
    uint64_t switches;       // of the machine, as it counts them, at an instant; 0: not known
    uint64_t told_switches;  // that were handed out since
    // The sink's own: records that it was given, and how many of them there were when it was last
    // known that some are safe.
    uint64_t appended;
    uint64_t committed;
    OpenFault faults[kOpenFaults];  // by the lowest bits of the thread's number: of two, the later
};

// In the order of the program, for who looks at it after a kill.
inline void set(uint64_t& word, uint64_t value) noexcept {
    std::atomic_ref(word).store(value, std::memory_order_release);
}

}  // namespace etw::kernel
