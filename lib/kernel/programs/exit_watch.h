// Tells what processes end with, which no tracepoint does: a program of ours at the tracepoint of
// their end looks.
#pragma once
#include "kernel/programs/bpf_probe.h"

namespace etw::kernel {

// Puts out an ExitRecord for each process that ends, before any tracepoint that is enabled later
// is recorded. Fails with kNotSupported where the kernel cannot.
Result<BpfProbe> watch_exits(uint32_t cpus, const CounterSource& counter);

struct ExitRecord {
    uint32_t process;
    uint32_t status;  // as wait() has it
};

// As shells have it: the code that it exited with, or 128 and the signal that killed it.
int32_t exit_status(uint32_t wait_status) noexcept;

}  // namespace etw::kernel
