// Tells what processes unmap of files that were mapped to run, for which perf has no event. A
// program of ours looks where the kernel goes through such mappings (uprobe_munmap); what else is
// unmapped does not come by there, so that it costs nothing. Where the kernel lets no programs into
// its functions, as where its code must not be changed, two look where munmap() takes the lock of
// the process's mappings and where it gives it back.
#pragma once
#include "kernel/perf/perf_open.h"

namespace etw::kernel {

// What munmap() takes away, or more. One that fails takes nothing.
struct Unmapping {
    uint64_t from, to;   // addresses
    uint64_t has_files;  // that were mapped to run; 0: not known, as nobody could look
};

// Events with an Unmapping as their data. Fails with kNotSupported, or the code of the kernel's
// refusal, where there is no way.
Result<PerfLane> open_unmappings(uint32_t cpus);
// What they come with.
inline constexpr PerfForm kUnmappingForm{0, false, true};

}  // namespace etw::kernel
