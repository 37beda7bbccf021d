// The programs in the kernel (BPF), ours among them: code that no module has.
#pragma once
#include "base/unique_fd.h"
#include "kernel/events/image_events.h"

namespace etw::kernel {

// Each function of those that are loaded now, by the name that the kernel gives it. Empty without
// the rights, or where programs are not compiled.
std::vector<Image> bpf_images();
// The same of the one that a link has run. Empty, too, for descriptors of other things.
std::vector<Image> bpf_images_of(const UniqueFd& link);

}  // namespace etw::kernel
