// etwd: the session host. Owns the ETW sessions of this user, or of the machine when it runs as
// root. Usually nobody starts it by hand: tracelog does when it is needed.
#include "host/host.h"
#include "host/journal.h"
#include "host/keeper.h"
#include "host/runtime_folder.h"
#include "host/socket_io.h"
#include "wire/control_protocol.h"
#include "wire/provider_protocol.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

namespace {

using namespace etw;

struct Options {
    std::string folder = host::default_runtime_folder();
    int ready_fd = -1;
    bool foreground = false;
    int worker_fd = -1;
};

void say_ready(int fd) {
    if (fd < 0) return;
    const char byte = 1;
    if (::write(fd, &byte, 1) != 1) host::journal("cannot tell that the host is ready");
    ::close(fd);
}

int fail(const std::string& what, const Error& error) {
    host::journal(what, error);
    return 1;
}

// Another host has the folder: wait until it listens, so that who started this one can go on.
int wait_for_the_other(const host::RuntimeFolder& folder, int ready_fd) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < until) {
        if (host::connect_to(folder.file(wire::kControlSocketName), SOCK_STREAM)) {
            say_ready(ready_fd);
            return 0;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    host::journal("another host has the folder " + folder.path() + " but does not answer");
    return 1;
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
    if (::chdir("/") != 0) host::journal("cannot leave the current folder");
}

int run_as_keeper(const Options& options, const char* program) {
    if (options.ready_fd >= 0) ::fcntl(options.ready_fd, F_SETFD, FD_CLOEXEC);
    const auto folder = host::RuntimeFolder::open(options.folder);
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
        host::set_journal_to_stderr(false);
        leave_terminal();
    };
    auto lock = folder->lock();
    if (!lock && lock.error().code == Code::kBusy) {
        const int status = wait_for_the_other(*folder, options.ready_fd);
        if (status == 0) say_ready(detached_fd);
        return status;
    }
    if (!lock) return fail(folder->path(), lock.error());
    // Inherited by the worker: as long as one of the two lives, no second host takes the folder.
    ::fcntl(lock->get(), F_SETFD, 0);
    host::KeeperOptions keeper;
    keeper.arguments = {program, "--runtime-dir", folder->path()};
    if (options.foreground) keeper.arguments.emplace_back("--foreground");
    keeper.on_ready = ready;
    return host::run_keeper(keeper);
}

int run_as_worker(const Options& options) {
    // Until it listens, whoever started the host sees what is wrong on his terminal.
    host::WorkerOptions worker;
    worker.folder = options.folder;
    worker.keeper = UniqueFd(options.worker_fd);
    ::fcntl(options.worker_fd, F_SETFD, FD_CLOEXEC);
    if (options.foreground) worker.idle_exit = std::chrono::seconds(0);
    worker.on_ready = [foreground = options.foreground] {
        if (foreground) return;
        host::set_journal_to_stderr(false);
        leave_terminal();
    };
    return host::run_worker(std::move(worker));
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app{"etwd: host of ETW tracing sessions; started by tracelog when it is needed"};
    app.add_option("--runtime-dir", options.folder, "folder of its sockets and saved sessions")
        ->capture_default_str();
    app.add_option("--ready-fd", options.ready_fd, "descriptor to write a byte to once it listens");
    app.add_flag("--foreground", options.foreground,
                 "do not fork, write troubles to stderr, never leave for being idle");
    app.add_option("--worker-fd", options.worker_fd)->group("");  // for the keeper's own use
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    options.folder = std::filesystem::absolute(options.folder);
    return options.worker_fd >= 0 ? run_as_worker(options) : run_as_keeper(options, argv[0]);
}
