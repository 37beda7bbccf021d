#include "host/survival/keeper_link.h"

#include "base/hidden_fd.h"
#include "base/unix_socket.h"
#include "host/journal.h"
#include "host/survival/envelope.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace etw::host {
namespace {

constexpr std::chrono::milliseconds kPatience{10000};

}  // namespace

Status send_to_peer(int socket, KeeperOp op, std::string_view name, int fd, uint64_t mapped) {
    KeeperPacket packet{};
    packet.op = op;
    packet.mapped = mapped;
    ETW_ASSERT(name.size() < sizeof(packet.name));
    std::copy(name.begin(), name.end(), packet.name);
    const std::span<const int> fds(&fd, fd >= 0 ? 1 : 0);
    ETW_TRY(const size_t sent, send(socket, std::as_bytes(std::span(&packet, 1)), fds));
    if (sent != sizeof(packet)) return Error{Code::kInvalidData, "keeper: short send", sent};
    return Ok{};
}

Result<KeeperMessage> receive_from_peer(int socket) {
    KeeperPacket packet{};
    std::vector<UniqueFd> fds;
    ETW_TRY(const auto got, receive(socket, std::as_writable_bytes(std::span(&packet, 1)), fds));
    if (got.size == 0) return Error{Code::kNoMoreItems, "keeper: closed", 0};
    if (got.size != sizeof(packet) || got.truncated || packet.name[sizeof(packet.name) - 1] != 0) {
        return Error{Code::kInvalidData, "keeper: packet", got.size};
    }
    KeeperMessage message{packet.op, packet.name, {}, packet.mapped};
    if (!fds.empty()) message.fd = std::move(fds.front());
    return message;
}

Result<KeptDescriptors> KeeperLink::fetch() {
    KeptDescriptors kept;
    while (socket_) {
        ETW_TRY(auto message, receive_from_peer(socket_.get()));
        if (message.op == KeeperOp::kEnd) break;
        if (message.op == KeeperOp::kStore && message.fd) {
            remember(message.name, message.fd, message.mapped);
            kept[message.name] = std::move(message.fd);
        }
    }
    return kept;
}

void KeeperLink::tell(KeeperOp op, const std::string& name, int fd, uint64_t mapped) const {
    if (!socket_) return;
    if (auto sent = send_to_peer(socket_.get(), op, name, fd, mapped); !sent) {
        journal("cannot reach the keeper", sent.error());
    }
}

void KeeperLink::remember(const std::string& name, const UniqueFd& fd, uint64_t mapped) const {
    if (!socket_) return;
    UniqueFd copy = hide_from_children(UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)));
    const std::lock_guard lock(mutex_);
    copies_[name] = {std::move(copy), mapped};
}

void KeeperLink::store(const std::string& name, const UniqueFd& fd, uint64_t mapped) const {
    remember(name, fd, mapped);
    tell(KeeperOp::kStore, name, fd.get(), mapped);
}

void KeeperLink::store_file(const std::string& name, const UniqueFd& file) const {
    if (!socket_) return;
    const auto envelope = into_envelope(file);
    if (!envelope) return journal("a log is not kept", envelope.error());
    store(name, *envelope);
}

void KeeperLink::remove(const std::string& name) const {
    {
        const std::lock_guard lock(mutex_);
        copies_.erase(name);
    }
    tell(KeeperOp::kRemove, name, -1);
}

void KeeperLink::remove_all(const std::string& beginning) const {
    std::vector<std::string> names;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [name, copy] : copies_) {
            if (name.starts_with(beginning)) names.push_back(name);
        }
    }
    for (const std::string& name : names) remove(name);
}

void KeeperLink::ready() const { tell(KeeperOp::kReady, "", -1); }

void KeeperLink::leaving() const { tell(KeeperOp::kLeaving, "", -1); }

// The other end of a pipe has no writer when the keeper comes to it, or is gone itself.
void KeeperLink::settle() const {
    int pipe[2];
    if (!socket_ || ::pipe2(pipe, O_CLOEXEC) != 0) return;
    const UniqueFd ours(pipe[0]);
    UniqueFd theirs(pipe[1]);
    tell(KeeperOp::kSettle, "", theirs.get());
    theirs.reset();
    pollfd end{ours.get(), 0, 0};
    static_cast<void>(::poll(&end, 1, int(kPatience.count())));
}

Status KeeperLink::start_another(std::vector<std::string> arguments) const {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return Error{code_from_errno(errno), "keeper: socketpair", uint64_t(errno)};
    }
    UniqueFd ours(pair[0]);
    UniqueFd theirs(pair[1]);
    arguments.insert(arguments.end(), {"--kept-fd", std::to_string(theirs.get())});
    std::vector<char*> argv;
    for (std::string& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);
    ETW_TRY(const pid_t child, fork_without_hidden(theirs.get(), [&] {
                ::fcntl(theirs.get(), F_SETFD, 0);
                ::execv("/proc/self/exe", argv.data());
                ::_exit(127);
            }));
    theirs.reset();  // or its end would not be seen
    const Status handed_over = hand_over(ours.get());
    if (!handed_over) {
        // To the end of this connection it would answer with a second worker.
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        return handed_over;
    }
    (void)ours.release();  // open until the process has ended
    return Ok{};
}

// Waits until the other has it all: what is mapped here goes with this process.
Status KeeperLink::hand_over(int socket) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, copy] : copies_) {
        ETW_CHECK(send_to_peer(socket, KeeperOp::kStore, name, copy.fd.get(), copy.mapped));
    }
    ETW_CHECK(send_to_peer(socket, KeeperOp::kEnd, ""));
    ETW_TRY(const KeeperMessage answer, receive_from_peer(socket));
    if (answer.op != KeeperOp::kEnd) {
        return Error{Code::kInvalidData, "keeper: answer", uint64_t(answer.op)};
    }
    return Ok{};
}

}  // namespace etw::host
