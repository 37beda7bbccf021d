#include "backend_linux/host_launcher.h"

#include "backend_linux/control_channel.h"
#include "base/hung_process.h"
#include "wire/provider_protocol.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace etw::backend_linux {
namespace {

using session::Failure;
using session::Outcome;
using Clock = std::chrono::steady_clock;

constexpr char kProgram[] = "etwd";
constexpr char kLogName[] = "etwd.log";

Failure cannot_start(const std::string& why) {
    return {Code::kServiceNotAvailable, "the session host cannot be started: " + why};
}

bool is_program(const std::string& path) {
    struct stat st {};
    return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) &&
           ::access(path.c_str(), X_OK) == 0;
}

// The folder as the host wants it: ours, and nobody else may put a socket in it.
Outcome<Ok> make_folder(const std::string& path) {
    if (::mkdir(path.c_str(), ::geteuid() == 0 ? 0755 : 0700) != 0 && errno != EEXIST) {
        return cannot_start(fmt::format("cannot make '{}': {}", path, std::strerror(errno)));
    }
    struct stat st {};
    if (::lstat(path.c_str(), &st) != 0 || !S_ISDIR(st.st_mode))
        return cannot_start(fmt::format("'{}' is not a folder", path));
    if (st.st_uid != ::geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return cannot_start(
            fmt::format("'{}' must belong to you and be writable by nobody else", path));
    }
    return Ok{};
}

int milliseconds_until(Clock::time_point end) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    return int(std::max<int64_t>(0, left.count()));
}

// Only one tool at a time may be starting a host. The wait is short: the holder has a deadline too.
Outcome<UniqueFd> starting_lock(const std::string& folder, Clock::time_point end) {
    const std::string path = folder + "/starting";
    UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock) return cannot_start(fmt::format("cannot make '{}': {}", path, std::strerror(errno)));
    while (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return cannot_start(fmt::format("cannot lock '{}': {}", path, std::strerror(errno)));
        if (Clock::now() >= end) return cannot_start("another tool has been starting it too long");
        ::poll(nullptr, 0, 5);  // a lock cannot be waited for with a limit
    }
    return lock;
}

// What the child needs, made before the fork: between fork and exec nothing may allocate.
struct Launch {
    std::vector<std::string> words;
    std::vector<char*> argv;
    int ready = -1;  // write end of the readiness pipe
    int log = -1;
    int null = -1;
};

constexpr int kReadyFd = 3;

[[noreturn]] void become_host(const Launch& launch) {
    ::setsid();
    if (::fork() != 0) ::_exit(0);  // no session leader: it can never get a terminal
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    // Away from 0..3 first, or one dup2 could close what the next needs.
    const int ready = ::fcntl(launch.ready, F_DUPFD, kReadyFd + 1);
    const int log = ::fcntl(launch.log, F_DUPFD, kReadyFd + 1);
    const int null = ::fcntl(launch.null, F_DUPFD, kReadyFd + 1);
    ::dup2(null, STDIN_FILENO);
    ::dup2(null, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::dup2(ready, kReadyFd);
    ::close_range(kReadyFd + 1, ~0u, 0);
    if (::chdir("/") == 0) ::execv(launch.argv[0], launch.argv.data());
    ::_exit(127);
}

Outcome<UniqueFd> launch_host(const std::string& program, const std::string& folder) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return cannot_start(std::strerror(errno));
    UniqueFd readable(ends[0]);
    const UniqueFd writable(ends[1]);
    const std::string log_path = folder + "/" + kLogName;
    const UniqueFd log(
        ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!log || !null)
        return cannot_start(fmt::format("cannot open '{}': {}", log_path, std::strerror(errno)));
    Launch launch;
    launch.words = {program, "--runtime-dir", folder, "--ready-fd", std::to_string(kReadyFd)};
    for (std::string& word : launch.words) launch.argv.push_back(word.data());
    launch.argv.push_back(nullptr);
    launch.ready = writable.get(), launch.log = log.get(), launch.null = null.get();
    const pid_t child = ::fork();
    if (child < 0) return cannot_start(std::strerror(errno));
    if (child == 0) become_host(launch);
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
    return readable;
}

// A byte: the host listens. The end without one: it gave up, or another host was there first.
bool await_ready(int fd, Clock::time_point end) {
    pollfd waiting{fd, POLLIN, 0};
    while (::poll(&waiting, 1, milliseconds_until(end)) < 0 && errno == EINTR) {
    }
    char byte = 0;
    return (waiting.revents & POLLIN) != 0 && ::read(fd, &byte, 1) == 1;
}

// With the socket that the next one is to make.
bool host_hangs(const std::string& folder) {
    return find_hung_holder(folder + "/" + wire::kHostLockName).has_value();
}

// Whether a host has the folder, though it may not listen (again) yet.
bool host_has(const std::string& folder) {
    const std::string path = folder + "/" + wire::kHostLockName;
    const UniqueFd lock(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    return lock && ::flock(lock.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace

std::string find_host_program() {
    std::error_code ignored;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
    if (const std::string beside = self.parent_path() / kProgram; is_program(beside)) return beside;
    const char* path = ::secure_getenv("PATH");
    std::string_view rest = path ? path : "";
    while (!rest.empty()) {
        const size_t colon = std::min(rest.find(':'), rest.size());
        const std::string_view folder = rest.substr(0, colon);
        rest.remove_prefix(std::min(colon + 1, rest.size()));
        // Entries that are no absolute path would mean the current folder.
        const std::string candidate = fmt::format("{}/{}", folder, kProgram);
        if (folder.starts_with('/') && is_program(candidate)) return candidate;
    }
    const std::string installed = std::string(ETW_LIBEXECDIR) + "/" + kProgram;
    return is_program(installed) ? installed : "";
}

Outcome<Ok> HostLauncher::start() const {
    if (program.empty()) {
        return cannot_start("no etwd beside this tool, on PATH or in " ETW_LIBEXECDIR);
    }
    const auto end = Clock::now() + patience;
    ETW_CHECK(make_folder(folder));
    ETW_TRY(const UniqueFd lock, starting_lock(folder, end));
    // Whoever held the lock before us may have started it.
    if (!host_hangs(folder) && ControlChannel::connect(folder)) return Ok{};
    ETW_TRY(const UniqueFd ready, launch_host(program, folder));
    if (await_ready(ready.get(), end)) return Ok{};
    // Ours made way for another one, which may be just taking up the sessions of its predecessor.
    do {
        if (ControlChannel::connect(folder)) return Ok{};
        ::poll(nullptr, 0, 5);
    } while (host_has(folder) && Clock::now() < end);
    return cannot_start(fmt::format("{} did not come up; see {}/{}", program, folder, kLogName));
}

}  // namespace etw::backend_linux
