#include "kernel/events/tasks.h"

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace etw::kernel {
namespace {

constexpr size_t kMaxCommandLine = 16384;  // bytes that are read of one
constexpr char kIdleName[] = "Idle";       // of thread 0, which /proc does not list

std::string first_line(const std::string& path) {
    std::ifstream in(path);
    std::string out;
    std::getline(in, out);
    return out;
}

std::string command_line_of(uint32_t pid) {
    std::ifstream in(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
    std::string out(kMaxCommandLine, '\0');
    in.read(out.data(), std::streamsize(out.size()));
    out.resize(size_t(in.gcount()));
    while (!out.empty() && out.back() == '\0') out.pop_back();
    std::replace(out.begin(), out.end(), '\0', ' ');
    return out;
}

std::string executable_of(uint32_t pid) {
    std::array<char, 4096> path;
    const ssize_t n =
        ::readlink(fmt::format("/proc/{}/exe", pid).c_str(), path.data(), path.size());
    if (n <= 0) return {};
    std::string out(path.data(), size_t(n));
    constexpr std::string_view kDeleted = " (deleted)";
    if (out.ends_with(kDeleted)) out.resize(out.size() - kDeleted.size());
    return base_name(out);
}

template <class F>
void for_each_number(const std::string& folder, F f) {
    std::error_code error;
    for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
         it.increment(error)) {
        const std::string name = it->path().filename();
        if (name.find_first_not_of("0123456789") == std::string::npos) {
            f(uint32_t(std::strtoul(name.c_str(), nullptr, 10)));
        }
    }
}

}  // namespace

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::optional<Process> look_at(uint32_t pid) {
    std::ifstream status(fmt::format("/proc/{}/status", pid));
    if (!status) return std::nullopt;
    Process out;
    out.pid = pid;
    for (std::string line; std::getline(status, line);) {
        const size_t colon = line.find(':');
        if (colon == std::string::npos) continue;
        const std::string_view key(line.data(), colon);
        const char* value = line.c_str() + colon + 1;
        if (key == "Name") {
            out.image = line.substr(std::min(line.size(), colon + 2));
        } else if (key == "PPid") {
            out.parent = uint32_t(std::strtoul(value, nullptr, 10));
        } else if (key == "Uid") {
            out.uid = uint32_t(std::strtoul(value, nullptr, 10));
            break;
        }
    }
    if (std::string exe = executable_of(pid); !exe.empty()) out.image = std::move(exe);
    out.command_line = command_line_of(pid);
    const pid_t session = ::getsid(pid_t(pid));
    out.session = session < 0 ? 0 : uint32_t(session);
    return out;
}

Process look_at_program(uint32_t pid) {
    Process out;
    out.pid = pid;
    out.command_line = command_line_of(pid);
    struct stat owner {};
    if (::stat(fmt::format("/proc/{}/task", pid).c_str(), &owner) == 0) out.uid = owner.st_uid;
    const pid_t session = ::getsid(pid_t(pid));
    out.session = session < 0 ? 0 : uint32_t(session);
    return out;
}

void Tasks::scan(const std::function<void(uint32_t)>& found) {
    if (find(0) == nullptr) {
        Process idle;
        idle.image = kIdleName;
        add(idle);
    }
    for_each_number("/proc", [&](uint32_t pid) {
        auto process = look_at(pid);
        if (!process) return;
        if (const Process* known = find(pid)) {
            process->key = known->key;
            processes_[pid] = std::move(*process);
        } else {
            add(std::move(*process));
        }
        if (found) found(pid);
        const std::string tasks = fmt::format("/proc/{}/task", pid);
        for_each_number(tasks, [&](uint32_t thread) {
            add_thread({thread, pid, first_line(fmt::format("{}/{}/comm", tasks, thread))});
        });
    });
}

Process* Tasks::find(uint32_t pid) {
    const auto found = processes_.find(pid);
    return found == processes_.end() ? nullptr : &found->second;
}

const Thread* Tasks::find_thread(uint32_t id) const {
    const auto found = threads_.find(id);
    return found == threads_.end() ? nullptr : &found->second;
}

uint32_t Tasks::process_of(uint32_t thread) const {
    const Thread* known = find_thread(thread);
    return known == nullptr ? thread : known->process;
}

Process& Tasks::add(Process process) {
    if (process.key == 0) process.key = ++last_key_;
    if (find_thread(process.pid) == nullptr) add_thread({process.pid, process.pid, process.image});
    return processes_[process.pid] = std::move(process);
}

const Thread& Tasks::add_thread(Thread thread) {
    remove_thread(thread.id);
    threads_of_[thread.process].insert(thread.id);
    return threads_[thread.id] = std::move(thread);
}

const Thread* Tasks::last_ended(uint32_t cpu) const {
    const auto found = last_ended_.find(cpu);
    return found == last_ended_.end() ? nullptr : &found->second;
}

void Tasks::remove_thread(uint32_t id) {
    const auto thread = threads_.find(id);
    if (thread == threads_.end()) return;
    const auto others = threads_of_.find(thread->second.process);
    others->second.erase(id);
    if (others->second.empty()) threads_of_.erase(others);
    threads_.erase(thread);
}

void Tasks::remove(uint32_t pid) {
    processes_.erase(pid);
    const auto threads = threads_of_.extract(pid);
    if (threads.empty()) return;
    for (const uint32_t id : threads.mapped()) threads_.erase(id);
}

std::map<uint32_t, Thread> Tasks::threads() const { return {threads_.begin(), threads_.end()}; }

}  // namespace etw::kernel
