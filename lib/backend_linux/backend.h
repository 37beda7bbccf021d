// Backend over the host's control socket.
#pragma once
#include "backend_linux/control_channel.h"
#include "backend_linux/host_launcher.h"
#include "backend_linux/log_file.h"
#include "session/consume.h"

#include <optional>

namespace etw::backend_linux {

// Only start() starts a host that does not run, unless the folder holds sessions of a host that was
// killed: then anybody who asks brings it back. Without a host there are no sessions: a name gives
// kSessionNotFound, a list is empty. A connection that breaks is made anew, a few times, for what
// only reads and for requests that no host has read; anything else may have been done or not, and
// the failure says so.
class Backend : public session::Backend {
public:
    // `patience`: how long to wait for an answer; by default as long as it takes.
    explicit Backend(HostLauncher host, std::optional<std::chrono::seconds> patience = {})
        : host_(std::move(host)), patience_(patience) {}

    const session::System& system() const noexcept override { return session::kLinux; }
    session::Outcome<session::EnableResult> start(const session::StartRequest& request) override;
    session::Outcome<session::SessionStatus> stop(const std::string& name) override;
    session::Outcome<session::SessionStatus> query(const std::string& name) override;
    session::Outcome<std::vector<session::SessionStatus>> list() override;
    session::Outcome<session::SessionStatus> update(const session::UpdateRequest& request) override;
    session::Outcome<session::SessionStatus> flush(const session::FlushRequest& request) override;
    session::Outcome<std::vector<session::RecoveredLog>> recover(
        const session::RecoverRequest& request) override;
    session::Outcome<session::SessionStatus> control_private(
        const session::PrivateRequest& request) override;
    session::Outcome<session::SessionStatus> increment_file(const std::string& name) override;
    session::Outcome<session::SessionStatus> system_rundown(const std::string& name) override;
    session::Outcome<session::EnableResult> enable(const session::EnableRequest& request) override;
    session::Outcome<session::EnableResult> disable(const session::EnableRequest& request) override;
    session::Outcome<session::EnableResult> capture_state(
        const session::EnableRequest& request) override;
    session::Outcome<std::vector<session::RegisteredProvider>> registered_providers() override;
    session::Outcome<std::vector<session::RegisteredProvider>> kernel_providers() override;
    session::Outcome<std::vector<session::RefusedProgram>> refused_programs() override;
    session::Outcome<std::vector<session::ProfileSource>> profile_sources() override;
    session::Outcome<session::BootConfiguration> configure_boot(
        const session::BootSession& asked) override;
    session::Outcome<session::BootConfiguration> remove_boot(const std::string& name) override;
    // `socket`: the host's end of the consumer's pair.
    session::Outcome<session::ConsumeGrant> consume(const session::ConsumeRequest& request,
                                                    int socket);

private:
    // Connects where that has not happened; kServiceNotAvailable where no host runs.
    session::Outcome<Ok> reach(bool start_host);
    session::Outcome<Reply> call(wire::ControlOp op, Bytes body, std::span<const int> fds);
    template <class Answer>
    session::Outcome<Answer> ask(wire::ControlOp op, Bytes body, std::span<const int> fds = {});
    template <class Answer, class Request>
    session::Outcome<Answer> ask_session(wire::ControlOp op, const Request& request,
                                         std::span<const int> fds = {});
    template <class Element>
    session::Outcome<std::vector<Element>> ask_all(wire::ControlOp op);

    HostLauncher host_;
    std::optional<std::chrono::seconds> patience_;
    std::optional<Error> hung_;  // the host that would be found: see ControlChannel::host_hangs()
    std::optional<ControlChannel> channel_;
    // The last request may have been done by a host that then went away: the next one goes on with
    // what it has written down, and with the log that came along.
    bool cut_short_ = false;
};

}  // namespace etw::backend_linux
