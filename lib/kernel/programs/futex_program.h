// Where processes wait for words (futexes) that are locks of their own making, or of libraries
// whose places are not known: programs of ours where system calls begin and end look who waits, and
// from where. Waits that user_program.h tells of are left out.
#pragma once
#include "kernel/images/user_functions.h"
#include "kernel/programs/bpf_probe.h"

#include <vector>

namespace etw::kernel {

// Whether the kernel can tell them: kNotSupported.
Status check_futexes();

struct FutexWaits {
    uint32_t pid = 0;
    std::vector<FutexCode> code;
};
// Adds to what watch_calls() has made: its waits are told as calls of kWaitForFutex. Of a program
// that a process turns to later nothing is told.
Status watch_futexes(BpfProbe& probe, const std::vector<FutexWaits>& processes);

}  // namespace etw::kernel
