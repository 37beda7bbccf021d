#include "base/rights.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <string>

namespace etw {

bool has_capability(unsigned capability) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
    if (::syscall(SYS_capget, &header, sets.data()) != 0) return false;
    return (sets[capability / 32].effective >> (capability % 32) & 1) != 0;
}

bool is_locked_down() {
    std::ifstream in("/sys/kernel/security/lockdown");  // "none integrity [confidentiality]"
    std::string modes;
    return std::getline(in, modes) && modes.find("[confidentiality]") != std::string::npos;
}

}  // namespace etw
