#include "host/survival/keeper.h"

#include "base/hidden_fd.h"
#include "base/mapping.h"
#include "base/unix_socket.h"
#include "host/journal.h"
#include "host/survival/hung_worker.h"
#include "host/survival/keeper_link.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace etw::host {
namespace {

using std::chrono::steady_clock;

constexpr size_t kMaxCrashes = 5;
constexpr std::chrono::seconds kCrashWindow{60};  // with the time that core dumps take
constexpr std::chrono::milliseconds kRestartPause{20};
// A worker that was killed while a call of its hangs in a file system, of a log, does not end
// before that answers. Nor does its successor wait for it any longer than this.
constexpr int kEndPatienceMs = 1000;
// How often it is looked for where no log is kept: the file of a request or of a private session
// may hang.
constexpr int kSeldomMs = 5000;

// Ends on a fault of the worker's own, not on a kill from outside (the memory killer's included).
bool is_crash(int status) {
    if (WIFEXITED(status)) return true;
    const int signal = WTERMSIG(status);
    return signal == SIGSEGV || signal == SIGABRT || signal == SIGBUS || signal == SIGILL ||
           signal == SIGFPE || signal == SIGSYS;
}

// Of the keeper, which holds every ring set, and of the worker, which inherits it and to which
// every provider process of the machine may connect.
//
// The others are those of whoever happened to start the host; the logs of all who use it and its
// own time are not his.
void raise_limits() {
    for (const auto resource : {RLIMIT_NOFILE, RLIMIT_FSIZE, RLIMIT_CPU}) {
        rlimit limit{};
        if (::getrlimit(resource, &limit) != 0) continue;
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(resource, &limit);
    }
}

// A descriptor, and memory mapped from it that nobody here looks at.
class Kept {
public:
    Kept(UniqueFd fd, uint64_t mapped) : fd_(hide_from_children(std::move(fd))) {
        if (mapped == 0) return;
        if (auto memory = Mapping::of(fd_, size_t(mapped), "kept: mmap"))
            memory_ = std::move(*memory);
    }

    int fd() const noexcept { return fd_.get(); }
    uint64_t mapped() const noexcept { return memory_.size(); }

private:
    UniqueFd fd_;
    Mapping memory_;
};

class Keeper {
public:
    explicit Keeper(KeeperOptions options)
        : options_(std::move(options)), was_ready_(bool(options_.predecessor)) {}

    int run() {
        if (!open_signals()) return 1;
        if (options_.predecessor) take_over();
        for (;;) {
            if (auto started = start_worker(); !started) {
                journal("cannot start the worker", started.error());
                return 1;
            }
            const int status = serve_until_exit();
            const bool left = WIFEXITED(status) && (WEXITSTATUS(status) == 0 || !was_ready_);
            if (left) return WEXITSTATUS(status);
            if (ending_) return 0;
            forget_old_crashes();
            if (is_crash(status)) crashes_.push_back(steady_clock::now());
            if (crashes_.size() >= kMaxCrashes) {
                journal(fmt::format("giving up: the worker crashed {} times within {} s",
                                    kMaxCrashes, kCrashWindow.count()));
                return 1;
            }
            journal(fmt::format("worker ended by {} {}; starting it again",
                                WIFEXITED(status) ? "status" : "signal",
                                WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status)));
            std::this_thread::sleep_for(kRestartPause);
        }
    }

private:
    bool open_signals() {
        sigset_t set;
        sigemptyset(&set);
        for (const int s : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, s);
        ::sigprocmask(SIG_BLOCK, &set, &worker_mask_);
        // They wait until the worker asks for them: by then it can end its sessions.
        for (const int s : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&worker_mask_, s);
        ::signal(SIGPIPE, SIG_IGN);
        // Who starts a host may not want to know of the children of his own; the worker's end is
        // told to nobody then.
        ::signal(SIGCHLD, SIG_DFL);
        signals_ = UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
        return bool(signals_);
    }

    // Until the end of the connection: only then no thread of that worker is in the logs any more,
    // but for one that hangs in a file system and holds up that end.
    void take_over() {
        const pid_t worker = ::getppid();
        socket_ = std::move(options_.predecessor);
        while (socket_) {
            if (has_message(kEndPatienceMs)) {
                take_one();
            } else if (has_ended(worker)) {
                let_go_of_hung(worker, false);
                socket_.reset();
            }
        }
    }

    Status start_worker() {
        int pair[2];
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
            return Error{code_from_errno(errno), "socketpair", uint64_t(errno)};
        }
        socket_ = UniqueFd(pair[0]);
        const UniqueFd theirs(pair[1]);
        ETW_TRY(worker_, fork_without_hidden(theirs.get(), [&] { exec_worker(theirs.get()); }));
        return hand_over();
    }

    [[noreturn]] void exec_worker(int socket) {
        ::sigprocmask(SIG_SETMASK, &worker_mask_, nullptr);
        ::fcntl(socket, F_SETFD, 0);
        std::vector<std::string> arguments = options_.arguments;
        if (!was_ready_) {
            arguments.insert(arguments.end(), options_.first_arguments.begin(),
                             options_.first_arguments.end());
        }
        arguments.insert(arguments.end(), {"--worker-fd", std::to_string(socket), "--crashes",
                                           std::to_string(crashes_.size())});
        std::vector<char*> argv;
        for (std::string& a : arguments) argv.push_back(a.data());
        argv.push_back(nullptr);
        ::execv(options_.program.c_str(), argv.data());
        ::_exit(127);
    }

    // The worker reads these first; a socket pair holds only so many, so this may wait for it.
    Status hand_over() {
        for (const auto& [name, kept] : kept_) {
            auto sent =
                send_to_peer(socket_.get(), KeeperOp::kStore, name, kept->fd(), kept->mapped());
            if (sent) continue;
            if (sent.error().where == EPIPE || sent.error().where == ECONNRESET) return Ok{};
            return sent;
        }
        auto sent = send_to_peer(socket_.get(), KeeperOp::kEnd, "");
        if (!sent && sent.error().where != EPIPE && sent.error().where != ECONNRESET) return sent;
        return Ok{};
    }

    // Serves the worker's requests; returns its wait status.
    int serve_until_exit() {
        leaving_ = false;
        for (bool looked_dead = false;;) {
            pollfd fds[2] = {{signals_.get(), POLLIN, 0},
                             {socket_ ? socket_.get() : -1, POLLIN, 0}};
            const bool may_hang = keeps_logs() || leaving_ || !socket_;
            const int ready = ::poll(fds, 2, may_hang ? kEndPatienceMs : kSeldomMs);
            if (ready < 0 && errno != EINTR) return 0;
            if (ready == 0 && std::exchange(looked_dead, is_dead())) return give_up_worker();
            if (fds[1].revents != 0) take_one();
            if (fds[0].revents == 0) continue;
            pass_signals_on();
            reap_hanging();
            int status = 0;
            if (::waitpid(worker_, &status, WNOHANG) != worker_) continue;
            // What it still said before it ended counts: it may have been acknowledged.
            while (socket_) take_one();
            return status;
        }
    }

    bool keeps_logs() const {
        return std::any_of(kept_.begin(), kept_.end(),
                           [](const auto& kept) { return kept.first.starts_with("log/"); });
    }

    // The rest of it may hang.
    bool is_dead() const { return !socket_ || has_ended(worker_); }

    // As if it had been reaped.
    int give_up_worker() {
        ::kill(worker_, SIGKILL);
        let_go_of_hung(worker_, leaving_);
        hanging_.push_back(worker_);
        while (socket_ && has_message(0)) take_one();
        return leaving_ ? 0 : SIGKILL;
    }

    void let_go_of_hung(pid_t worker, bool whole_host) const {
        const auto hung = find_hung(worker);
        if (!hung) return;
        journal("going on without " + to_string(*hung));
        end_connections(*hung, options_.folder, whole_host);
    }

    bool has_message(int patience_ms) const {
        pollfd fd{socket_.get(), POLLIN, 0};
        return ::poll(&fd, 1, patience_ms) > 0;
    }

    void reap_hanging() {
        std::erase_if(hanging_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
    }

    void take_one() {
        auto message = receive_from_peer(socket_.get());
        if (!message) {
            socket_.reset();
            return;
        }
        switch (message->op) {
            case KeeperOp::kStore:
                if (message->fd) {
                    kept_[message->name] =
                        std::make_unique<Kept>(std::move(message->fd), message->mapped);
                }
                break;
            case KeeperOp::kRemove:
                kept_.erase(message->name);
                break;
            case KeeperOp::kReady:
                if (options_.on_ready && !was_ready_) options_.on_ready();
                was_ready_ = true;
                break;
            case KeeperOp::kLeaving:
                leaving_ = true;
                break;
            case KeeperOp::kSettle:
                break;  // its descriptor goes with the message
            case KeeperOp::kEnd:
                static_cast<void>(send_to_peer(socket_.get(), KeeperOp::kEnd, ""));
                break;
        }
    }

    void pass_signals_on() {
        signalfd_siginfo info{};
        while (::read(signals_.get(), &info, sizeof(info)) == ssize_t(sizeof(info))) {
            if (info.ssi_signo != SIGTERM && info.ssi_signo != SIGINT) continue;
            ending_ = true;
            ::kill(worker_, SIGTERM);
        }
    }

    void forget_old_crashes() {
        const auto now = steady_clock::now();
        while (!crashes_.empty() && now - crashes_.front() > kCrashWindow) crashes_.pop_front();
    }

    KeeperOptions options_;
    UniqueFd signals_;
    sigset_t worker_mask_{};
    UniqueFd socket_;
    pid_t worker_ = -1;
    std::map<std::string, std::unique_ptr<Kept>> kept_;
    std::deque<steady_clock::time_point> crashes_;
    std::vector<pid_t> hanging_;  // former workers
    bool was_ready_;
    bool leaving_ = false;
    bool ending_ = false;
};

}  // namespace

int run_keeper(KeeperOptions options) {
    raise_limits();
    return Keeper(std::move(options)).run();
}

}  // namespace etw::host
