// Where faults on mapped files are told. The kernel has a tracepoint for them since 6.11,
// filemap:mm_filemap_fault; before, a probe of ours at the function that it stands in tells the
// same.
#pragma once
#include "kernel/tracefs/probe_group.h"

namespace etw::kernel {

constexpr char kFileFaultSystem[] = "filemap";
constexpr char kFileFaultEvent[] = "mm_filemap_fault";

// With the field of the tracepoint that converters look at, i_ino. Fails with kNotSupported where
// the kernel has no type information.
Result<Probe> file_fault_probe();

}  // namespace etw::kernel
