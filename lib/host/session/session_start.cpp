// How sessions begin on request.
#include "base/letter_case.h"
#include "host/providers/probe_providers.h"
#include "host/session/kernel_refusal.h"
#include "host/session/session_manager.h"
#include "kernel/tracefs/tracefs.h"
#include "ring/clock.h"
#include "session/rules.h"
#include "session/traced_rules.h"

#include <fmt/format.h>

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <utility>

namespace etw::host {

using session::EnableResult;
using session::Failure;
using session::Outcome;
using session::Properties;

namespace {

bool is_socket_only(const SavedSession& saved) {
    return (saved.properties.log_file_mode & kModeNoPerProcessor) != 0 ||
           !ring::counter_is_usable();
}

// What the session's own thread makes its drain of: copies, as it runs beside the main one.
struct NewDrain {
    SavedSession saved;
    std::vector<std::shared_ptr<Stream>> streams;
    std::shared_ptr<Stream> kernel;  // null: no kernel events
    std::string sessions_folder;
    std::string log_path;  // empty: no log
    std::shared_ptr<RequestFiles> files;
    std::string kept_log;  // its name at the keeper
    const KeeperLink& keeper;
    std::shared_ptr<bool> kernel_refused;  // it was the kernel, not the log
};

Result<std::unique_ptr<Drain>> begin_drain(NewDrain what) {
    const SavedSession& saved = what.saved;
    const std::string state = state_folder(what.sessions_folder, saved.key.slot);
    if (::mkdir(state.c_str(), 0700) != 0 && errno != EEXIST) {
        return Error{code_from_errno(errno), "state folder", uint64_t(errno)};
    }
    Progress progress(saved.geometry.cpus);
    if (!what.log_path.empty()) {
        const bool append = (saved.properties.log_file_mode & kModeAppend) != 0;
        progress.file = what.files->log;
        progress.path = what.log_path;
        progress.begin = append ? LogBegin::kAppend : LogBegin::kReplace;
        // Before anything is written to it.
        what.keeper.store_file(what.kept_log, what.files->fds[0].fd());
    }
    ETW_TRY(auto checkpoint,
            Checkpoint::create(checkpoint_path(what.sessions_folder, saved.key.slot),
                               saved.geometry.cpus));
    auto drain =
        std::make_unique<Drain>(saved, std::nullopt, std::move(checkpoint), std::move(progress));
    for (const auto& stream : what.streams) ETW_CHECK(drain->add_stream(stream));
    if (what.kernel != nullptr) {
        if (session::traces_processes(saved.properties))
            ETW_CHECK(save_beginning(what.sessions_folder, saved));
        auto source = KernelSource::start(saved, *what.kernel, what.keeper, what.sessions_folder);
        *what.kernel_refused = !source;
        if (!source) return source.error();
        drain->set_kernel_source(std::move(*source));
    }
    return drain;
}

Failure cannot_start(const Session& session, const Error& error) {
    const Properties& p = session.saved.properties;
    return failure_of(error, p.log_file.empty() ? p.name : p.log_file);
}

}  // namespace

Outcome<uint32_t> SessionManager::free_slot(const Properties& p) const {
    std::optional<uint32_t> slot;
    for (uint32_t i = 0; i < sessions_.size(); ++i) {
        if (sessions_[i] == nullptr) {
            if (!slot && !clearing_.contains(i)) slot = i;
            continue;
        }
        const Properties& other = sessions_[i]->saved.properties;
        if (same_name(other.name, p.name)) {
            return Failure{Code::kAlreadyExists,
                           fmt::format("a session '{}' is already running", other.name)};
        }
        if (p.guid != Guid{} && other.guid == p.guid) {
            return Failure{Code::kAlreadyExists,
                           fmt::format("the session '{}' has this GUID", other.name)};
        }
    }
    if (!slot) {
        return Failure{Code::kNoSystemResources,
                       fmt::format("{} sessions are running; stop one first", sessions_.size())};
    }
    return *slot;
}

Outcome<Ok> SessionManager::check_kernel_session(const Properties& p) const {
    if (!session::records_kernel(p)) return Ok{};
    size_t running = 0;
    for_each([&](const Session& session) { running += session.records_kernel() ? 1 : 0; });
    if (running >= session::kMaxSystemLoggers) {
        return Failure{Code::kNoSystemResources,
                       fmt::format("{} sessions record kernel events; stop one first", running)};
    }
    const auto usable = kernel::check_tracefs();
    return usable ? check_sources(p.kernel) : kernel_refusal(usable.error());
}

Outcome<std::unique_ptr<Session>> SessionManager::prepare(const Properties& asked,
                                                          const RequestFiles& files,
                                                          const PeerCredentials& peer) const {
    ETW_CHECK(session::check(asked));
    const Properties p = session::apply_defaults(asked, cpu_count());
    ETW_TRY(const uint32_t slot, free_slot(p));
    ETW_CHECK(check_kernel_session(p));
    if (!p.log_file.empty()) {
        ETW_CHECK(check_files(p, files));
        if (log_in_use(files.log)) {
            return Failure{Code::kBadPathname,
                           fmt::format("{} is the log of another session", p.log_file)};
        }
    }
    auto session = std::make_unique<Session>();
    session->saved = new_saved(p, slot, peer);
    if (p.owner_pid != 0) {
        const auto owner = find_process(p.owner_pid);
        auto watched =
            owner ? watch_process(*owner) : Result<UniqueFd>(Error{Code::kFileNotFound, "", 0});
        if (!watched) {
            return Failure{
                Code::kInvalidParameter,
                fmt::format("no process {} runs that could own the session", p.owner_pid)};
        }
        session->saved.owner = *owner;
        session->owner = std::move(*watched);
    }
    if (!p.log_file.empty()) session->claimed_log = files.log;
    return session;
}

SessionThread::Hooks SessionManager::hooks_for(Session& session,
                                               std::function<Result<std::unique_ptr<Drain>>()> open,
                                               std::function<void(Status)> opened) {
    const wire::SessionKey key = session.saved.key;
    const auto source = session.source;
    SessionThread::Hooks hooks;
    hooks.open = std::move(open);
    hooks.opened = std::move(opened);
    hooks.limit_reached = [this, key] {
        loop_.post([this, key] {
            Session* full = find(key);
            if (full != nullptr && full->state == Session::State::kRunning) {
                stop_session(*full, [](const auto&) {});
            }
        });
    };
    // Copies, not the session: the thread runs beside the main one.
    const auto name_of = [key](const FileIdentity& file) {
        Session naming;
        naming.saved.key = key;
        return naming.kept_log(file);
    };
    hooks.await_sent = [this, key](const auto& may_wait) { await_sent(key, may_wait); };
    hooks.log_done = [this, name_of](const FileIdentity& file) { keeper_.remove(name_of(file)); };
    if ((session.saved.properties.log_file_mode & kModeNewFile) != 0) {
        const uid_t uid = session.saved.owner_uid;
        const gid_t gid = session.saved.owner_gid;
        hooks.next_log = [this, source, name_of, uid, gid](uint32_t number,
                                                           std::string& path) -> Result<UniqueFd> {
            path = session::numbered_log_file(source->pattern, number);
            const std::string name = std::filesystem::path(path).filename();
            ETW_TRY(UniqueFd fd, open_as_user(source->folder, name, source->rights, uid, gid));
            ETW_TRY(const FileIdentity file, identity_of(fd.get()));
            keeper_.store_file(name_of(file), fd);
            return fd;
        };
    }
    return hooks;
}

void SessionManager::start(session::StartRequest request, RequestFiles given,
                           const PeerCredentials& peer, EnableAnswer answer) {
    if (ending_) return answer(host_ends());
    const bool traced = session::traces_processes(request.properties);
    const bool is_private = (request.properties.log_file_mode & kModePrivate) != 0;
    const std::string& name = request.properties.name;
    if (traced ? private_.has(name) : is_private && find(name, Kind::kTraced) != nullptr) {
        return answer(Failure{Code::kAlreadyExists,
                              fmt::format("a private session '{}' is already running", name)});
    }
    if (is_private && !traced) {
        const auto& asked = request.providers;
        if (std::any_of(asked.begin(), asked.end(), is_probe_provider)) {
            return answer(Failure{Code::kInvalidParameter,
                                  "a private session runs in the processes of its providers; the "
                                  "kernel's and probes of programs need one without -um"});
        }
        return private_.start(std::move(request), std::move(given), peer, std::move(answer));
    }
    const auto files = std::make_shared<RequestFiles>(std::move(given));
    look_at_programs(request, peer, [=, this](const Programs& programs) {
        if (!programs.traceable) return answer(programs.traceable.error());
        start_known(request, std::move(*files), peer, programs.probes, answer);
    });
}

void SessionManager::start_known(session::StartRequest request, RequestFiles given,
                                 const PeerCredentials& peer, const std::vector<Code>& probes,
                                 EnableAnswer answer) {
    if (ending_) return answer(host_ends());
    auto prepared = prepare(request.properties, given, peer);
    if (!prepared) return answer(prepared.error());
    const wire::SessionKey key = (*prepared)->saved.key;
    sessions_[key.slot] = std::move(*prepared);
    Session& session = *sessions_[key.slot];
    const bool traced = session::traces_processes(session.saved.properties);
    if (traced) {  // what its source of events begins with
        session.saved.providers = request.providers;
        const session::ProviderEnable& how = request.providers.front();
        admit(session, how.guid, how.pids);
    }
    const auto rings = [&]() -> Status {
        if (traced) return ensure_kernel_stream(session);
        if (numbers_messages(session)) {
            ETW_CHECK(ensure_numbers());
            numbers_->begin(key.slot);
        }
        if (is_socket_only(session.saved)) {
            ETW_CHECK(ensure_socket_stream(session));
        } else {
            ETW_CHECK(stream_for(session, peer.uid));
        }
        return ensure_kernel_stream(session);
    }();
    if (!rings) {
        const wire::RingGeometry geometry = session.saved.geometry;
        drop(session);
        return answer(no_memory(request.properties.name, geometry));
    }
    const Properties& p = session.saved.properties;
    const bool has_log = !p.log_file.empty();
    const bool numbered = has_log && (p.log_file_mode & kModeNewFile) != 0;
    const std::string path = numbered ? session::numbered_log_file(p.log_file, 1) : p.log_file;
    session.source->pattern = p.log_file;
    if (numbered) {
        session.source->folder = given.take_folder();
        session.source->rights = given.rights;
        keeper_.store(session.kept_folder(), session.source->folder);
    }
    const auto files = std::make_shared<RequestFiles>(std::move(given));
    // Where its log hangs as it is begun, it is not to be.
    const auto given_up = std::make_shared<std::atomic<bool>>(false);
    const EnableAnswer in_time_answer = in_time<EnableResult>(
        session, path, [this, key, given_up, answer](const Outcome<EnableResult>& outcome) {
            Session* begun = find(key);
            if (!outcome && begun != nullptr && begun->state == Session::State::kStarting) {
                *given_up = true;
                drop(*begun);
            }
            answer(outcome);
        });
    const auto what = std::make_shared<NewDrain>(NewDrain{
        session.saved, session.streams, kernel_stream(session), folder_.sessions_folder(), path,
        files, session.kept_log(session.claimed_log), keeper_, std::make_shared<bool>(false)});
    const auto open = [what] { return begin_drain(std::move(*what)); };
    const auto opened = [this, key, providers = std::move(request.providers), probes, files,
                         given_up, kernel_refused = what->kernel_refused,
                         answer = in_time_answer](const Status& status) {
        loop_.post([=, this] {
            if (status || !*kernel_refused)
                return finish_start(key, providers, probes, files, given_up, status, answer);
            if (Session* refused = find(key)) drop(*refused);
            answer(kernel_refusal(status.error()));
        });
    };
    session.thread =
        std::make_unique<SessionThread>(hooks_for(session, open, opened), flush_timer(p));
}

// All that can fail before the log is begun: until then its file holds what it held.
void SessionManager::finish_start(const wire::SessionKey& key,
                                  const std::vector<session::ProviderEnable>& providers,
                                  const std::vector<Code>& probes,
                                  const std::shared_ptr<RequestFiles>& files,
                                  const std::shared_ptr<std::atomic<bool>>& given_up,
                                  const Status& opened, const EnableAnswer& answer) {
    Session* session = find(key);
    if (session == nullptr) return;  // given up, and answered
    if (!opened) {
        const Failure failure = cannot_start(*session, opened.error());
        drop(*session);
        return answer(failure);
    }
    if (ending_) return give_up(*session, host_ends(), answer);
    if (session->saved.is_real_time()) {
        if (const auto ready = ensure_feed(*session); !ready) {
            return give_up(*session, ready.error(), answer);
        }
    }
    std::vector<Code> codes;
    for (size_t i = 0; i < providers.size(); ++i) {
        codes.push_back(
            session::traces_processes(session->saved.properties)
                ? Code::kOk  // it began with it
                : apply_enable(*session, providers[i], wire::EnableAction::kEnable, probes[i]));
    }
    if (const auto saved = save(folder_.sessions_folder(), session->saved); !saved) {
        return give_up(*session, failure_of(saved.error(), folder_.path()), answer);
    }
    session->thread->post([=, this](SessionThread& thread) {
        const Status begun =
            files->fds.empty() ? Status(Ok{}) : thread.begin_log(files->take_log());
        KernelSource* source = thread.drain().kernel_source();
        if (*given_up && source != nullptr) source->end(true);
        loop_.post([=, this] { log_begun(key, providers, codes, begun, answer); });
    });
}

void SessionManager::log_begun(const wire::SessionKey& key,
                               const std::vector<session::ProviderEnable>& providers,
                               const std::vector<Code>& codes, const Status& begun,
                               const EnableAnswer& answer) {
    Session* session = find(key);
    if (session == nullptr) return;  // given up, and answered
    if (!begun) return give_up(*session, cannot_start(*session, begun.error()), answer);
    if (ending_) {  // its log is to have a proper end
        return stop_session(*session, [answer](const auto&) { answer(host_ends()); });
    }
    session->state = Session::State::kRunning;
    limit_life(*session);
    const uint64_t group = acks_.open_group();
    for (const auto& how : session->saved.providers) {
        tell(*session, how, wire::EnableAction::kEnable, group);
    }
    enable_probes(*session, {}, providers, codes, [=, this](std::vector<Code> settled) {
        wait_promptly(group, [=, this] {
            const Session* started = find(key);
            if (started == nullptr) return answer(session_ended());
            answer(EnableResult{started->status(), settled});
        });
    });
}

// A session whose thread runs is not to be: it leaves nothing behind, in the kernel neither.
void SessionManager::give_up(Session& session, const Failure& failure, const EnableAnswer& answer) {
    const wire::SessionKey key = session.saved.key;
    session.thread->post([this, key, failure, answer](SessionThread& thread) {
        if (KernelSource* source = thread.drain().kernel_source()) source->end(true);
        loop_.post([this, key, failure, answer] {
            if (Session* ended = find(key)) drop(*ended);
            answer(failure);
        });
    });
}

}  // namespace etw::host
