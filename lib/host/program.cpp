#include "host/program.h"

#include "base/unix_socket.h"
#include "host/host.h"
#include "host/journal.h"
#include "host/runtime_folder.h"
#include "host/survival/hung_worker.h"
#include "host/survival/keeper.h"
#include "wire/provider_protocol.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

namespace etw::host {
namespace {

void say_ready(int fd) {
    if (fd < 0) return;
    const char byte = 1;
    if (::write(fd, &byte, 1) != 1) journal("cannot tell that the host is ready");
    ::close(fd);
}

int fail(const std::string& what, const Error& error) {
    journal(what, error);
    return 1;
}

// The folder, once no other host has it: one that was killed takes a while to be gone, or hangs in
// a file system until that answers; then this one goes on without it. No descriptor: another one
// listens there, and who started this one can go on.
Result<UniqueFd> take_folder(const RuntimeFolder& folder) {
    using Clock = std::chrono::steady_clock;
    constexpr std::chrono::seconds kEndPatience{1};
    const auto begun = Clock::now();
    for (;;) {
        auto lock = folder.lock();
        if (lock || lock.error().code != Code::kBusy) return lock;
        if (const auto hung = folder.hung_host()) {
            if (Clock::now() - begun >= kEndPatience) {
                journal("going on without " + to_string(*hung));
                end_connections(*hung, folder.path(), true);
                ETW_CHECK(folder.put_lock_out_of_its_way());
            }
        } else if (connect_to(folder.file(wire::kControlSocketName), SOCK_STREAM)) {
            return UniqueFd();
        }
        if (Clock::now() - begun >= std::chrono::seconds(10)) {
            return Error{Code::kBusy, "another host has it but does not answer", 0};
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

// Leaves the caller's terminal and process group. The parent returns once the child says that it
// listens, so that `etwd && tracelog ...` works. Returns the descriptor to say it on.
int detach() {
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0) return -1;
    const pid_t child = ::fork();
    if (child < 0) return -1;
    if (child > 0) {
        ::close(pipe[1]);
        char byte = 0;
        ::_exit(::read(pipe[0], &byte, 1) == 1 ? 0 : 1);
    }
    ::close(pipe[0]);
    ::setsid();
    return pipe[1];
}

void leave_terminal() {
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, fd);
    ::close(null);
    if (::chdir("/") != 0) journal("cannot leave the current folder");
}

std::vector<std::string> keeper_arguments(const ProgramOptions& options) {
    std::vector<std::string> arguments = {options.program, "--runtime-dir", options.folder};
    if (options.foreground) arguments.emplace_back("--foreground");
    return arguments;
}

int run_as_keeper(const ProgramOptions& options) {
    if (options.ready_fd >= 0) ::fcntl(options.ready_fd, F_SETFD, FD_CLOEXEC);
    const auto folder = RuntimeFolder::open(options.folder);
    if (!folder) return fail(options.folder, folder.error());
    int detached_fd = -1;
    if (!options.foreground) {
        detached_fd = detach();
        if (detached_fd < 0) return fail("fork", {code_from_errno(errno), "fork", uint64_t(errno)});
    }
    const auto ready = [&] {
        say_ready(options.ready_fd);
        say_ready(detached_fd);
        if (options.foreground) return;
        set_journal_to_stderr(false);
        leave_terminal();
    };
    auto lock = take_folder(*folder);
    if (!lock) return fail(folder->path(), lock.error());
    if (!*lock) {
        if (!options.boot_folder.empty()) {
            journal("a session host runs here already; it goes on without the boot's sessions");
            return 1;
        }
        say_ready(options.ready_fd);
        say_ready(detached_fd);
        return 0;
    }
    // Inherited by the worker: as long as one of the two lives, no second host takes the folder.
    ::fcntl(lock->get(), F_SETFD, 0);
    KeeperOptions keeper;
    keeper.folder = options.folder;
    keeper.arguments = keeper_arguments(options);
    if (!options.boot_folder.empty())
        keeper.first_arguments = {"--boot", "--config-dir", options.boot_folder};
    keeper.on_ready = ready;
    const int status = run_keeper(std::move(keeper));
    ::flock(lock->get(), LOCK_UN);  // also of a worker that hangs in a file system as it ends
    return status;
}

// The worker of a keeper that died has started this process; its lock came along.
int run_as_next_keeper(const ProgramOptions& options) {
    if (!options.foreground) set_journal_to_stderr(false);
    ::fcntl(options.kept_fd, F_SETFD, FD_CLOEXEC);
    KeeperOptions keeper;
    keeper.folder = options.folder;
    keeper.arguments = keeper_arguments(options);
    keeper.predecessor = UniqueFd(options.kept_fd);
    return run_keeper(std::move(keeper));
}

int run_as_worker(const ProgramOptions& options) {
    // Until it listens, whoever started the host sees what is wrong on his terminal.
    WorkerOptions worker;
    worker.folder = options.folder;
    worker.keeper = UniqueFd(options.worker_fd);
    worker.keeper_arguments = keeper_arguments(options);
    worker.crashes = options.crashes;
    worker.boot_folder = options.boot_folder;
    ::fcntl(options.worker_fd, F_SETFD, FD_CLOEXEC);
    if (options.foreground) worker.idle_exit = std::chrono::seconds(0);
    worker.on_ready = [foreground = options.foreground] {
        if (foreground) return;
        set_journal_to_stderr(false);
        leave_terminal();
    };
    return run_worker(std::move(worker));
}

}  // namespace

int run_program(const ProgramOptions& options) {
    ::prctl(PR_SET_NAME, kHostProgram);  // executed as /proc/self/exe it would be called "exe"
    if (options.worker_fd >= 0) return run_as_worker(options);
    return options.kept_fd >= 0 ? run_as_next_keeper(options) : run_as_keeper(options);
}

}  // namespace etw::host
