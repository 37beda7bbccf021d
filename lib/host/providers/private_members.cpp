// Which processes take part in private sessions, and what they report.
#include "host/journal.h"
#include "host/providers/private_sessions.h"
#include "host/recording/log_file.h"
#include "host/session/new_session.h"
#include "session/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

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
    SavedSession saved = new_saved(p, slot, peer);
    saved.providers = request.providers;
    auto session = make_session(std::move(saved));
    hooks_.admit(session->base);
    session->first_log = ForeignFd(files.take_log(), peer.uid);
    session->first_identity = files.log;
    session->rights = files.rights;
    session->folder = std::make_shared<UniqueFd>(files.take_folder());
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
    const EnableAnswer timely = start_in_time(session, std::move(answer));
    const uint64_t group = acks_.open_group();
    admit_all(session, group);
    const auto wait = [this, key, group, timely](const Status&) {
        acks_.wait(group, kStartPatience, [=, this](bool) { finish_start(key, timely); });
    };
    session.files->add({{}, {}, wait});  // once the processes have been sent their logs
}

// Where its files hang as it begins, it is not to be; but for processes that take part already.
PrivateSessions::EnableAnswer PrivateSessions::start_in_time(const PrivateSession& session,
                                                             EnableAnswer answer) {
    const auto started = [this, key = session.saved().key,
                          answer = std::move(answer)](const Outcome<EnableResult>& outcome) {
        PrivateSession* begun = find(key);
        if (outcome || begun == nullptr || begun->base.state != State::kStarting)
            return answer(outcome);
        if (!begun->members.empty()) return finish_start(key, answer);
        drop(*begun);
        answer(outcome);
    };
    return in_time<EnableResult>(session, session.saved().properties.log_file, started);
}

// Every process that has one of the providers.
void PrivateSessions::admit_all(PrivateSession& session, uint64_t group) {
    providers_.for_each([&](ProviderConnection& to) {
        for (const auto& [id, registration] : to.registrations()) {
            const session::ProviderEnable* how = session.base.find_enable(registration.guid);
            if (how != nullptr && hooks_.admits(session.base, *how, to, false))
                admit(session, to, id, group);
        }
    });
}

void PrivateSessions::finish_start(const wire::SessionKey& key, const EnableAnswer& answer) {
    PrivateSession* session = find(key);
    if (session == nullptr || session->base.state == State::kStopping) {
        return answer(Failure{Code::kSessionNotFound, "the session has been stopped meanwhile"});
    }
    const bool starting = std::exchange(session->base.state, State::kRunning) == State::kStarting;
    const Code refused = session->refused;
    if (starting && session->members.empty() && refused != Code::kOk) {
        const std::string log = session->saved().properties.log_file;
        drop(*session);
        if (refused == Code::kTimeout) return answer(does_not_answer(log));
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

// --- a process joins -------------------------------------------------------------------------

// It gets a log first, which takes as long as its file system does.
void PrivateSessions::admit(PrivateSession& session, ProviderConnection& to, uint32_t registration,
                            Group group) {
    const auto joins = session.joining.find(to.id());
    if (joins != session.joining.end()) return joins->second.push_back(registration);
    if (session_of(to) != nullptr) {
        session.refused = Code::kNoSystemResources;  // a process has one private session
        return;
    }
    session.joining[to.id()].push_back(registration);
    open_log_for(session, to, group);
}

void PrivateSessions::open_log_for(PrivateSession& session, const ProviderConnection& to,
                                   Group group) {
    open_log(session, to.id(),
             [this, connection = to.id(), group](PrivateSession* joined, Result<MemberLog> log) {
                 log_opened(joined, connection, group, std::move(log));
             });
}

void PrivateSessions::log_opened(PrivateSession* session, uint64_t connection, Group group,
                                 Result<MemberLog> log) {
    ProviderConnection* to = providers_.find(connection);
    if (session == nullptr || to == nullptr || !session->joining.contains(connection)) return;
    // An update may have given the session another log meanwhile.
    if (log && log->path != session->path_of(log->first, uint32_t(to->peer().pid)))
        return open_log_for(*session, *to, group);
    const std::vector<uint32_t> registrations =
        std::move(session->joining.extract(connection).mapped());
    Status joined = log ? Status(Ok{}) : Status(log.error());
    if (session->base.state != State::kStopping) {
        if (joined) joined = join(*session, *to, *std::move(log), group);
        if (!joined) {
            session->refused = joined.error().code;
            journal(fmt::format("private session '{}': process {} cannot have a log",
                                session->saved().properties.name, to->peer().pid),
                    joined.error());
        }
    }
    for (const uint32_t id : registrations) {
        const auto registration = to->registrations().find(id);
        if (registration == to->registrations().end()) continue;
        const session::ProviderEnable* how = session->base.find_enable(registration->second.guid);
        if (session->members.contains(connection) && how != nullptr)
            hooks_.send_enable(*to, id, session->base, *how, acks_.next_cookie());
        if (to->holds(id)) to->confirm(id);
    }
}

// The process gets its log, and what that is to begin with, and begins.
Status PrivateSessions::join(PrivateSession& session, ProviderConnection& to, MemberLog log,
                             Group group) {
    const SavedSession& s = session.saved();
    ETW_TRY(const auto front, log_front(s, log.path));
    PrivateMember member;
    member.process.pid = uint32_t(to.peer().pid);
    member.process.running = true;
    member.process.log_file = log.path;
    wire::PrivateStart packet{};
    packet.session = s.key;
    packet.cookie = group ? acks_.expect(*group, to.id()) : acks_.next_cookie();
    packet.geometry = s.geometry;
    packet.limit_bytes = limit_bytes(s.properties);
    packet.start_counter = s.start_counter;
    packet.start_filetime = s.start_filetime;
    packet.counter_hz = s.counter_hz;
    packet.flush_timer_s = s.properties.flush_timer_s;
    packet.flags = start_flags(s, log.first);
    to.send_with(front, packet, wire::ProviderMessage::kPrivateStart, log.file.get());
    member.log = std::move(log);
    session.kept.first_taken = true;
    session.members[to.id()] = std::move(member);
    if (const Status saved = save_state(session); !saved) journal(folder_.path(), saved.error());
    return Ok{};
}

// --- what the processes say ------------------------------------------------------------------

void PrivateSessions::on_register(ProviderConnection& from, uint32_t id) {
    const auto& registration = from.registrations().at(id);
    for (const auto& session : sessions_) {
        if (session == nullptr || session->base.state == State::kStopping) continue;
        const session::ProviderEnable* how = session->base.find_enable(registration.guid);
        if (how == nullptr || !hooks_.admits(session->base, *how, from, !registration.earlier)) {
            continue;
        }
        const auto member = session->members.find(from.id());
        if (member == session->members.end()) {
            admit(*session, from, id, std::nullopt);
            if (session->joining.contains(from.id())) from.hold(id);
        } else if (!member->second.ended) {
            hooks_.send_enable(from, id, session->base, *how, acks_.next_cookie());
        }
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
    const auto place = session.members.emplace(from.id(), std::move(member)).first;
    identify(session, from.id());
    return place;
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
        one.log.file = {};
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
        session->joining.erase(from.id());
        auto member = session->members.extract(from.id());
        if (member.empty()) continue;
        PrivateMember& one = member.mapped();
        retire(*session, one);
        if (const Status saved = save_state(*session); !saved) {
            journal(folder_.path(), saved.error());
        }
        if (!one.confirmed || one.next) look_at_left(*session, std::move(one));
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
void PrivateSessions::switch_log(PrivateSession& session, uint64_t connection, uint64_t group) {
    open_log(session, connection,
             [this, connection, group](PrivateSession* owner, Result<MemberLog> log) {
                 ProviderConnection* to = providers_.find(connection);
                 if (owner == nullptr || to == nullptr || !owner->members.contains(connection))
                     return;
                 if (log && log->path != owner->path_of(log->first,
                                                        owner->members.at(connection).process.pid))
                     return;  // a later update sends another one
                 if (log)
                     return send_log(*owner, *to, *std::move(log), acks_.expect(group, connection));
                 journal(fmt::format("private session '{}': process {} cannot go on in another log",
                                     owner->saved().properties.name, to->peer().pid),
                         log.error());
             });
}

void PrivateSessions::send_log(PrivateSession& session, ProviderConnection& to, MemberLog log,
                               uint64_t cookie) {
    const auto front = log_front(session.saved(), log.path);
    if (!front) {
        journal(log.path, front.error());
        return acks_.acknowledged(to.id(), cookie);
    }
    wire::PrivateControl packet{};
    packet.session = session.saved().key;
    packet.cookie = cookie;
    packet.action = wire::PrivateAction::kUpdate;
    packet.flush_timer_s = session.saved().properties.flush_timer_s;
    packet.flags = log.first ? uint32_t{wire::kPrivateFirst} : 0;
    to.send_with(*front, packet, wire::ProviderMessage::kPrivateControl, log.file.get());
    session.kept.first_taken = true;
    PrivateMember& member = session.members.at(to.id());
    member.next = std::move(log);
    member.next_cookie = cookie;
}

// What became of the log that it was handed, by its answer.
void PrivateSessions::settle_next(PrivateSession& session, PrivateMember& member, bool taken) {
    if (!member.next) return;
    if (taken) {
        member.log = std::move(*member.next);
        member.log.file = {};
        member.process.log_file = member.log.path;
    } else {
        session.give_back(*member.next);
    }
    member.next.reset();
}

}  // namespace etw::host
