// What the kernel lets this process do, where being root is not all.
#pragma once

namespace etw {

// CAP_* of linux/capability.h, in effect now: root in a container may lack it.
bool has_capability(unsigned capability);

// Whether the kernel was started to keep its memory from root, too (lockdown=confidentiality).
bool is_locked_down();

}  // namespace etw
