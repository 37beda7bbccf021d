#include "host/process.h"

#include <fmt/format.h>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>

namespace etw::host {
namespace {

#ifndef SYS_pidfd_open
constexpr long SYS_pidfd_open = 434;
#endif

}  // namespace

std::optional<ProcessKey> find_process(uint32_t pid) {
    std::ifstream in(fmt::format("/proc/{}/stat", pid));
    std::string line;
    if (!std::getline(in, line, '\0')) return std::nullopt;
    // pid (name) state ppid ...: the name may hold anything, parentheses too.
    const size_t name_end = line.rfind(')');
    if (name_end == std::string::npos) return std::nullopt;
    std::istringstream rest(line.substr(name_end + 1));
    std::string state;
    rest >> state;
    if (state == "Z" || state == "X") return std::nullopt;
    constexpr int kFieldsToStart = 18;  // from the parent's number on; see proc(5)
    std::string skipped;
    for (int i = 0; i < kFieldsToStart; ++i) rest >> skipped;
    ProcessKey key{pid, 0, 0};
    if (!(rest >> key.start)) return std::nullopt;
    return key;
}

std::string executable_of(uint32_t pid) {
    std::array<char, 4096> target;
    const ssize_t size =
        ::readlink(fmt::format("/proc/{}/exe", pid).c_str(), target.data(), target.size());
    if (size <= 0) return {};
    std::string path(target.data(), size_t(size));
    // What the kernel adds when the file has been replaced or removed meanwhile.
    constexpr std::string_view kDeleted = " (deleted)";
    if (path.ends_with(kDeleted)) path.resize(path.size() - kDeleted.size());
    return path.substr(path.rfind('/') + 1);
}

Result<UniqueFd> watch_process(const ProcessKey& process) {
    UniqueFd fd(int(::syscall(SYS_pidfd_open, process.pid, 0)));
    if (!fd && errno != ESRCH) {
        return Error{code_from_errno(errno), "pidfd_open", uint64_t(errno)};
    }
    // The descriptor names one process for good; whether it is this one is asked after it is had.
    if (!fd || find_process(process.pid) != process) {
        return Error{Code::kFileNotFound, "the process has ended", process.pid};
    }
    return fd;
}

}  // namespace etw::host
