// The programs in the kernel (BPF), ours among them: code that no module has.
#pragma once
#include "kernel/image_events.h"

namespace etw::kernel {

// Each function of those that are loaded now, by the name that the kernel gives it. Empty without
// the rights, or where programs are not compiled.
std::vector<Image> bpf_images();

}  // namespace etw::kernel
