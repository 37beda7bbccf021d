// What the kernel tells of system calls on files: programs of ours at its two tracepoints of system
// calls. They look where the kernel itself looks, from the descriptor to the open file, its inode
// and, up the tree of folders, its path; so that names are right whoever has opened the file, from
// whatever folder, and however soon the process is gone.
#pragma once
#include "kernel/events/file_calls.h"
#include "kernel/programs/bpf_probe.h"

namespace etw::kernel {

// Attaches them. With `names_only`, files that are opened are named and nothing else is told. Calls
// of the host itself are left out. `with_stacks`: of the threads that call. Fails with
// kNotSupported where the kernel cannot.
Result<BpfProbe> watch_files(uint32_t cpus, const CounterSource& counter, bool names_only,
                             bool with_stacks);
// What a predecessor had held. It leaves out our calls from now on, and names files again, whose
// keys that one knew.
Result<BpfProbe> adopt_files(Holder& holder, const std::string& what, uint32_t cpus,
                             const CounterSource& counter, bool with_stacks);

}  // namespace etw::kernel
