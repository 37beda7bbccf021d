// How sessions begin: on request, or from what a killed host left.
#include "base/filetime.h"
#include "host/journal.h"
#include "host/probe_providers.h"
#include "host/session_manager.h"
#include "kernel/tracefs.h"
#include "ring/clock.h"
#include "session/rules.h"

#include <fmt/format.h>

#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>

namespace etw::host {

using session::EnableResult;
using session::Failure;
using session::Outcome;
using session::Properties;

uint32_t cpu_count() {
    const long n = ::sysconf(_SC_NPROCESSORS_CONF);
    return uint32_t(std::clamp<long>(n, 1, wire::RingGeometry::kMaxCpus));
}

namespace {

template <class T>
T random_value() {
    T value{};
    // Blocks only in the first moments of a machine; cannot fail for so few bytes.
    ETW_ASSERT(::getrandom(&value, sizeof(value), 0) == ssize_t(sizeof(value)));
    return value;
}

wire::RingGeometry geometry_for(const Properties& p) {
    const bool one_ring = (p.log_file_mode & kModeNoPerProcessor) != 0;
    const uint32_t cpus = one_ring ? 1 : cpu_count();
    uint32_t flags = (p.log_file_mode & kModeBuffering) != 0 ? wire::kRingOverwrite : 0u;
    if ((p.log_file_mode & kModeLocalSequence) != 0) flags |= wire::kRingLocalNumbers;
    if ((p.log_file_mode & kModeGlobalSequence) != 0) flags |= wire::kRingGlobalNumbers;
    return {cpus, session::blocks_per_cpu(p, cpus), p.buffer_size_kb * 1024, flags};
}

}  // namespace

Outcome<Ok> check_files(const Properties& p, const std::vector<UniqueFd>& fds) {
    if (p.log_file.empty()) return Ok{};
    if (fds.empty()) {
        return Failure{Code::kBadPathname, "the request came without an open log file"};
    }
    if (const auto usable = check_log_descriptor(fds[0]); !usable) {
        return failure_of(usable.error(), p.log_file);
    }
    if ((p.log_file_mode & (kModeNewFile | kModePrivate)) != 0 && fds.size() < 2) {
        return Failure{Code::kPathNotFound, "the request came without the folder of the log file"};
    }
    if (const auto room = check_disk_space(fds[0], p); !room) {
        if (room.error().code != Code::kDiskFull) return failure_of(room.error(), p.log_file);
        return Failure{Code::kDiskFull,
                       fmt::format("{}: only {} MB are free on its disk; free some, choose another "
                                   "disk with -f or a smaller limit",
                                   p.log_file, room.error().where / 1024 / 1024)};
    }
    return Ok{};
}

namespace {

// Nothing of a buffered session is written by the clock.
uint32_t flush_timer(const Properties& p) {
    return (p.log_file_mode & kModeBuffering) != 0 ? 0 : p.flush_timer_s;
}

bool is_socket_only(const SavedSession& saved) {
    return (saved.properties.log_file_mode & kModeNoPerProcessor) != 0 ||
           !ring::counter_is_usable();
}

std::string checkpoint_path(const RuntimeFolder& folder, uint32_t slot) {
    return state_folder(folder.sessions_folder(), slot) + "/checkpoint";
}

}  // namespace

Failure failure_of(const Error& error, const std::string& subject) {
    return {error.code, fmt::format("{}: {}", subject, error.what)};
}

Failure no_memory(const std::string& session, const wire::RingGeometry& geometry) {
    uint64_t available_kb = 0;
    std::ifstream in("/proc/meminfo");
    for (std::string line; std::getline(in, line);) {
        if (std::sscanf(line.c_str(), "MemAvailable: %" SCNu64, &available_kb) == 1) break;
    }
    return {Code::kNoSystemResources,
            fmt::format("not enough memory for the buffers of '{}': {} KB for each user, {} KB are "
                        "available; give fewer or smaller ones with -max and -b",
                        session, geometry.set_size() / 1024, available_kb)};
}

SavedSession new_saved(const Properties& p, uint32_t slot, const PeerCredentials& peer) {
    SavedSession saved;
    saved.properties = p;
    if (saved.properties.guid == Guid{}) saved.properties.guid = random_value<Guid>();
    saved.key.slot = slot;
    while (saved.key.epoch == 0) saved.key.epoch = random_value<uint64_t>();
    saved.geometry = geometry_for(p);
    saved.owner_uid = peer.uid;
    saved.owner_gid = peer.gid;
    saved.controller_pid = uint32_t(peer.pid);
    saved.counter_hz = ring::counter_frequency();
    const ring::ClockSample now = ring::sample_clocks();
    saved.start_counter = counter_at(now.monotonic_ns);
    saved.start_filetime = filetime_from_unix_ns(now.unix_ns);
    return saved;
}

// --- on request ------------------------------------------------------------------------------

Outcome<uint32_t> SessionManager::free_slot(const Properties& p) const {
    std::optional<uint32_t> slot;
    for (uint32_t i = 0; i < sessions_.size(); ++i) {
        if (sessions_[i] == nullptr) {
            if (!slot) slot = i;
            continue;
        }
        const Properties& other = sessions_[i]->saved.properties;
        if (session::same_name(other.name, p.name)) {
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
    if (usable) return check_sources(p.kernel);
    if (usable.error().code == Code::kAccessDenied) {
        return Failure{Code::kAccessDenied,
                       "kernel events are for root: run the command, and with it the session "
                       "host, as root"};
    }
    return Failure{usable.error().code,
                   "this kernel has no tracefs, or does not let it be mounted here: no kernel "
                   "events"};
}

Outcome<std::unique_ptr<Session>> SessionManager::prepare(const Properties& asked,
                                                          const std::vector<UniqueFd>& fds,
                                                          const PeerCredentials& peer) const {
    ETW_CHECK(session::check(asked));
    const Properties p = session::apply_defaults(asked, cpu_count());
    ETW_TRY(const uint32_t slot, free_slot(p));
    ETW_CHECK(check_kernel_session(p));
    FileIdentity file;
    if (!p.log_file.empty()) {
        ETW_CHECK(check_files(p, fds));
        const auto identity = identity_of(fds[0].get());
        if (!identity) return failure_of(identity.error(), p.log_file);
        file = *identity;
        if (log_in_use(file)) {
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
    session->claimed_log = file;
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
            keeper_.store(name_of(file), fd);
            return fd;
        };
    }
    return hooks;
}

void SessionManager::start(session::StartRequest request, std::vector<UniqueFd> fds,
                           const PeerCredentials& peer, EnableAnswer answer) {
    if ((request.properties.log_file_mode & kModePrivate) != 0) {
        const auto& asked = request.providers;
        if (std::any_of(asked.begin(), asked.end(), is_probe_provider)) {
            return answer(Failure{Code::kInvalidParameter,
                                  "a private session runs in the processes of its providers; the "
                                  "kernel's and probes of programs need one without -um"});
        }
        return private_.start(std::move(request), std::move(fds), peer, std::move(answer));
    }
    auto prepared = prepare(request.properties, fds, peer);
    if (!prepared) return answer(prepared.error());
    const wire::SessionKey key = (*prepared)->saved.key;
    sessions_[key.slot] = std::move(*prepared);
    Session& session = *sessions_[key.slot];
    const auto rings = [&]() -> Status {
        if (numbers_messages(session)) {
            ETW_CHECK(ensure_numbers());
            numbers_->begin(key.slot);
        }
        if (is_socket_only(session.saved)) return ensure_socket_stream(session);
        ETW_CHECK(stream_for(session, peer.uid));
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
        session.source->folder = std::move(fds[1]);
        session.source->rights = rights_of(fds[0]);
        keeper_.store(session.kept_folder(), session.source->folder);
    }
    const auto log_fd = std::make_shared<UniqueFd>();
    if (has_log) *log_fd = std::move(fds[0]);
    const auto open = [saved = session.saved, streams = session.streams,
                       kernel = kernel_stream(session), path, log_fd, folder = folder_,
                       name = session.kept_log(session.claimed_log),
                       keeper = &keeper_]() -> Result<std::unique_ptr<Drain>> {
        const std::string state = state_folder(folder.sessions_folder(), saved.key.slot);
        if (::mkdir(state.c_str(), 0700) != 0 && errno != EEXIST) {
            return Error{code_from_errno(errno), "state folder", uint64_t(errno)};
        }
        Progress progress(saved.geometry.cpus);
        progress.path = path;
        std::optional<etl::LogWriter> log;
        if (*log_fd) {
            ETW_TRY(progress.file, identity_of(log_fd->get()));
            keeper->store(name, *log_fd);
            const bool append = (saved.properties.log_file_mode & kModeAppend) != 0;
            ETW_TRY(auto begun, begin_log(std::move(*log_fd), saved, path, append));
            log.emplace(std::move(begun));
        }
        ETW_TRY(auto checkpoint,
                Checkpoint::create(checkpoint_path(folder, saved.key.slot), saved.geometry.cpus));
        auto drain = std::make_unique<Drain>(saved, std::move(log), std::move(checkpoint),
                                             std::move(progress));
        for (const auto& stream : streams) ETW_CHECK(drain->add_stream(stream));
        if (kernel != nullptr) {
            ETW_TRY(auto source, KernelSource::start(saved, *kernel));
            drain->set_kernel_source(std::move(source));
        }
        return drain;
    };
    const auto opened = [this, key, providers = std::move(request.providers),
                         answer](const Status& status) {
        loop_.post([=, this] { finish_start(key, providers, status, answer); });
    };
    session.thread =
        std::make_unique<SessionThread>(hooks_for(session, open, opened), flush_timer(p));
}

void SessionManager::finish_start(const wire::SessionKey& key,
                                  const std::vector<session::ProviderEnable>& providers,
                                  const Status& opened, const EnableAnswer& answer) {
    Session* session = find(key);
    ETW_ASSERT(session != nullptr);  // nothing else ends a session that is starting
    if (!opened) {
        const Properties& p = session->saved.properties;
        const Failure failure =
            failure_of(opened.error(), p.log_file.empty() ? p.name : p.log_file);
        drop(*session);
        return answer(failure);
    }
    if ((session->saved.properties.log_file_mode & kModeRealTime) != 0) {
        if (const auto ready = ensure_feed(*session); !ready) {
            return give_up(*session, ready.error(), answer);
        }
    }
    std::vector<Code> codes;
    for (const auto& how : providers) {
        codes.push_back(apply_enable(*session, how, wire::EnableAction::kEnable));
    }
    if (const auto saved = save(folder_.sessions_folder(), session->saved); !saved) {
        return give_up(*session, failure_of(saved.error(), folder_.path()), answer);
    }
    session->state = Session::State::kRunning;
    limit_life(*session);
    const uint64_t group = acks_.open_group();
    for (const auto& how : session->saved.providers) {
        tell(*session, how, wire::EnableAction::kEnable, group);
    }
    enable_probes(*session, {}, providers, std::move(codes), [=, this](std::vector<Code> settled) {
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

// --- from what a killed host left -------------------------------------------------------------

namespace {

// Crashes in a row, of which the last was in the middle of taking up a session.
constexpr unsigned kCrashesToSetAside = 3;
constexpr std::chrono::seconds kFirstDrain{2};

// Whatever is wrong with the session shows before the next one is taken up. A disk that hangs must
// not hold up the host, though.
void drain_once(SessionThread& thread) {
    const auto done = std::make_shared<std::promise<void>>();
    thread.post([done](SessionThread& session) {
        session.flush();
        done->set_value();
    });
    done->get_future().wait_for(kFirstDrain);
}

}  // namespace

void SessionManager::recover(KeptDescriptors kept, unsigned crashes) {
    const std::string folder = folder_.sessions_folder();
    if (crashes >= kCrashesToSetAside) {
        if (const auto slot = marked_slot(folder_.path())) {
            journal(fmt::format("saved session {} crashes its host: set aside in {}", *slot,
                                set_aside(folder_.path(), folder, *slot)));
        }
    }
    if (auto numbers = kept.extract(kKeptNumbers)) {
        if (auto adopted = MessageNumbers::adopt(std::move(numbers.mapped()))) {
            numbers_.emplace(*std::move(adopted));
        }
    }
    for (uint32_t slot = 0; slot < sessions_.size(); ++slot) {
        if (crashes != 0) mark_slot(folder_.path(), slot);
        auto session = recover_one(slot, kept);
        if (session == nullptr) {
            remove_state(folder_.sessions_folder(), slot);
            continue;
        }
        session->state = Session::State::kRunning;
        if (session->has_feed) await_consumers(*session);
        if (crashes != 0) drain_once(*session->thread);
        sessions_[slot] = std::move(session);
        limit_life(*sessions_[slot]);
        await_left_rings(*sessions_[slot]);
        await_former_rings(*sessions_[slot]);
    }
    unmark_slot(folder_.path());
    kernel::remove_unused_instances();
    private_.recover();
    // Of sessions that did not come to be, or to a proper end.
    for (const auto& [name, fd] : kept) {
        if (parse_kept_name(name)) keeper_.remove(name);
    }
}

std::unique_ptr<Session> SessionManager::recover_one(uint32_t slot, KeptDescriptors& kept) {
    auto saved = load_saved(folder_.sessions_folder(), slot);
    if (!saved) {
        if (saved.error().code != Code::kFileNotFound) {
            journal(fmt::format("saved session {}: dropped", slot), saved.error());
        }
        return nullptr;
    }
    auto session = std::make_unique<Session>();
    session->saved = std::move(*saved);
    const auto take_up = [&]() -> Status {
        ETW_TRY(auto checkpoint,
                Checkpoint::open(checkpoint_path(folder_, slot), session->saved.geometry.cpus));
        ETW_TRY(auto progress, checkpoint.load());
        std::optional<etl::LogWriter> log;
        if (progress.path.empty()) {
            // An update that would have given it one was not finished.
            session->saved.properties.log_file.clear();
            if (!session->is_buffered()) session->saved.properties.log_file_mode |= kModeRealTime;
        } else {
            ETW_TRY(UniqueFd fd, recover_log(*session, progress, kept));
            session->source->rights = rights_of(fd);
            ETW_TRY(auto resumed, resume_log(std::move(fd), session->saved, progress));
            log.emplace(std::move(resumed));
        }
        session->claimed_log = progress.file;
        recover_streams(*session, kept);
        // After a kill of the keeper, too, its kernel events are not with any process.
        ETW_CHECK(ensure_kernel_stream(*session));
        // In the order in which they came to be: the newest of a user's is the one to hand out.
        const auto age = [&](const std::shared_ptr<Stream>& stream) {
            const auto found = std::find_if(
                progress.streams.begin(), progress.streams.end(),
                [&](const auto& known) { return known.rings == stream->rings_identity; });
            return found - progress.streams.begin();
        };
        std::stable_sort(session->streams.begin(), session->streams.end(),
                         [&](const auto& a, const auto& b) { return age(a) < age(b); });
        session->stream_count = std::max(session->streams.size(), progress.streams.size());
        if (const Stream* stream = session->stream_of(kSocketStream)) {
            if (auto writer = StreamWriter::over(*stream)) {
                session->socket_writer.emplace(std::move(*writer));
            }
        }
        session->source->pattern = session->saved.properties.log_file;
        recover_folder(*session, progress, kept);
        auto drain = std::make_shared<std::unique_ptr<Drain>>(std::make_unique<Drain>(
            session->saved, std::move(log), std::move(checkpoint), std::move(progress)));
        for (const auto& stream : session->streams) ETW_CHECK((*drain)->add_stream(stream));
        ETW_CHECK(recover_feed(*session, **drain, kept));
        const auto kernel = kernel_stream(*session);
        if (kernel != nullptr && needs_kernel_source(session->saved)) {
            auto source = KernelSource::start(session->saved, *kernel);
            if (!source) return source.error();
            (*drain)->set_kernel_source(std::move(*source));
        }
        const auto open = [drain]() -> Result<std::unique_ptr<Drain>> { return std::move(*drain); };
        session->thread =
            std::make_unique<SessionThread>(hooks_for(*session, open, [](const Status&) {}),
                                            flush_timer(session->saved.properties));
        return Ok{};
    };
    if (const auto status = take_up(); !status) {
        journal(fmt::format("session '{}': cannot go on", session->saved.properties.name),
                status.error());
        return nullptr;
    }
    return session;
}

Result<UniqueFd> SessionManager::recover_log(const Session& session, const Progress& progress,
                                             KeptDescriptors& kept) {
    if (auto log = kept.extract(session.kept_log(progress.file)); !log.empty()) {
        return std::move(log.mapped());
    }
    ETW_TRY(UniqueFd fd, reopen_log(progress.path, progress.file));
    keeper_.store(session.kept_log(progress.file), fd);
    return fd;
}

void SessionManager::recover_folder(const Session& session, const Progress& progress,
                                    KeptDescriptors& kept) {
    const SavedSession& saved = session.saved;
    if ((saved.properties.log_file_mode & kModeNewFile) == 0) return;
    UniqueFd& folder = session.source->folder;
    if (auto dir = kept.extract(session.kept_folder()); !dir.empty()) {
        folder = std::move(dir.mapped());
        return;
    }
    // The session goes on in the file that it has, and tells of this when it needs another.
    auto reopened = reopen_folder(progress.path, saved.owner_uid, saved.owner_gid);
    if (!reopened) return journal(progress.path, reopened.error());
    folder = std::move(*reopened);
    keeper_.store(session.kept_folder(), folder);
}

void SessionManager::recover_streams(Session& session, KeptDescriptors& kept) {
    for (auto it = kept.begin(); it != kept.end();) {
        const auto name = parse_kept_name(it->first);
        if (!name || name->kind != "ring" || !(name->key == session.saved.key)) {
            ++it;
            continue;
        }
        const auto uid = uint32_t(std::strtoul(name->rest.c_str(), nullptr, 10));
        wire::RingGeometry geometry = session.saved.geometry;  // but for an earlier -max
        const size_t blocks = name->rest.rfind('/') + 1;
        geometry.blocks = uint32_t(std::strtoul(name->rest.c_str() + blocks, nullptr, 10));
        auto rings = ring::RingSet::adopt(std::move(it->second), geometry);
        it = kept.erase(it);
        auto stream = rings ? Stream::make(uid, std::move(*rings))
                            : Result<std::shared_ptr<Stream>>(rings.error());
        if (!stream) {
            journal("kept rings: dropped", stream.error());
            continue;
        }
        session.streams.push_back(std::move(*stream));
    }
}

}  // namespace etw::host
