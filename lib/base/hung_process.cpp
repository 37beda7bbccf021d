#include "base/hung_process.h"

#include "base/unique_fd.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <vector>

namespace etw {
namespace {

namespace fs = std::filesystem;

// Of a descriptor's link: asks no file system.
std::string target_of(const std::string& link) {
    std::array<char, 4096> target;
    const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
    return size <= 0 ? std::string() : std::string(target.data(), size_t(size));
}

// What proc(5) says of a process or a thread.
struct Stat {
    std::string name;
    char state = 'X';
    unsigned flags = 0;

    bool is_gone() const { return state == 'Z' || state == 'X'; }
    bool is_ending() const {
        constexpr unsigned kExiting = 4;  // PF_EXITING of the kernel
        return is_gone() || (flags & kExiting) != 0;
    }
};

Stat stat_in(const std::string& folder) {
    std::ifstream in(folder + "/stat");
    std::string line;
    Stat out;
    if (!std::getline(in, line, '\0')) return out;
    const size_t name = line.find('(');
    const size_t name_end = line.rfind(')');  // the name may hold anything
    if (name == std::string::npos || name_end == std::string::npos) return out;
    out.name = line.substr(name + 1, name_end - name - 1);
    if (std::sscanf(line.c_str() + name_end + 1, " %c %*d %*d %*d %*d %*d %u", &out.state,
                    &out.flags) != 2) {
        out.state = 'X';
    }
    return out;
}

std::vector<pid_t> numbers_in(const std::string& folder) {
    std::vector<pid_t> found;
    std::error_code gone;
    for (fs::directory_iterator at(folder, gone), end; !gone && at != end; at.increment(gone)) {
        const std::string name = at->path().filename();
        pid_t number = 0;
        const auto [last, error] = std::from_chars(name.data(), name.data() + name.size(), number);
        if (error == std::errc() && last == name.data() + name.size()) found.push_back(number);
    }
    return found;
}

std::string thread_folder(pid_t pid, pid_t thread) {
    return fmt::format("/proc/{}/task/{}", pid, thread);
}

// `task`: folder of a process or of a thread.
bool has_open(const std::string& task, const std::string& file) {
    for (const pid_t fd : numbers_in(task + "/fd")) {
        if (target_of(fmt::format("{}/fd/{}", task, fd)) == file) return true;
    }
    return false;
}

// Of the descriptor that the call is about.
std::string file_of_call(const std::string& thread) {
    std::ifstream in(thread + "/syscall");
    std::string line;
    int number = 0;
    unsigned long long fd = 0;
    if (!std::getline(in, line) || std::sscanf(line.c_str(), "%d %llx", &number, &fd) != 2)
        return {};
    const std::string file = target_of(fmt::format("{}/fd/{}", thread, fd));
    return file.starts_with('/') ? file : std::string();
}

}  // namespace

bool has_ended(pid_t pid) { return stat_in(fmt::format("/proc/{}", pid)).is_ending(); }

std::optional<HungProcess> find_hung(pid_t pid) {
    if (!has_ended(pid)) return std::nullopt;
    for (const pid_t thread : numbers_in(fmt::format("/proc/{}/task", pid))) {
        const std::string folder = thread_folder(pid, thread);
        if (!stat_in(folder).is_gone()) return HungProcess{pid, thread, file_of_call(folder)};
    }
    return std::nullopt;
}

std::optional<HungProcess> find_hung_holder(const std::string& path) {
    // As the kernel names it, whatever links lead there.
    const UniqueFd fd(::open(path.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) return std::nullopt;
    const std::string file = target_of(fmt::format("/proc/self/fd/{}", fd.get()));
    const auto holds = [&](const HungProcess& process) {
        if (stat_in(fmt::format("/proc/{}", process.pid)).name != kHostProgram) return false;
        const std::string thread = thread_folder(process.pid, process.thread);
        return has_open(thread, file) ||
               (stat_in(thread).is_ending() && numbers_in(thread + "/fd").empty());
    };
    std::optional<HungProcess> found;
    const std::vector<pid_t> all = numbers_in("/proc");
    for (size_t i = 0; i < all.size() && !found; ++i) {
        found = find_hung(all[i]);
        if (found && !holds(*found)) found.reset();
    }
    if (!found) return std::nullopt;
    const pid_t self = ::getpid();
    for (const pid_t pid : all) {
        if (pid != self && has_open(fmt::format("/proc/{}", pid), file)) return std::nullopt;
    }
    return found;
}

std::string to_string(const HungProcess& process) {
    return fmt::format("process {}, which was killed and hangs in {}", process.pid,
                       process.file.empty() ? "a file system" : process.file);
}

}  // namespace etw
