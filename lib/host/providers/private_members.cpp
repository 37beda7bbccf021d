// Which processes take part in private sessions, and what they report.
#include "host/journal.h"
#include "host/providers/private_sessions.h"
#include "host/recording/log_file.h"
#include "host/session/new_session.h"
#include "session/rules.h"

#include <fmt/format.h>

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace etw::host {

using session::EnableResult;
using session::Failure;
using session::Outcome;
using session::PrivateProcess;
using session::StartRequest;
using std::chrono::milliseconds;
using State = Session::State;

namespace {

// A process that hangs must not hold up the answer; it does what it was told when it goes on.
constexpr milliseconds kStartPatience{1000};
constexpr size_t kMaxListed = 256;  // processes that are gone

Code code_of(wire::PrivateResult result) {
    switch (result) {
        case wire::PrivateResult::kOk:
            return Code::kOk;
        case wire::PrivateResult::kHasAnother:
            return Code::kNoSystemResources;
        case wire::PrivateResult::kNoResources:
            return Code::kNotEnoughMemory;
        case wire::PrivateResult::kBadLog:
            return Code::kWriteFault;
        case wire::PrivateResult::kBadRequest:
            break;
    }
    return Code::kInvalidParameter;
}

uint32_t start_flags(const SavedSession& saved, bool first) {
    const uint32_t mode = saved.properties.log_file_mode;
    return (first ? uint32_t{wire::kPrivateFirst} : 0) |
           ((mode & kModeCircular) != 0 ? uint32_t{wire::kPrivateCircular} : 0) |
           ((mode & kModeNoPerProcessor) != 0 ? uint32_t{wire::kPrivateOneStream} : 0) |
           (clock_of(saved).rewrites() ? uint32_t{wire::kPrivateSystemTime} : 0);
}

}  // namespace

// --- start -----------------------------------------------------------------------------------

Outcome<uint32_t> PrivateSessions::free_slot(const StartRequest& request) const {
    if (find(request.properties.name) != nullptr) {
        return Failure{
            Code::kAlreadyExists,
            fmt::format("a private session '{}' is already running", request.properties.name)};
    }
    std::optional<uint32_t> slot;
    for (uint32_t i = 0; i < sessions_.size(); ++i) {
        if (sessions_[i] == nullptr) {
            if (!slot) slot = wire::kMaxSessions + i;
            continue;
        }
        const SavedSession& other = sessions_[i]->saved();
        for (const auto& how : request.providers) {
            if (!names_any(other.providers, how.guid)) continue;
            return Failure{Code::kAlreadyExists,
                           fmt::format("the private session '{}' records {} already; a process has "
                                       "one private session",
                                       other.properties.name, to_string(how.guid))};
        }
    }
    if (!slot) {
        return Failure{
            Code::kNoSystemResources,
            fmt::format("{} private sessions are running; stop one first", sessions_.size())};
    }
    return *slot;
}

Outcome<std::unique_ptr<PrivateSession>> PrivateSessions::prepare(
    const StartRequest& request, RequestFiles& files, const PeerCredentials& peer) const {
    const session::Properties& asked = request.properties;
    ETW_CHECK(session::check(asked));
    if (request.providers.empty() || names_any(request.providers, Guid{})) {
        return Failure{Code::kInvalidParameter,
                       "a private session needs its provider; name it with -guid"};
    }
    if (asked.owner_pid != 0 || asked.ttl_s != 0) {
        return Failure{Code::kInvalidParameter,
                       "a private session ends with its processes; leave out -owner-pid and -ttl "
                       "or -um"};
    }
    for (const auto& how : request.providers) ETW_CHECK(session::check(how));
    ETW_TRY(const uint32_t slot, free_slot(request));
    const session::Properties p = session::apply_defaults(asked, cpu_count());
    ETW_CHECK(check_files(p, files));
    if (hooks_.log_in_use(files.log)) {
        return Failure{Code::kBadPathname,
                       fmt::format("{} is the log of another session", p.log_file)};
    }
    auto session = std::make_unique<PrivateSession>();
    session->base.saved = new_saved(p, slot, peer);
    session->base.saved.providers = request.providers;
    hooks_.admit(session->base);
    session->base.state = State::kRunning;
    session->first_log = std::move(files.fds[0]);
    session->first_identity = files.log;
    session->folder = files.take_folder();
    session->kept.folder = files.folder;
    return session;
}

void PrivateSessions::start(StartRequest request, RequestFiles files, const PeerCredentials& peer,
                            EnableAnswer answer) {
    auto prepared = prepare(request, files, peer);
    if (!prepared) return answer(prepared.error());
    const wire::SessionKey key = (*prepared)->saved().key;
    sessions_[key.slot - wire::kMaxSessions] = std::move(*prepared);
    PrivateSession& session = *sessions_[key.slot - wire::kMaxSessions];
    const Status saved = [&]() -> Status {
        ETW_CHECK(save(folder_.sessions_folder(), session.saved()));
        return save_state(session);
    }();
    if (!saved) {
        drop(session);
        return answer(failure_of(saved.error(), folder_.path()));
    }
    const uint64_t group = acks_.open_group();
    const Code refused = admit_all(session, group);
    acks_.wait(group, kStartPatience, [this, key, refused, answer = std::move(answer)](bool) {
        finish_start(key, refused, answer);
    });
}

// Every process that has one of the providers. The code of the last that cannot take part.
Code PrivateSessions::admit_all(PrivateSession& session, uint64_t group) {
    Code refused = Code::kOk;
    providers_.for_each([&](ProviderConnection& to) {
        bool admitted = false;
        for (const auto& [id, registration] : to.registrations()) {
            const session::ProviderEnable* how = session.base.find_enable(registration.guid);
            if (how == nullptr || !hooks_.admits(session.base, *how, to, false)) continue;
            if (!admitted) {
                const Status status = admit(session, to, acks_.expect(group, to.id()));
                if (!status) {
                    refused = status.error().code;
                    return;
                }
                admitted = true;
            }
            hooks_.send_enable(to, id, session.base, *how, acks_.next_cookie());
        }
    });
    return refused;
}

void PrivateSessions::finish_start(const wire::SessionKey& key, Code refused,
                                   const EnableAnswer& answer) {
    PrivateSession* session = find(key);
    if (session == nullptr || session->base.state != State::kRunning) {
        return answer(Failure{Code::kSessionNotFound, "the session has been stopped meanwhile"});
    }
    if (session->refused != Code::kOk) refused = session->refused;
    if (session->members.empty() && refused != Code::kOk) {
        drop(*session);
        const char* why = "no process that has registered the provider could take it";
        if (refused == Code::kNoSystemResources) {
            why =
                "every process that has registered the provider is in another private session, and "
                "a process has one at most; stop that first";
        } else if (refused == Code::kWriteFault) {
            why =
                "no process that has registered the provider could write the log, which is as it "
                "was";
        }
        return answer(Failure{refused, why});
    }
    answer(EnableResult{status(*session),
                        std::vector<Code>(session->saved().providers.size(), Code::kOk)});
}

Result<UniqueFd> PrivateSessions::open_log(const PrivateSession& session,
                                           const MemberLog& log) const {
    if (log.first && session.first_log) {
        UniqueFd fd(::fcntl(session.first_log.get(), F_DUPFD_CLOEXEC, 0));
        if (!fd) return Error{code_from_errno(errno), "log file: dup", uint64_t(errno)};
        return fd;
    }
    const std::string name = std::filesystem::path(log.path).filename();
    return open_as_user(session.folder, name, rights_of(session.first_log),
                        session.saved().owner_uid, session.saved().owner_gid);
}

// The log for a process that comes, or goes on in another one.
Result<MemberLog> PrivateSessions::next_log(const PrivateSession& session, uint32_t pid) const {
    MemberLog log;
    log.first = !session.kept.first_taken;
    log.path = session.path_of(log.first, pid);
    ETW_TRY(log.file, open_log(session, log));
    ETW_TRY(log.identity, identity_of(log.file.get()));
    if (!log.first && hooks_.log_in_use(log.identity)) {
        return Error{Code::kBadPathname, "private session: log of another session", 0};
    }
    ETW_TRY(log.former, mark_of(log.file, session.saved().geometry.block_size));
    return log;
}

// The process gets its log, and what that is to begin with, and begins.
Status PrivateSessions::admit(PrivateSession& session, ProviderConnection& to, uint64_t cookie) {
    if (session_of(to) != nullptr) {
        acks_.acknowledged(to.id(), cookie);
        return Error{Code::kNoSystemResources, "private session: the process has another", 0};
    }
    PrivateMember member;
    member.process.pid = uint32_t(to.peer().pid);
    member.process.running = true;
    const auto prepare_log = [&]() -> Result<std::vector<std::byte>> {
        ETW_TRY(member.log, next_log(session, member.process.pid));
        return log_front(session.saved(), member.log.path);
    };
    const auto front = prepare_log();
    if (!front) {
        journal(fmt::format("private session '{}': process {} cannot have a log",
                            session.saved().properties.name, member.process.pid),
                front.error());
        acks_.acknowledged(to.id(), cookie);
        return front.error();
    }
    member.process.log_file = member.log.path;
    const SavedSession& s = session.saved();
    wire::PrivateStart packet{};
    packet.session = s.key;
    packet.cookie = cookie;
    packet.geometry = s.geometry;
    packet.limit_bytes = limit_bytes(s.properties);
    packet.start_counter = s.start_counter;
    packet.start_filetime = s.start_filetime;
    packet.counter_hz = s.counter_hz;
    packet.flush_timer_s = s.properties.flush_timer_s;
    packet.flags = start_flags(s, member.log.first);
    to.send_with(*front, packet, wire::ProviderMessage::kPrivateStart, member.log.file.get());
    session.kept.first_taken = true;
    session.members[to.id()] = std::move(member);
    if (const Status saved = save_state(session); !saved) journal(folder_.path(), saved.error());
    return Ok{};
}

// --- what the processes say ------------------------------------------------------------------

void PrivateSessions::on_register(ProviderConnection& from, uint32_t id) {
    const auto& registration = from.registrations().at(id);
    for (const auto& session : sessions_) {
        if (session == nullptr || session->base.state != State::kRunning) continue;
        const session::ProviderEnable* how = session->base.find_enable(registration.guid);
        if (how == nullptr || !hooks_.admits(session->base, *how, from, !registration.earlier)) {
            continue;
        }
        const auto member = session->members.find(from.id());
        if (member == session->members.end()) {
            if (!admit(*session, from, acks_.next_cookie())) continue;
        } else if (member->second.ended) {
            continue;
        }
        hooks_.send_enable(from, id, session->base, *how, acks_.next_cookie());
    }
}

// A process that took part before its host died, or before it lost its connection.
PrivateSessions::MemberPlace PrivateSessions::take_back(PrivateSession& session,
                                                        const ProviderConnection& from,
                                                        bool first) {
    const auto pid = uint32_t(from.peer().pid);
    PrivateMember member;
    member.log.first = first;
    member.log.path = session.path_of(first, pid);
    member.process.pid = pid;
    member.process.log_file = member.log.path;
    session.awaited.erase(pid);
    std::erase_if(session.members, [&](const auto& m) { return m.second.process.pid == pid; });
    auto& gone = session.kept.processes;
    const auto known =
        std::find_if(gone.begin(), gone.end(), [&](const auto& p) { return p.pid == pid; });
    if (known != gone.end()) {
        member.process = *known;
        member.log.path = known->log_file;
        gone.erase(known);
    }
    member.log.identity = identity_in(session.folder, member.log.path);
    return session.members.emplace(from.id(), std::move(member)).first;
}

void PrivateSessions::on_status(ProviderConnection& from, const wire::PrivateStatus& packet) {
    PrivateSession* session = find(packet.session);
    const bool ended = (packet.flags & wire::kPrivateEnded) != 0;
    const auto control = [&](wire::PrivateAction action) {
        wire::PrivateControl request{};
        request.session = packet.session;
        request.cookie = acks_.next_cookie();
        request.action = action;
        from.send(request, wire::ProviderMessage::kPrivateControl);
    };
    if (session == nullptr) {  // it was stopped while the process had no host
        if (!ended) control(wire::PrivateAction::kStop);
        return;
    }
    auto member = session->members.find(from.id());
    if (member == session->members.end()) {
        if (ended) return;
        member = take_back(*session, from, (packet.flags & wire::kPrivateIsFirst) != 0);
        control(wire::PrivateAction::kQuery);  // the session is still ours
    }
    PrivateMember& one = member->second;
    const bool taken = packet.result == wire::PrivateResult::kOk;
    if (one.next && packet.cookie == one.next_cookie) settle_next(*session, one, taken);
    if (taken) {
        one.confirmed = true;
        one.log.file.reset();
        one.ended = one.ended || ended;
        one.number_of_buffers = packet.number_of_buffers;
        one.free_buffers = packet.free_buffers;
        one.thread_id = packet.thread_id;
        one.process.running = !one.ended;
        // Never falls, whatever a process says.
        PrivateProcess& p = one.process;
        p.buffers_written = std::max(p.buffers_written, packet.buffers_written);
        p.log_buffers_lost = std::max(p.log_buffers_lost, packet.buffers_lost);
        p.events_lost = std::max(p.events_lost, packet.events_lost);
        p.recorded_bytes = std::max(p.recorded_bytes, packet.record_bytes);
        p.log_file_size = packet.log_size;
    } else {
        session->refused = code_of(packet.result);
        if (!one.confirmed) {
            session->give_back(one.log);
            session->members.erase(member);
        }
    }
    acks_.acknowledged(from.id(), packet.cookie);
}

void PrivateSessions::on_closed(ProviderConnection& from) {
    for (const auto& session : sessions_) {
        if (session == nullptr) continue;
        const auto member = session->members.find(from.id());
        if (member == session->members.end()) continue;
        PrivateMember& one = member->second;
        const uint32_t buffer_size = session->saved().geometry.block_size;
        if (!one.confirmed && !one.log.begun(buffer_size)) session->give_back(one.log);
        if (one.next) settle_next(*session, one, one.next->begun(buffer_size));
        retire(*session, one);
        session->members.erase(member);
        if (const Status saved = save_state(*session); !saved) {
            journal(folder_.path(), saved.error());
        }
    }
}

void PrivateSessions::retire(PrivateSession& session, PrivateMember& member) {
    member.process.running = false;
    std::vector<PrivateProcess>& gone = session.kept.processes;
    if (gone.size() == kMaxListed) {
        PrivateProcess sum;  // of the oldest two
        add_counts(sum, gone[0]);
        add_counts(sum, gone[1]);
        gone[1] = sum;
        gone.erase(gone.begin());
    }
    gone.push_back(member.process);
}

// The first process goes on in the session's new file, the others beside it.
void PrivateSessions::switch_log(PrivateSession& session, PrivateMember& member,
                                 ProviderConnection& to, uint64_t cookie) {
    MemberLog next;
    const auto prepare_log = [&]() -> Result<std::vector<std::byte>> {
        ETW_TRY(next, next_log(session, member.process.pid));
        return log_front(session.saved(), next.path);
    };
    const auto front = prepare_log();
    if (!front) {
        journal(fmt::format("private session '{}': process {} cannot go on in another log",
                            session.saved().properties.name, member.process.pid),
                front.error());
        return acks_.acknowledged(to.id(), cookie);
    }
    wire::PrivateControl packet{};
    packet.session = session.saved().key;
    packet.cookie = cookie;
    packet.action = wire::PrivateAction::kUpdate;
    packet.flush_timer_s = session.saved().properties.flush_timer_s;
    packet.flags = next.first ? uint32_t{wire::kPrivateFirst} : 0;
    to.send_with(*front, packet, wire::ProviderMessage::kPrivateControl, next.file.get());
    session.kept.first_taken = true;
    member.next = std::move(next);
    member.next_cookie = cookie;
}

// What became of the log that it was handed, by its answer.
void PrivateSessions::settle_next(PrivateSession& session, PrivateMember& member, bool taken) {
    if (!member.next) return;
    if (taken) {
        member.log = std::move(*member.next);
        member.log.file.reset();
        member.process.log_file = member.log.path;
    } else {
        session.give_back(*member.next);
    }
    member.next.reset();
}

}  // namespace etw::host
