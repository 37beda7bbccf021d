#include "host/host.h"

#include "host/boot_start.h"
#include "host/control/control_server.h"
#include "host/elsewhere.h"
#include "host/journal.h"
#include "host/session/new_session.h"
#include "host/session/session_manager.h"
#include "session/codec.h"

#include <grp.h>
#include <malloc.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <optional>
#include <utility>

namespace etw::host {

using session::Outcome;
using wire::ControlOp;

namespace {

constexpr char kControllersGroup[] = "tracing";
// The disk of one session of the boot may hang; the machine is to come up all the same.
constexpr std::chrono::seconds kBootPatience{10};
// For logs to be closed.
constexpr std::chrono::seconds kLastPatience{2};

template <class T>
std::vector<std::byte> encoded(const T& value) {
    ByteWriter out;
    session::encode(out, value);
    return out.take();
}

// The handler's outcome as an answer on the socket.
template <class T>
std::function<void(Outcome<T>)> answer_to(ControlServer::Reply reply) {
    return [reply = std::move(reply)](const Outcome<T>& outcome) {
        if (outcome) return reply(Code::kOk, encoded(*outcome));
        reply(outcome.error().code, encoded(outcome.error()));
    };
}

class Host {
public:
    Host(EventLoop& loop, RuntimeFolder folder, KeeperLink& keeper, const WorkerOptions& options)
        : loop_(loop),
          folder_(std::move(folder)),
          keeper_(keeper),
          options_(options),
          manager_(loop, folder_, keeper_, only_uid()),
          control_(
              loop,
              [this](ControlRequest request, const PeerCredentials& peer,
                     ControlServer::Reply reply) {
                  handle(std::move(request), peer, std::move(reply));
              },
              only_uid()) {}

    Status open() {
        ETW_TRY(auto kept, keeper_.fetch());
        ETW_TRY(control_socket_, socket_for(kept, wire::kControlSocketName, SOCK_STREAM));
        ETW_TRY(provider_socket_, socket_for(kept, wire::kProviderSocketName, SOCK_SEQPACKET));
        ETW_CHECK(set_modes());
        manager_.recover(std::move(kept), options_.crashes);
        ETW_CHECK(watch_signals());
        ETW_CHECK(watch_keeper());
        if (options_.boot_folder.empty()) return serve();
        start_boot_sessions();
        return Ok{};
    }

    int exit_status() const { return exit_status_; }

    // Nobody is to wait for an answer from a socket without a host: who comes now starts another,
    // which waits until this one has gone. A worker that follows this one makes new sockets.
    void close() {
        control_.accept_no_more();
        for (const char* name : {wire::kControlSocketName, wire::kProviderSocketName}) {
            keeper_.remove(name);
            ::unlink(folder_.file(name).c_str());
        }
    }

private:
    static std::optional<uid_t> only_uid() {
        if (::geteuid() == 0) return std::nullopt;
        return ::geteuid();
    }

    // Listening sockets outlive a crash too: who connects meanwhile waits in their queue.
    Result<UniqueFd> socket_for(KeptDescriptors& kept, const char* name, int type) {
        if (auto known = kept.extract(name); !known.empty()) return std::move(known.mapped());
        ETW_TRY(UniqueFd fd, listen_at(folder_.file(name), type));
        keeper_.store(name, fd);
        return fd;
    }

    Status set_modes() {
        const std::string control = folder_.file(wire::kControlSocketName);
        const std::string providers = folder_.file(wire::kProviderSocketName);
        mode_t mode = 0600;
        const group* controllers = ::geteuid() == 0 ? ::getgrnam(kControllersGroup) : nullptr;
        if (controllers != nullptr && ::chown(control.c_str(), 0, controllers->gr_gid) == 0) {
            mode = 0660;
        }
        // In a user's own folder, which is 0700, the wider mode lets nobody else in.
        if (::chmod(control.c_str(), mode) != 0 || ::chmod(providers.c_str(), 0666) != 0) {
            return Error{code_from_errno(errno), "socket: mode", uint64_t(errno)};
        }
        return Ok{};
    }

    Status watch_signals() {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        signals_ = UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
        if (!signals_) return Error{code_from_errno(errno), "signalfd", uint64_t(errno)};
        return loop_.watch(signals_.get(), EPOLLIN, [this](uint32_t) {
            signalfd_siginfo info{};
            if (::read(signals_.get(), &info, sizeof(info)) < 0) return;
            // A service manager signals the keeper, which passes it on, and this process as well.
            if (std::exchange(ending_, true)) return;
            close();
            manager_.stop_all([this] { loop_.stop(); });
        });
    }

    Status watch_keeper() {
        if (keeper_.socket() < 0) return Ok{};
        return loop_.watch(keeper_.socket(), EPOLLIN, [this](uint32_t) {
            // It never speaks: this is its end. The sessions go on in a successor, as after a kill.
            loop_.forget(keeper_.socket());
            const auto started = keeper_.start_another(options_.keeper_arguments);
            if (started) ::_exit(0);
            journal("the keeper is gone; going on without one", started.error());
        });
    }

    Status serve() {
        ETW_CHECK(control_.listen(std::move(control_socket_)));
        ETW_CHECK(manager_.providers().listen(std::move(provider_socket_)));
        keeper_.ready();
        if (options_.on_ready) options_.on_ready();
        ring_doorbells();
        if (options_.idle_exit.count() != 0) watch_idleness();
        return Ok{};
    }

    // Nobody is served before the sessions of the boot run: no program is to write something that
    // they miss. Whoever connects meanwhile waits in the sockets' queues.
    void start_boot_sessions() {
        boot_.emplace(loop_, manager_,
                      boot::BootFolder(options_.boot_folder, boot::default_log_folder()));
        const auto serve_once = [this] {
            if (ending_ || std::exchange(serving_, true)) return;
            const auto served = serve();
            if (served) return;
            journal("cannot start", served.error());
            exit_status_ = 1;
            loop_.stop();
        };
        boot_->run(serve_once);
        loop_.after(kBootPatience, serve_once);
    }

    void watch_idleness() {
        loop_.after(options_.idle_exit, [this] {
            if (manager_.empty() && manager_.providers().empty() && control_.empty()) {
                loop_.stop();
            } else {
                watch_idleness();
            }
        });
    }

    void handle(ControlRequest request, const PeerCredentials& peer, ControlServer::Reply reply);
    void with_files(ControlRequest& request, const PeerCredentials& peer, const std::string& path,
                    const ControlServer::Reply& reply, std::function<void(RequestFiles)> serve);
    void handle_named(ControlOp op, const std::string& name, ControlServer::Reply reply);
    void handle_enable(ControlOp op, Bytes body, const PeerCredentials& peer,
                       ControlServer::Reply reply);

    EventLoop& loop_;
    RuntimeFolder folder_;
    KeeperLink& keeper_;
    const WorkerOptions& options_;
    UniqueFd signals_;
    UniqueFd control_socket_;  // until it listens
    UniqueFd provider_socket_;
    SessionManager manager_;
    ControlServer control_;
    std::optional<BootStart> boot_;
    bool serving_ = false;  // after a boot
    bool ending_ = false;   // a signal has asked for it; sessions are being stopped
    int exit_status_ = 0;
};

void refuse(const ControlServer::Reply& reply, const Error& error) {
    reply(error.code, encoded(failure_of(error, "request")));
}

void Host::handle(ControlRequest request, const PeerCredentials& peer, ControlServer::Reply reply) {
    const Bytes body = request.body;
    switch (request.op) {
        case ControlOp::kStart: {
            auto start = session::decode<session::StartRequest>(body);
            if (!start) return refuse(reply, start.error());
            return with_files(request, peer, start->properties.log_file, reply,
                              [=, this](RequestFiles files) {
                                  manager_.start(*start, std::move(files), peer,
                                                 answer_to<session::EnableResult>(reply));
                              });
        }
        case ControlOp::kUpdate: {
            const auto update = session::decode<session::UpdateRequest>(body);
            if (!update) return refuse(reply, update.error());
            return with_files(request, peer, update->log_file.value_or(""), reply,
                              [=, this](RequestFiles files) {
                                  manager_.update(*update, std::move(files),
                                                  answer_to<session::SessionStatus>(reply));
                              });
        }
        case ControlOp::kStop:
        case ControlOp::kIncrementFile:
        case ControlOp::kSystemRundown:
        case ControlOp::kQuery: {
            const auto name = session::decode<std::string>(body);
            if (!name) return refuse(reply, name.error());
            return handle_named(request.op, *name, std::move(reply));
        }
        case ControlOp::kFlush: {
            const auto flush = session::decode<session::FlushRequest>(body);
            if (!flush) return refuse(reply, flush.error());
            return with_files(request, peer, flush->snapshot_file.value_or(""), reply,
                              [=, this](RequestFiles files) {
                                  manager_.flush(*flush, std::move(files),
                                                 answer_to<session::SessionStatus>(reply));
                              });
        }
        case ControlOp::kConsume: {
            const auto consume = session::decode<session::ConsumeRequest>(body);
            if (!consume) return refuse(reply, consume.error());
            return manager_.consume(*consume, std::move(request.fds),
                                    answer_to<session::ConsumeGrant>(std::move(reply)));
        }
        case ControlOp::kPrivate: {
            const auto control = session::decode<session::PrivateRequest>(body);
            if (!control) return refuse(reply, control.error());
            return with_files(request, peer, control->log_file.value_or(""), reply,
                              [=, this](RequestFiles files) {
                                  manager_.control_private(
                                      *control, std::move(files),
                                      answer_to<session::SessionStatus>(reply));
                              });
        }
        case ControlOp::kEnable:
        case ControlOp::kDisable:
        case ControlOp::kCaptureState:
            return handle_enable(request.op, body, peer, std::move(reply));
        case ControlOp::kList:
            return reply(Code::kOk, encoded(manager_.list()));
        case ControlOp::kListProviders:
            return manager_.registered_providers(
                peer.uid, [reply](const std::vector<session::RegisteredProvider>& all) {
                    reply(Code::kOk, encoded(all));
                });
        case ControlOp::kListKernelProviders:
            return reply(Code::kOk, encoded(manager_.kernel_providers()));
        case ControlOp::kListRefused:
            return reply(Code::kOk, encoded(manager_.providers().refused()));
    }
    refuse(reply, {Code::kNotSupported, "unknown operation", uint64_t(request.op)});
}

// Serves the request when there is known what it needs to know of its files.
void Host::with_files(ControlRequest& request, const PeerCredentials& peer, const std::string& path,
                      const ControlServer::Reply& reply, std::function<void(RequestFiles)> serve) {
    if (request.fds.empty()) return serve({});
    const auto fds = std::make_shared<ForeignFds>(std::move(request.fds));
    const auto look = [fds]() -> Outcome<RequestFiles> { return look_at(std::move(*fds)); };
    const auto then = [reply, serve = std::move(serve)](Outcome<RequestFiles> files) {
        if (files) return serve(*std::move(files));
        reply(files.error().code, encoded(files.error()));
    };
    look_elsewhere(loop_, peer.uid, path, look, then);
}

void Host::handle_named(ControlOp op, const std::string& name, ControlServer::Reply reply) {
    auto answer = answer_to<session::SessionStatus>(std::move(reply));
    if (op == ControlOp::kStop) return manager_.stop(name, std::move(answer));
    if (op == ControlOp::kIncrementFile) return manager_.increment_file(name, std::move(answer));
    if (op == ControlOp::kSystemRundown) return manager_.system_rundown(name, std::move(answer));
    answer(manager_.query(name));
}

void Host::handle_enable(ControlOp op, Bytes body, const PeerCredentials& peer,
                         ControlServer::Reply reply) {
    const auto request = session::decode<session::EnableRequest>(body);
    if (!request) return refuse(reply, request.error());
    const auto action = op == ControlOp::kEnable    ? wire::EnableAction::kEnable
                        : op == ControlOp::kDisable ? wire::EnableAction::kDisable
                                                    : wire::EnableAction::kCaptureState;
    manager_.enable(*request, action, peer.uid, answer_to<session::EnableResult>(std::move(reply)));
}

}  // namespace

int run_worker(WorkerOptions options) {
    sigset_t set;
    sigemptyset(&set);
    for (const int s : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, s);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    ::mallopt(M_ARENA_MAX, 2);  // one more for all drain threads; they allocate little
    auto folder = RuntimeFolder::open(options.folder);
    if (!folder) {
        journal(options.folder, folder.error());
        return 1;
    }
    auto loop = EventLoop::create();
    if (!loop) {
        journal("event loop", loop.error());
        return 1;
    }
    KeeperLink keeper(std::move(options.keeper));
    Host host(**loop, *folder, keeper, options);
    if (const auto opened = host.open(); !opened) {
        journal("cannot start", opened.error());
        return 1;
    }
    (*loop)->run();
    host.close();
    // What hangs in a file system by now ends with this process or after it.
    if (!all_done_elsewhere(kLastPatience)) {
        keeper.leaving();
        ::_exit(host.exit_status());
    }
    return host.exit_status();
}

}  // namespace etw::host
