#include "host/session/session_manager.h"

#include "base/letter_case.h"
#include "host/journal.h"
#include "host/session/kernel_refusal.h"
#include "session/rules.h"
#include "session/traced_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace etw::host {

using session::Failure;
using session::Outcome;
using session::SessionStatus;
using State = Session::State;

namespace {

// A provider that hangs, or is stopped in a debugger, must not hold up the end of a session.
constexpr std::chrono::milliseconds kStopPatience{100};
// How often sessions that are to end with the host are looked at.
constexpr std::chrono::milliseconds kLookAgain{200};

Failure not_found(const std::string& name) {
    return {Code::kSessionNotFound, fmt::format("no session '{}' is running", name)};
}

Failure no_kernel_events(const std::string& name) {
    return {Code::kInvalidParameter,
            fmt::format("'{}' has no kernel events; it was started without -eflag and "
                        "-systemlogger",
                        name)};
}

bool ends_real_time(const SavedSession& before, const SavedSession& now) {
    return before.is_real_time() && !now.is_real_time();
}

// What the request makes of the session's properties.
session::Properties updated(const Session& session, const session::UpdateRequest& request) {
    session::Properties p = session.saved.properties;
    if (request.real_time.value_or(false)) {
        p.log_file_mode |= kModeRealTime;
    } else if (request.log_file) {  // the reference's rule: real time off unless it is repeated
        p.log_file_mode &= ~uint32_t{kModeRealTime};
    }
    if (request.log_file) p.log_file = *request.log_file;
    if (request.maximum_buffers && !session.is_buffered()) {
        p.maximum_buffers = std::max(*request.maximum_buffers, p.minimum_buffers);
    }
    if (request.enable_flags) p.enable_flags = *request.enable_flags;
    if (request.kernel) p.kernel = *request.kernel;
    if (request.flush_timer_s.value_or(0) != 0) p.flush_timer_s = *request.flush_timer_s;
    return p;
}

}  // namespace

Failure session_ended() { return {Code::kSessionNotFound, "the session has ended meanwhile"}; }

Failure host_ends() { return {Code::kServiceNotAvailable, "the session host is just ending"}; }

SessionManager::SessionManager(EventLoop& loop, RuntimeFolder folder, const KeeperLink& keeper,
                               std::optional<uid_t> only_uid)
    : loop_(loop),
      folder_(std::move(folder)),
      keeper_(keeper),
      acks_(loop),
      providers_(loop, *this, only_uid),
      private_(loop, folder_, acks_, providers_,
               {.send_enable =
                    [this](ProviderConnection& to, uint32_t registration, const Session& session,
                           const session::ProviderEnable& how, uint64_t cookie) {
                        send_enable(to, registration, session, how, wire::EnableAction::kEnable,
                                    cookie);
                    },
                .admit =
                    [](Session& session) {
                        for (const auto& how : session.saved.providers) {
                            admit(session, how.guid, how.pids);
                        }
                    },
                .admits = [](const Session& session, const session::ProviderEnable& how,
                             const ProviderConnection& who,
                             bool registering) { return admits(session, how, who, registering); },
                .log_in_use = [this](const FileIdentity& file) { return log_in_use(file); },
                .dropped = [this] { one_dropped(); }}) {}

// --- looking up ------------------------------------------------------------------------------

Session* SessionManager::find(const std::string& name, Kind kind) const {
    // With kernel events the boot's session is called NT Kernel Logger, and answers to both names.
    const bool global = same_name(name, session::kGlobalLoggerName);
    for (const auto& session : sessions_) {
        if (session == nullptr ||
            session::traces_processes(session->saved.properties) != (kind == Kind::kTraced)) {
            continue;
        }
        const session::Properties& p = session->saved.properties;
        if (same_name(p.name, name) || (global && p.guid == session::kGlobalLoggerGuid)) {
            return session.get();
        }
    }
    return nullptr;
}

Session* SessionManager::find(const wire::SessionKey& key) const {
    if (key.slot >= sessions_.size()) return nullptr;
    Session* session = sessions_[key.slot].get();
    return session != nullptr && session->saved.key.epoch == key.epoch ? session : nullptr;
}

Outcome<Session*> SessionManager::running(const std::string& name, Kind kind) const {
    Session* session = find(name, kind);
    if (session == nullptr || session->state == State::kStarting) return not_found(name);
    if (session->state == State::kStopping) {
        return Failure{Code::kActiveConnections, fmt::format("'{}' is being stopped", name)};
    }
    return session;
}

// Before anything else is asked of its thread.
std::optional<std::string> SessionManager::log_that_hangs(const Session& session) {
    if (session.thread == nullptr || session.thread->log_unanswered() < kLongCall) return {};
    if (*session.asks_programs) return "a program that it records";
    return session.thread->snapshot().path;
}

bool SessionManager::log_in_use(const FileIdentity& file) const {
    bool used = private_.log_in_use(file);
    for_each([&](const Session& session) {
        used = used || session.claimed_log == file ||
               (session.thread != nullptr && session.thread->snapshot().file == file);
    });
    return used;
}

bool SessionManager::empty() const {
    return private_.empty() && std::all_of(sessions_.begin(), sessions_.end(),
                                           [](const auto& s) { return s == nullptr; });
}

Outcome<SessionStatus> SessionManager::query(const std::string& name) const {
    const Session* session = find(name);
    if (session == nullptr || session->state == State::kStarting) return not_found(name);
    return session->status();
}

std::vector<SessionStatus> SessionManager::list() const {
    std::vector<SessionStatus> all;
    for_each([&](const Session& session) {
        if (session.state != State::kStarting &&
            !session::traces_processes(session.saved.properties))
            all.push_back(session.status());
    });
    return all;
}

// --- ending ----------------------------------------------------------------------------------

void SessionManager::stop(const std::string& name, StatusAnswer answer, Kind kind) {
    const auto session = running(name, kind);
    if (!session) return answer(session.error());
    if (((*session)->saved.properties.log_file_mode & kModeNonStoppable) != 0) {
        return answer(Failure{
            Code::kAccessDenied,
            fmt::format("'{}' is not to be stopped (LogFileMode has 0x40); it ends with its host",
                        name)});
    }
    const std::string log = (*session)->thread->snapshot().path;
    stop_session(**session, in_time<SessionStatus>(**session, log, std::move(answer)));
}

void SessionManager::stop_session(Session& session, StatusAnswer answer) {
    session.state = State::kStopping;
    const wire::SessionKey key = session.saved.key;
    detach_all(session, [this, key, answer = std::move(answer)] {
        Session* stopping = find(key);
        if (stopping == nullptr) return;  // see await_end()
        take_up_left_rings(*stopping);
        if (stopping->sent) stopping->sent->release_all();
        stopping->thread->post([this, key, answer](SessionThread& thread) {
            const Status ended = thread.end();
            loop_.post([this, key, answer, ended] { finish_stop(key, ended, answer); });
        });
    });
}

// Tells every process to leave the session's rings and waits, for a while, until all have.
void SessionManager::detach_all(Session& session, std::function<void()> done) {
    const uint64_t group = acks_.open_group();
    providers_.for_each([&](ProviderConnection& connection) {
        // Events on their way are taken until it has answered, or the session is gone.
        if (!connection.attached().contains(session.saved.key.epoch)) return;
        for (auto& [id, registration] : connection.registrations()) {
            if (registration.enabled_by.erase(session.saved.key.epoch) == 0) continue;
            send_enable(connection, id, session, {}, wire::EnableAction::kDisable,
                        acks_.next_cookie());
        }
        connection.send(wire::Detach{{}, session.saved.key, acks_.expect(group, connection.id())},
                        wire::ProviderMessage::kDetach);
    });
    acks_.wait(group, kStopPatience, [done = std::move(done)](bool) { done(); });
}

void SessionManager::finish_stop(const wire::SessionKey& key, const Status& ended,
                                 const StatusAnswer& answer) {
    Session* session = find(key);
    if (session == nullptr) return;  // see await_end()
    if (!ended) journal("cannot finish " + session->thread->snapshot().path, ended.error());
    const SessionStatus status = session->status();
    drop(*session);
    if (ended) return answer(status);
    answer(failure_of(ended.error(), status.properties.log_file));
}

// Nothing of it remains, at the keeper, in the runtime folder or to be found here. Its thread ends
// as it stands: what it still does to a log that does not answer shows nowhere.
void SessionManager::drop(Session& session) {
    const uint32_t slot = session.saved.key.slot;
    forget_life(session);
    providers_.for_each([&](ProviderConnection& connection) {
        connection.attached().erase(session.saved.key.epoch);
    });
    session.forget_kept(keeper_);
    forget_consumers(session);
    remove_state(folder_.sessions_folder(), slot);
    one_dropped();
    const std::shared_ptr<Session> gone = std::move(sessions_[slot]);
    if (gone->thread != nullptr) {
        SessionThread::let_go(std::move(gone->thread), gone->saved.owner_uid);
    }
    loop_.post([gone] {});  // freeing rings may take longer than all the rest
}

// Later: who asked for it is answered first.
void SessionManager::one_dropped() {
    if (!ending_) return;
    loop_.post([this] {
        if (all_ended_ && empty()) std::exchange(all_ended_, nullptr)();
    });
}

void SessionManager::stop_all(std::function<void()> done) {
    ending_ = true;
    all_ended_ = std::move(done);
    for_each([&](Session& session) {
        if (session.state == State::kRunning) stop_session(session, [](const auto&) {});
    });
    private_.stop_all();
    one_dropped();
    await_end();
}

// Of sessions that are being stopped. One whose log does not answer is not waited for: its log
// remains as a kill would leave it.
void SessionManager::await_end() {
    loop_.after(kLookAgain, [this] {
        for_each([&](Session& session) {
            if (session.state != State::kStopping) return;
            if (session.thread->log_unanswered() < kFilePatience) return;
            journal(fmt::format("session '{}' ends without its log: {} does not answer",
                                session.saved.properties.name, session.thread->snapshot().path));
            drop(session);
        });
        private_.drop_those_that_hang();
        await_end();
    });
}

// --- while it runs ---------------------------------------------------------------------------

void SessionManager::flush(const session::FlushRequest& request, RequestFiles files,
                           StatusAnswer answer, Kind kind) {
    const std::string& name = request.name;
    const auto session = running(name, kind);
    if (!session) return answer(session.error());
    if ((*session)->is_buffered() && request.snapshot_file) {
        return save_snapshot(**session, *request.snapshot_file, std::move(files),
                             std::move(answer));
    }
    answer = in_time<SessionStatus>(**session, (*session)->thread->snapshot().path, answer);
    const wire::SessionKey key = (*session)->saved.key;
    (*session)->thread->post([this, key, name, answer](SessionThread& thread) {
        thread.flush();
        loop_.post([this, key, name, answer] {
            const Session* flushed = find(key);
            if (flushed == nullptr) return answer(not_found(name));
            answer(flushed->status());
        });
    });
}

void SessionManager::save_snapshot(Session& session, const std::string& path, RequestFiles given,
                                   StatusAnswer answer) {
    if (!given.usable) return answer(failure_of(given.usable.error(), path));
    if (log_in_use(given.log)) {
        return answer(Failure{Code::kBadPathname, path + " is the log of a running session"});
    }
    answer = in_time<SessionStatus>(session, path, answer);
    const auto files = std::make_shared<RequestFiles>(std::move(given));
    const wire::SessionKey key = session.saved.key;
    const std::string name = session.saved.properties.name;
    session.thread->post([this, key, name, path, files, answer](SessionThread& thread) {
        const Status saved = thread.drain().save_snapshot(files->take_log(), path);
        loop_.post([this, key, name, path, saved, answer] {
            const Session* owner = find(key);
            if (!saved && saved.error().code == Code::kDiskFull) {
                return answer(Failure{
                    Code::kDiskFull,
                    path + ": no room on its disk for what the buffers hold; they are untouched: "
                           "free some or choose another disk with -f"});
            }
            if (!saved) return answer(failure_of(saved.error(), path));
            if (owner == nullptr) return answer(not_found(name));
            answer(owner->status());
        });
    });
}

void SessionManager::increment_file(const std::string& name, StatusAnswer answer) {
    const auto session = running(name);
    if (!session) return answer(session.error());
    if (((*session)->saved.properties.log_file_mode & kModeNewFile) == 0) {
        return answer(Failure{Code::kInvalidParameter,
                              fmt::format("'{}' has one log file; only a session that was started "
                                          "with -newfile has a next one",
                                          name)});
    }
    answer = in_time<SessionStatus>(**session, (*session)->thread->snapshot().path, answer);
    const wire::SessionKey key = (*session)->saved.key;
    (*session)->thread->post([this, key, name, answer](SessionThread& thread) {
        thread.flush();
        const Status status = thread.next_file();
        loop_.post([this, key, name, answer, status, path = thread.snapshot().path] {
            const Session* switched = find(key);
            if (switched == nullptr) return answer(not_found(name));
            if (!status) return answer(failure_of(status.error(), "the file after " + path));
            answer(switched->status());
        });
    });
}

void SessionManager::system_rundown(const std::string& name, StatusAnswer answer) {
    const auto session = running(name);
    if (!session) return answer(session.error());
    if (!(*session)->records_kernel()) return answer(no_kernel_events(name));
    answer = in_time<SessionStatus>(**session, (*session)->thread->snapshot().path, answer);
    const wire::SessionKey key = (*session)->saved.key;
    (*session)->thread->post([this, key, name, answer](SessionThread& thread) {
        if (KernelSource* source = thread.drain().kernel_source()) source->rundown();
        loop_.post([this, key, name, answer] {
            const Session* told = find(key);
            if (told == nullptr) return answer(not_found(name));
            answer(told->status());
        });
    });
}

// For every user who has rings, others of the session's new size.
Outcome<std::vector<std::pair<uint32_t, ring::RingSet>>> SessionManager::make_rings(
    const Session& session, const wire::RingGeometry& geometry) const {
    std::vector<std::pair<uint32_t, ring::RingSet>> made;
    if (geometry == session.saved.geometry) return made;
    for (const auto& stream : session.streams) {
        if (stream->uid == kSocketStream || session.stream_of(stream->uid) != stream.get())
            continue;
        auto rings = ring::RingSet::create(geometry);
        if (!rings) return no_memory(session.saved.properties.name, geometry);
        rings->describe(describe(session, stream->uid, geometry));
        if (session.stream_count + made.size() + 2 >= Progress::kMaxStreams) {
            return Failure{Code::kNoSystemResources,
                           "former buffers are still being drained; try again in some seconds"};
        }
        made.emplace_back(stream->uid, std::move(*rings));
    }
    return made;
}

void SessionManager::update(const session::UpdateRequest& request, RequestFiles given,
                            StatusAnswer answer, Kind kind) {
    const auto found = running(request.name, kind);
    if (!found) return answer(found.error());
    if (const auto may = session::check(request); !may) return answer(may.error());
    Session& session = **found;
    if (same_name(session.saved.properties.name, session::kGlobalLoggerName))
        return become_kernel_logger(session, request, std::move(answer));
    if (request.enable_flags && !session.records_kernel())
        return answer(no_kernel_events(request.name));
    SavedSession changed = session.saved;
    changed.properties = updated(session, request);
    if (const auto ok = session::check(changed.properties); !ok) return answer(ok.error());
    if (request.kernel) {
        if (const auto ok = check_sources(*request.kernel); !ok) return answer(ok.error());
    }
    std::vector<std::pair<uint32_t, ring::RingSet>> rings;
    if (request.maximum_buffers && !session.is_buffered()) {
        changed.geometry.blocks =
            session::blocks_per_cpu(changed.properties, changed.geometry.cpus);
        auto made = make_rings(session, changed.geometry);
        if (!made) return answer(made.error());
        rings = std::move(*made);
    }
    if (request.log_file) {
        const auto usable = check_next_log(changed.properties, given);
        if (!usable) return answer(usable.error());
    }
    if (const auto saved = save(folder_.sessions_folder(), changed); !saved) {
        return answer(failure_of(saved.error(), folder_.path()));
    }
    const SavedSession before = std::exchange(session.saved, changed);
    answer = in_time<SessionStatus>(
        session, request.log_file.value_or(session.thread->snapshot().path), answer);
    const auto files = std::make_shared<RequestFiles>(std::move(given));
    const auto rest = [this, before, files, timer_s = flush_timer(changed.properties), answer,
                       switches = request.log_file.has_value()] {
        Session* running = find(before.key);
        if (running == nullptr || running->state != State::kRunning) {
            return answer(not_found(before.properties.name));
        }
        if (running->saved.is_real_time()) {
            if (const auto ready = ensure_feed(*running); !ready) {
                go_back(*running, before);
                return answer(ready.error());
            }
        }
        running->thread->post(
            [timer_s](SessionThread& thread) { thread.set_flush_timer(timer_s); });
        if (!switches) return update_kernel_flags(*running, before, answer);
        // The log last: what another log of that name held is gone then.
        update_kernel_flags(*running, before, [=, this](const Outcome<SessionStatus>& set) {
            if (!set) return answer(set.error());
            Session* updated = find(before.key);
            if (updated == nullptr || updated->state != State::kRunning) {
                return answer(not_found(before.properties.name));
            }
            switch_log(*updated, before, files, answer);
        });
    };
    if (changed.geometry == before.geometry) return rest();
    replace_rings(session, std::move(rings), rest);
}

Outcome<Ok> SessionManager::check_next_log(const session::Properties& p,
                                           const RequestFiles& files) const {
    if (!files.usable) return failure_of(files.usable.error(), p.log_file);
    if (log_in_use(files.log)) {
        return Failure{Code::kBadPathname, p.log_file + " is the log of a running session"};
    }
    if ((p.log_file_mode & kModeNewFile) != 0 && !files.has_folder()) {
        return Failure{Code::kPathNotFound, "-newfile: no folder for the next files"};
    }
    return Ok{};
}

// It goes on in the log that it had, with the kernel events that it had.
void SessionManager::go_back(Session& session, const SavedSession& before) {
    session::Properties& p = session.saved.properties;
    p.log_file = before.properties.log_file;
    p.log_file_mode = before.properties.log_file_mode;
    p.enable_flags = before.properties.enable_flags;
    p.kernel = before.properties.kernel;
    if (const auto saved = save(folder_.sessions_folder(), session.saved); !saved) {
        journal(folder_.path(), saved.error());
    }
}

// Answers when the other flags are in force.
void SessionManager::update_kernel_flags(Session& session, const SavedSession& before,
                                         StatusAnswer answer) {
    const session::Properties& now = session.saved.properties;
    if (!session.records_kernel() || (now.enable_flags == before.properties.enable_flags &&
                                      now.kernel == before.properties.kernel)) {
        return answer(session.status());
    }
    const auto done = [this, before, answer = std::move(answer)](const Status& set) {
        Session* updated = find(before.key);
        if (updated == nullptr) return answer(not_found(before.properties.name));
        if (set) return answer(updated->status());
        go_back(*updated, before);
        answer(kernel_refusal(set.error()));
    };
    session.thread->post([this, now, done](SessionThread& thread) {
        thread.flush();  // room for what is handed over
        KernelSource* source = thread.drain().kernel_source();
        const Status set =
            source == nullptr ? Status(Error{Code::kNotSupported, "none", 0}) : source->set(now);
        loop_.post([done, set] { done(set); });
    });
}

void SessionManager::switch_log(Session& session, const SavedSession& before,
                                const std::shared_ptr<RequestFiles>& files, StatusAnswer answer) {
    const session::Properties& p = session.saved.properties;
    const bool numbered = (p.log_file_mode & kModeNewFile) != 0;
    const std::string path = numbered ? session::numbered_log_file(p.log_file, 1) : p.log_file;
    session.claimed_log = files->log;
    keeper_.store_file(session.kept_log(files->log), files->fds[0].fd());
    if (numbered) keeper_.store(session.kept_folder(), files->fds[1].fd());
    const auto done = [this, before, path, answer](const Status& status) {
        Session* updated = find(before.key);
        if (updated == nullptr) return answer(not_found(before.properties.name));
        if (status) {
            // The drain has ended its feed as it began the log.
            if (ends_real_time(before, updated->saved)) cut_off(*updated);
            return answer(updated->status());
        }
        // It goes on in the file it had.
        keeper_.remove(updated->kept_log(updated->claimed_log));
        updated->claimed_log = updated->thread->snapshot().file;
        updated->saved.properties.log_file = before.properties.log_file;
        updated->saved.properties.log_file_mode = before.properties.log_file_mode;
        if (const auto saved = save(folder_.sessions_folder(), updated->saved); !saved) {
            journal(folder_.path(), saved.error());
        }
        answer(failure_of(status.error(), path));
    };
    session.thread->post([this, path, files, done, before, saved = session.saved,
                          folder = session.kept_folder(),
                          source = session.source](SessionThread& thread) {
        if (thread.drain().has_log()) thread.flush();  // to the old one
        thread.drain().set_saved(saved);
        const Status status =
            thread.switch_log(files->take_log(), path, 1, ends_real_time(before, saved));
        if (status) {
            source->pattern = saved.properties.log_file;
            source->rights = files->rights;
            if (files->has_folder()) source->folder = files->take_folder();
        } else {
            thread.drain().set_saved(before);
            if (source->folder) keeper_.store(folder, source->folder);
        }
        loop_.post([done, status] { done(status); });
    });
}

}  // namespace etw::host
