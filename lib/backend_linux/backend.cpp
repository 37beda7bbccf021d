#include "backend_linux/backend.h"

#include "backend_linux/recovery.h"
#include "base/runtime_folder.h"
#include "boot/boot_folder.h"
#include "session/boot_rules.h"
#include "session/codec.h"
#include "session/rules.h"
#include "wire/provider_protocol.h"

#include <fmt/format.h>

#include <filesystem>

namespace etw::backend_linux {

using session::EnableRequest;
using session::EnableResult;
using session::Failure;
using session::FlushRequest;
using session::Outcome;
using session::PrivateRequest;
using session::RefusedProgram;
using session::RegisteredProvider;
using session::SessionStatus;
using session::StartRequest;
using session::UpdateRequest;
using wire::ControlOp;

namespace {

template <class T>
std::vector<std::byte> encoded(const T& value) {
    ByteWriter out;
    session::encode(out, value);
    return out.take();
}

// A host may leave because it is idle just as a tool connects, or be killed again and again.
constexpr int kAttempts = 8;

bool only_reads(ControlOp op) {
    return op == ControlOp::kQuery || op == ControlOp::kList || op == ControlOp::kListProviders ||
           op == ControlOp::kListRefused || op == ControlOp::kListKernelProviders ||
           op == ControlOp::kConsume;
}

Failure connection_failure(const Error& error, const std::string& folder) {
    if (error.code == Code::kAccessDenied) {
        return {error.code, fmt::format("you may not control the sessions of {}: that takes its "
                                        "owner or a member of its group",
                                        folder)};
    }
    if (error.code == Code::kRevisionMismatch) {
        return {error.code, fmt::format("the session host in {} speaks version {} of the control "
                                        "protocol, this tool version {}: use the tools that were "
                                        "installed with it, and end its sessions with them before "
                                        "you go on with these",
                                        folder, error.where, wire::kControlProtocolVersion)};
    }
    return {error.code, fmt::format("session host in {}: {}", folder, error.what)};
}

constexpr char kBootHeader[] =
    "# A session that the boot starts. The values are described in docs/boot.md; tracelog writes\n"
    "# this file anew when the session is configured again.\n";

constexpr char kBootStarter[] =
    "by openetw-boot.service or 'etwd --boot' (tracelog -doctor says whether that is enabled)";

boot::BootFolder boot_folder() {
    return {boot::default_config_folder(), boot::default_log_folder()};
}

// What becomes of the file that was opened for a request. `unknown`: so is what became of that.
template <class T>
void settle(LogFile& file, const Outcome<T>& result, bool unknown) {
    if (result || unknown) {
        file.keep();
    } else if (result.error().code == Code::kTimeout) {
        file.leave();
    }
}

bool has_saved_sessions(const std::string& folder) {
    std::error_code unreadable;
    const std::filesystem::directory_iterator saved(folder + "/" + wire::kSavedSessionsFolder,
                                                    unreadable);
    return !unreadable && saved != std::filesystem::directory_iterator();
}

}  // namespace

Outcome<Ok> Backend::reach(bool start_host) {
    if (channel_) return Ok{};
    auto channel = hung_ ? Result<ControlChannel>(*hung_) : ControlChannel::connect(host_.folder);
    const bool nobody = !channel && channel.error().code == Code::kServiceNotAvailable;
    if (nobody && (start_host || has_saved_sessions(host_.folder))) {
        ETW_CHECK(host_.start());
        channel = ControlChannel::connect(host_.folder);
    }
    hung_.reset();
    if (!channel) return connection_failure(channel.error(), host_.folder);
    channel_ = *std::move(channel);
    if (patience_) channel_->wait_at_most(*patience_);
    return Ok{};
}

Outcome<Reply> Backend::call(ControlOp op, Bytes body, std::span<const int> fds) {
    cut_short_ = false;
    for (int again = kAttempts - 1;; --again) {
        ETW_CHECK(reach(op == ControlOp::kStart));
        auto reply = channel_->call(op, body, fds);
        if (reply) return *std::move(reply);
        if (channel_->host_hangs()) hung_ = reply.error();
        channel_.reset();
        const bool gone = reply.error().code == Code::kServiceNotAvailable;
        const bool harmless = only_reads(op) || ControlChannel::request_unread(reply.error());
        if (gone && harmless && again > 0) continue;
        cut_short_ = gone && !harmless;
        if (gone && !only_reads(op)) {
            return Failure{Code::kServiceNotAvailable,
                           "the session host went away in the middle of the request; what became "
                           "of it shows tracelog -l"};
        }
        return connection_failure(reply.error(), host_.folder);
    }
}

template <class Answer>
Outcome<Answer> Backend::ask(ControlOp op, Bytes body, std::span<const int> fds) {
    ETW_TRY(const Reply reply, call(op, body, fds));
    if (reply.code != Code::kOk) {
        auto failure = session::decode<Failure>(reply.body);
        return Failure{reply.code, failure ? failure->detail : std::string()};
    }
    auto answer = session::decode<Answer>(reply.body);
    if (!answer) {
        channel_.reset();
        return connection_failure(answer.error(), host_.folder);
    }
    return *std::move(answer);
}

template <class Answer, class Request>
Outcome<Answer> Backend::ask_session(ControlOp op, const Request& request,
                                     std::span<const int> fds) {
    if (auto there = reach(false); !there) {
        if (there.error().code != Code::kServiceNotAvailable) return there.error();
        return Failure{Code::kSessionNotFound, "no session runs"};
    }
    return ask<Answer>(op, encoded(request), fds);
}

template <class Element>
Outcome<std::vector<Element>> Backend::ask_all(ControlOp op) {
    if (auto there = reach(false); !there) {
        if (there.error().code != Code::kServiceNotAvailable) return there.error();
        return std::vector<Element>();
    }
    return ask<std::vector<Element>>(op, {});
}

Outcome<EnableResult> Backend::start(const StartRequest& request) {
    StartRequest asked = request;
    session::Properties& p = asked.properties;
    LogFile log;
    if (!p.log_file.empty()) {
        const bool numbered = (p.log_file_mode & kModeNewFile) != 0;
        const bool more_files = (p.log_file_mode & (kModeNewFile | kModePrivate)) != 0;
        ETW_TRY(log,
                LogFile::open(numbered ? session::numbered_log_file(p.log_file, 1) : p.log_file,
                              more_files));
        if (!more_files) p.log_file = log.path();
    }
    auto result = ask<EnableResult>(ControlOp::kStart, encoded(asked), log.descriptors());
    settle(log, result, cut_short_);
    return result;
}

Outcome<SessionStatus> Backend::stop(const std::string& name) {
    return ask_session<SessionStatus>(ControlOp::kStop, name);
}

Outcome<SessionStatus> Backend::query(const std::string& name) {
    return ask_session<SessionStatus>(ControlOp::kQuery, name);
}

Outcome<std::vector<SessionStatus>> Backend::list() {
    return ask_all<SessionStatus>(ControlOp::kList);
}

Outcome<SessionStatus> Backend::update(const UpdateRequest& request) {
    if (!request.log_file) return ask_session<SessionStatus>(ControlOp::kUpdate, request);
    // Only the host knows whether the session is a -newfile one; ask before a file is made for it.
    ETW_TRY(const SessionStatus now, query(request.name));
    const bool numbered = (now.properties.log_file_mode & kModeNewFile) != 0;
    ETW_TRY(LogFile log, LogFile::open(numbered ? session::numbered_log_file(*request.log_file, 1)
                                                : *request.log_file,
                                       numbered));
    UpdateRequest asked = request;
    if (!numbered) asked.log_file = log.path();
    auto status = ask_session<SessionStatus>(ControlOp::kUpdate, asked, log.descriptors());
    settle(log, status, cut_short_);
    return status;
}

Outcome<SessionStatus> Backend::flush(const FlushRequest& request) {
    if (!request.snapshot_file) return ask_session<SessionStatus>(ControlOp::kFlush, request);
    // No file is made where the session would ignore it.
    ETW_TRY(const SessionStatus now, query(request.name));
    if ((now.properties.log_file_mode & kModeBuffering) == 0) {
        return ask_session<SessionStatus>(ControlOp::kFlush,
                                          FlushRequest{request.name, std::nullopt});
    }
    ETW_TRY(LogFile file, LogFile::open(*request.snapshot_file, false));
    auto status = ask_session<SessionStatus>(ControlOp::kFlush, request, file.descriptors());
    settle(file, status, false);
    return status;
}

Outcome<SessionStatus> Backend::control_private(const PrivateRequest& request) {
    LogFile log;
    if (request.log_file) {
        // No file is made for a session that is not there.
        PrivateRequest question;
        question.name = request.name;
        ETW_CHECK(ask_session<SessionStatus>(ControlOp::kPrivate, question));
        ETW_TRY(log, LogFile::open(*request.log_file, true));
    }
    auto status = ask_session<SessionStatus>(ControlOp::kPrivate, request, log.descriptors());
    settle(log, status, cut_short_);
    return status;
}

Outcome<SessionStatus> Backend::increment_file(const std::string& name) {
    return ask_session<SessionStatus>(ControlOp::kIncrementFile, name);
}

Outcome<SessionStatus> Backend::system_rundown(const std::string& name) {
    return ask_session<SessionStatus>(ControlOp::kSystemRundown, name);
}

Outcome<std::vector<session::RecoveredLog>> Backend::recover(
    const session::RecoverRequest& request) {
    return run_recovery(host_.program, request);
}

Outcome<EnableResult> Backend::enable(const EnableRequest& request) {
    return ask_session<EnableResult>(ControlOp::kEnable, request);
}

Outcome<EnableResult> Backend::disable(const EnableRequest& request) {
    return ask_session<EnableResult>(ControlOp::kDisable, request);
}

Outcome<EnableResult> Backend::capture_state(const EnableRequest& request) {
    return ask_session<EnableResult>(ControlOp::kCaptureState, request);
}

Outcome<std::vector<RegisteredProvider>> Backend::registered_providers() {
    return ask_all<RegisteredProvider>(ControlOp::kListProviders);
}

Outcome<std::vector<RegisteredProvider>> Backend::kernel_providers() {
    return ask_all<RegisteredProvider>(ControlOp::kListKernelProviders);
}

Outcome<std::vector<RefusedProgram>> Backend::refused_programs() {
    return ask_all<RefusedProgram>(ControlOp::kListRefused);
}

Outcome<session::BootConfiguration> Backend::configure_boot(const session::BootSession& asked) {
    const boot::BootFolder folder = boot_folder();
    const std::string& name = asked.properties.name;
    session::BootSession now = asked;
    const auto before = folder.load(name);
    if (before) {
        now = session::replaced(before->session, now);
    } else if (before.error().code != Code::kFileNotFound) {
        return before.error();  // what people have written is for them to put right
    }
    session::Properties& p = now.properties;
    if (p.log_file.empty() && (p.log_file_mode & (kModeRealTime | kModeBuffering)) == 0)
        p.log_file = session::boot_defaults(name, folder.log_folder()).properties.log_file;
    ETW_CHECK(session::check(now));
    ETW_CHECK(folder.write(name, kBootHeader + session::format_boot(now)));
    return session::BootConfiguration{now, folder.file_of(name), kBootStarter};
}

Outcome<session::BootConfiguration> Backend::remove_boot(const std::string& name) {
    const boot::BootFolder folder = boot_folder();
    if (!session::is_global_logger(name)) {
        return Failure{Code::kInvalidParameter,
                       fmt::format("-remove takes GlobalLogger only; to take an AutoLogger away "
                                   "delete its file, {}",
                                   folder.file_of(name))};
    }
    ETW_CHECK(folder.write(name, "Start = 0\n"));
    ETW_TRY(session::ParsedBoot left, folder.load(name));
    return session::BootConfiguration{std::move(left.session), folder.file_of(name), kBootStarter};
}

Outcome<session::ConsumeGrant> Backend::consume(const session::ConsumeRequest& request,
                                                int socket) {
    return ask_session<session::ConsumeGrant>(ControlOp::kConsume, request, {&socket, 1});
}

}  // namespace etw::backend_linux

namespace etw::session {

std::unique_ptr<Backend> make_backend() {
    return std::make_unique<backend_linux::Backend>(
        backend_linux::HostLauncher{runtime_folder(), backend_linux::find_host_program()});
}

std::unique_ptr<Backend> make_observer() {
    return std::make_unique<backend_linux::Backend>(
        backend_linux::HostLauncher{runtime_folder(), ""}, std::chrono::seconds(1));
}

}  // namespace etw::session
