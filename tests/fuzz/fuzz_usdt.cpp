// Any bytes as a program with probes, and as the text that says where the arguments of one stand:
// what comes out is what the kernel's parser of uprobes takes, and nothing that would end a line or
// begin another argument than those named.
#include "kernel/images/usdt.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace {

using namespace etw::kernel;

void check(std::string_view fetched) {
    size_t count = 0;
    while (!fetched.empty()) {
        const size_t end = std::min(fetched.find(' '), fetched.size());
        const std::string_view one = fetched.substr(0, end);
        fetched.remove_prefix(std::min(end + 1, fetched.size()));
        if (!one.starts_with("arg") || one.find('=') == std::string_view::npos) std::abort();
        for (const char c : one) {
            const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
            if (!plain && std::string_view("=:%+-()\\").find(c) == std::string_view::npos) {
                std::abort();
            }
        }
        if (++count > 12) std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check(fetch_arguments(text, Machine::kX86_64));
    check(fetch_arguments(text, Machine::kAarch64));
    static const int fd = ::memfd_create("usdt", MFD_CLOEXEC);
    if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, data, size, 0) != ssize_t(size)) return 0;
    const auto probes = read_usdt_probes("/proc/self/fd/" + std::to_string(fd));
    if (!probes) return 0;
    for (const UsdtProbe& probe : *probes) {
        check(fetch_arguments(probe.arguments, Machine::kX86_64));
    }
    return 0;
}
