#include "kernel/perf/processors.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

namespace etw::kernel {

bool runs(uint32_t cpu) {
    std::ifstream in("/sys/devices/system/cpu/online");  // "0-3,6"
    if (!in) return true;
    for (std::string range; std::getline(in, range, ',');) {
        unsigned first = 0, last = 0;
        const int numbers = std::sscanf(range.c_str(), "%u-%u", &first, &last);
        if (numbers == 1) last = first;
        if (numbers >= 1 && first <= cpu && cpu <= last) return true;
    }
    return false;
}

ProcessorWatch::ProcessorWatch()
    : told_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT)) {
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = 1;  // what the kernel tells, not what udev makes of it
    if (::bind(told_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        told_.reset();
    }
}

bool ProcessorWatch::take_begun() const {
    constexpr std::string_view kBegun = "online@/devices/system/cpu/cpu";
    bool begun = false;
    std::array<char, 4096> text;
    while (true) {
        const ssize_t n = ::recv(told_.get(), text.data(), text.size(), 0);
        if (n < 0 && errno == ENOBUFS) begun = true;  // more than there was room for
        if (n < 0 && errno != ENOBUFS && errno != EINTR) return begun;
        if (n > 0 && std::string_view(text.data(), size_t(n)).starts_with(kBegun)) begun = true;
    }
}

}  // namespace etw::kernel
