#include "host/providers/private_sessions.h"

#include "base/letter_case.h"
#include "host/journal.h"
#include "host/session/new_session.h"
#include "session/rules.h"

#include <fmt/format.h>

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

namespace etw::host {

using session::EnableResult;
using session::Failure;
using session::Outcome;
using session::PrivateProcess;
using session::PrivateRequest;
using session::SessionStatus;
using session::StartRequest;
using std::chrono::milliseconds;
using State = Session::State;

namespace {

using Clock = std::chrono::steady_clock;

// A process that hangs must not hold up the answer; it does what it was told when it goes on.
constexpr milliseconds kQueryPatience{300};
constexpr milliseconds kWritePatience{2000};
constexpr milliseconds kReturnPatience{1000};  // of processes that a predecessor knew
constexpr milliseconds kReturnPoll{10};

Failure not_found(const std::string& name) {
    return {Code::kSessionNotFound, fmt::format("no private session '{}' is running", name)};
}

}  // namespace

bool names_any(const std::vector<session::ProviderEnable>& providers, const Guid& guid) {
    return std::any_of(providers.begin(), providers.end(),
                       [&](const auto& p) { return p.guid == guid; });
}

void add_counts(PrivateProcess& sum, const PrivateProcess& one) {
    sum.buffers_written += one.buffers_written;
    sum.log_buffers_lost += one.log_buffers_lost;
    sum.events_lost += one.events_lost;
    sum.recorded_bytes += one.recorded_bytes;
    sum.log_file_size += one.log_file_size;
}

std::string PrivateSession::path_of(bool first, uint32_t pid) const {
    const std::string& path = base.saved.properties.log_file;
    return first ? path : fmt::format("{}_{}", path, pid);
}

void PrivateSession::give_back(const MemberLog& log) {
    if (log.first && log.path == base.saved.properties.log_file) kept.first_taken = false;
}

bool PrivateSession::awaits_processes() {
    std::erase_if(awaited,
                  [](uint32_t pid) { return ::kill(pid_t(pid), 0) != 0 && errno == ESRCH; });
    return !awaited.empty() && Clock::now() < awaited_until;
}

PrivateSessions::PrivateSessions(EventLoop& loop, const RuntimeFolder& folder, AckTracker& acks,
                                 ProviderTable& providers, Hooks hooks)
    : loop_(loop), folder_(folder), acks_(acks), providers_(providers), hooks_(std::move(hooks)) {}

// --- looking up ------------------------------------------------------------------------------

PrivateSession* PrivateSessions::find(const std::string& name) const {
    for (const auto& session : sessions_) {
        if (session != nullptr && same_name(session->saved().properties.name, name)) {
            return session.get();
        }
    }
    return nullptr;
}

PrivateSession* PrivateSessions::find(const wire::SessionKey& key) const {
    const size_t index = size_t{key.slot} - wire::kMaxSessions;
    if (!wire::is_private(key) || index >= sessions_.size()) return nullptr;
    PrivateSession* session = sessions_[index].get();
    return session != nullptr && session->saved().key.epoch == key.epoch ? session : nullptr;
}

// The one session that the process takes part in.
PrivateSession* PrivateSessions::session_of(const ProviderConnection& connection) const {
    for (const auto& session : sessions_) {
        if (session == nullptr) continue;
        const auto member = session->members.find(connection.id());
        if (member != session->members.end() && !member->second.ended) return session.get();
    }
    return nullptr;
}

Outcome<PrivateSession*> PrivateSessions::running(const PrivateRequest& request) const {
    PrivateSession* session = find(request.name);
    if (session == nullptr || session->base.state == State::kStarting)
        return not_found(request.name);
    for (const Guid& guid : request.providers) {
        if (names_any(session->saved().providers, guid)) continue;
        return Failure{Code::kSessionNotFound,
                       fmt::format("the private session '{}' does not record {}",
                                   session->saved().properties.name, to_string(guid))};
    }
    if (session->base.state == State::kStopping) {
        return Failure{Code::kActiveConnections,
                       fmt::format("'{}' is being stopped", request.name)};
    }
    return session;
}

bool PrivateSessions::empty() const {
    return std::all_of(sessions_.begin(), sessions_.end(),
                       [](const auto& s) { return s == nullptr; });
}

bool PrivateSessions::log_in_use(const FileIdentity& file) const {
    return std::any_of(sessions_.begin(), sessions_.end(), [&](const auto& session) {
        if (session == nullptr) return false;
        if (!session->kept.first_taken && session->first_identity == file) return true;
        return std::any_of(session->members.begin(), session->members.end(), [&](const auto& one) {
            const PrivateMember& member = one.second;
            return !member.ended &&
                   (member.log.identity == file || (member.next && member.next->identity == file));
        });
    });
}

SessionStatus PrivateSessions::status(const PrivateSession& session) const {
    SessionStatus out;
    out.properties = session.saved().properties;
    out.providers = session.saved().providers;
    out.logger_id = session.saved().key.slot + 1;
    out.owner_uid = session.saved().owner_uid;
    out.start_time = session.saved().start_filetime;
    using std::chrono::seconds;
    out.log_unanswered_s =
        uint32_t(std::chrono::duration_cast<seconds>(session.files->unanswered()).count());
    out.processes = session.kept.processes;
    for (const auto& [id, member] : session.members) {
        out.processes.push_back(member.process);
        out.number_of_buffers += member.number_of_buffers;
        out.free_buffers += member.free_buffers;
        if (out.logger_thread_id == 0) out.logger_thread_id = member.thread_id;
    }
    PrivateProcess sum;
    for (const PrivateProcess& process : out.processes) add_counts(sum, process);
    out.buffers_written = sum.buffers_written;
    out.log_buffers_lost = sum.log_buffers_lost;
    out.events_lost = sum.events_lost;
    out.events_seen_bytes = sum.recorded_bytes;
    out.log_file_size = sum.log_file_size;
    return out;
}

Status PrivateSessions::save_state(const PrivateSession& session) const {
    PrivateState state = session.kept;
    for (const auto& [id, member] : session.members) {
        state.processes.push_back(member.process);
    }
    return save_private(state_folder(folder_.sessions_folder(), session.saved().key.slot), state);
}

// --- while it runs ---------------------------------------------------------------------------

void PrivateSessions::control(const PrivateRequest& request, RequestFiles files,
                              StatusAnswer answer) {
    const auto found = running(request);
    if (!found) return answer(found.error());
    PrivateSession& session = **found;
    if (session.awaits_processes()) {
        const auto held = std::make_shared<RequestFiles>(std::move(files));
        loop_.after(kReturnPoll, [this, request, held, answer = std::move(answer)] {
            control(request, std::move(*held), answer);
        });
        return;
    }
    const wire::SessionKey key = session.saved().key;
    switch (request.action) {
        case Action::kQuery:
        case Action::kFlush:
            return send_all(session, request.action, 0,
                            [this, key, answer] { answer_with_status(key, answer); });
        case Action::kUpdate:
            return update(session, request, std::move(files), answer);
        case Action::kStop:
            return stop(session, std::move(answer));
    }
}

void PrivateSessions::answer_with_status(const wire::SessionKey& key,
                                         const StatusAnswer& answer) const {
    const PrivateSession* session = find(key);
    if (session == nullptr) {
        return answer(Failure{Code::kSessionNotFound, "the session has been stopped meanwhile"});
    }
    answer(status(*session));
}

// Asks all processes and waits, for a while, until they have answered.
void PrivateSessions::send_all(PrivateSession& session, Action action, uint32_t flush_timer_s,
                               std::function<void()> done) {
    static_assert(uint32_t(Action::kQuery) == uint32_t(wire::PrivateAction::kQuery) &&
                  uint32_t(Action::kFlush) == uint32_t(wire::PrivateAction::kFlush) &&
                  uint32_t(Action::kUpdate) == uint32_t(wire::PrivateAction::kUpdate) &&
                  uint32_t(Action::kStop) == uint32_t(wire::PrivateAction::kStop));
    const uint64_t group = acks_.open_group();
    providers_.for_each([&](ProviderConnection& to) {
        const auto member = session.members.find(to.id());
        if (member == session.members.end() || member->second.ended) return;
        wire::PrivateControl packet{};
        packet.session = session.saved().key;
        packet.cookie = acks_.expect(group, to.id());
        packet.action = wire::PrivateAction(uint32_t(action));
        packet.flush_timer_s = flush_timer_s;
        to.send(packet, wire::ProviderMessage::kPrivateControl);
    });
    const milliseconds patience = action == Action::kQuery ? kQueryPatience : kWritePatience;
    acks_.wait(group, patience, [done = std::move(done)](bool) { done(); });
}

void PrivateSessions::update(PrivateSession& session, const PrivateRequest& request,
                             RequestFiles files, const StatusAnswer& answer) {
    SavedSession changed = session.saved();
    if (request.flush_timer_s != 0) changed.properties.flush_timer_s = request.flush_timer_s;
    FileIdentity next{};
    if (request.log_file) {
        changed.properties.log_file = *request.log_file;
        if (const auto ok = session::check(changed.properties); !ok) return answer(ok.error());
        if (const auto ok = check_files(changed.properties, files); !ok) return answer(ok.error());
        next = files.log;
        if (hooks_.log_in_use(next)) {
            return answer(Failure{Code::kBadPathname,
                                  *request.log_file + " is the log of a running session"});
        }
    }
    if (const auto saved = save(folder_.sessions_folder(), changed); !saved) {
        return answer(failure_of(saved.error(), folder_.path()));
    }
    const StatusAnswer timely =
        in_time<SessionStatus>(session, changed.properties.log_file, answer);
    const SavedSession former = std::exchange(session.base.saved, changed);
    const wire::SessionKey key = changed.key;
    if (!request.log_file) {
        return send_all(session, Action::kUpdate, request.flush_timer_s,
                        [this, key, timely] { answer_with_status(key, timely); });
    }
    const auto before = std::make_shared<FormerPlace>(FormerPlace{
        former, std::exchange(session.first_log, std::move(files.fds[0])), session.first_identity,
        session.rights, session.folder, session.kept.folder, session.kept.first_taken});
    session.first_identity = next;
    session.rights = files.rights;
    session.folder = std::make_shared<UniqueFd>(files.take_folder());
    session.kept.folder = files.folder;
    session.kept.first_taken = false;
    session.refused = Code::kOk;
    const uint64_t group = acks_.open_group();
    for (const auto& [connection, member] : session.members) {
        if (!member.ended) switch_log(session, connection, group);
    }
    if (const Status saved = save_state(session); !saved) journal(folder_.path(), saved.error());
    const auto wait = [=, this, errands = session.files](const Status&) {
        acks_.wait(group, kWritePatience,
                   [=, this](bool) { finish_switch(key, before, errands, timely); });
    };
    session.files->add({{}, {}, wait});  // once the processes have been sent their logs
}

// Where every process has refused the new log, the session stays where it was.
void PrivateSessions::finish_switch(const wire::SessionKey& key,
                                    const std::shared_ptr<FormerPlace>& before,
                                    const std::shared_ptr<Errands>& files,
                                    const StatusAnswer& answer) {
    PrivateSession* session = find(key);
    const bool refused =
        session != nullptr && session->refused != Code::kOk &&
        std::none_of(session->members.begin(), session->members.end(), [&](const auto& one) {
            const PrivateMember& m = one.second;
            return m.next || m.log.path == session->path_of(m.log.first, m.process.pid);
        });
    if (!refused) {
        const auto untaken = [before] {
            return before->first_taken ? Untaken{}
                                       : Untaken{std::move(before->first_log), before->saved};
        };
        return finish_untaken(*files, untaken,
                              [this, key, answer] { answer_with_status(key, answer); });
    }
    const std::string path = session->saved().properties.log_file;
    session->base.saved = before->saved;
    session->first_log = std::move(before->first_log);
    session->first_identity = before->first_identity;
    session->rights = before->rights;
    session->folder = before->folder;
    session->kept.folder = before->folder_identity;
    session->kept.first_taken = before->first_taken;
    const Status saved = [&]() -> Status {
        ETW_CHECK(save(folder_.sessions_folder(), session->saved()));
        return save_state(*session);
    }();
    if (!saved) journal(folder_.path(), saved.error());
    answer(Failure{session->refused,
                   fmt::format("no process could go on in {}, which is as it was", path)});
}

// --- ending ----------------------------------------------------------------------------------

void PrivateSessions::stop(PrivateSession& session, StatusAnswer answer) {
    session.base.state = State::kStopping;
    const wire::SessionKey key = session.saved().key;
    answer = in_time<SessionStatus>(session, session.saved().properties.log_file, answer);
    send_all(session, Action::kStop, 0, [this, key, answer] {
        PrivateSession* stopping = find(key);
        if (stopping == nullptr) return;  // see drop_those_that_hang()
        const auto untaken = [this, key]() -> Untaken {
            PrivateSession& s = *find(key);
            if (s.kept.first_taken) return {};
            return {std::move(s.first_log), s.saved()};
        };
        finish_untaken(*stopping->files, untaken, [this, key, answer] {
            PrivateSession* stopped = find(key);
            if (stopped == nullptr) return;
            const SessionStatus last = status(*stopped);
            drop(*stopped);
            answer(last);
        });
    });
}

void PrivateSessions::drop(PrivateSession& session) {
    const uint32_t slot = session.saved().key.slot;
    remove_state(folder_.sessions_folder(), slot);
    const auto gone = std::move(sessions_[slot - wire::kMaxSessions]);
    for (const auto& [connection, registrations] : gone->joining) {
        ProviderConnection* to = providers_.find(connection);
        for (const uint32_t id : registrations) {
            if (to != nullptr && to->holds(id)) to->confirm(id);
        }
    }
    gone->files->give_up();
    hooks_.dropped();
}

void PrivateSessions::stop_all() {
    for (const auto& session : sessions_) {
        if (session == nullptr || session->base.state == State::kStopping) continue;
        stop(*session, [](const auto&) {});
    }
}

void PrivateSessions::drop_those_that_hang() {
    for (const auto& session : sessions_) {
        if (session == nullptr || session->base.state != State::kStopping) continue;
        if (session->files->unanswered() < kFilePatience) continue;
        journal(fmt::format("private session '{}' ends without its log: {} does not answer",
                            session->saved().properties.name,
                            session->saved().properties.log_file));
        drop(*session);
    }
}

// --- from what a killed host left -------------------------------------------------------------

std::unique_ptr<PrivateSession> PrivateSessions::make_session(SavedSession saved) const {
    auto session = std::make_unique<PrivateSession>();
    session->base.saved = std::move(saved);
    session->files = Errands::create(loop_, session->saved().owner_uid);
    return session;
}

std::unique_ptr<PrivateSession> PrivateSessions::recover_one(uint32_t slot) const {
    auto saved = load_saved(folder_.sessions_folder(), slot);
    auto kept = saved ? load_private(state_folder(folder_.sessions_folder(), slot))
                      : Result<PrivateState>(saved.error());
    if (!kept) {
        if (kept.error().code != Code::kFileNotFound) {
            journal(fmt::format("saved private session {}: dropped", slot), kept.error());
        }
        return nullptr;
    }
    auto session = make_session(std::move(*saved));
    session->base.state = State::kRunning;
    session->kept = std::move(*kept);
    session->awaited_until = Clock::now() + kReturnPatience;
    for (PrivateProcess& process : session->kept.processes) {
        if (process.running) session->awaited.insert(process.pid);
        process.running = false;  // until it says so itself
    }
    return session;
}

void PrivateSessions::recover() {
    for (uint32_t i = 0; i < sessions_.size(); ++i) {
        sessions_[i] = recover_one(wire::kMaxSessions + i);
        if (sessions_[i] == nullptr) {
            remove_state(folder_.sessions_folder(), wire::kMaxSessions + i);
        } else {
            reopen_files(*sessions_[i]);
        }
    }
}

}  // namespace etw::host
