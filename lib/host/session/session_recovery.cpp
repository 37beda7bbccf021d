// How sessions go on from what a killed host left.
#include "base/file_call.h"
#include "base/hidden_fd.h"
#include "host/journal.h"
#include "host/providers/probe_providers.h"
#include "host/session/session_manager.h"
#include "host/survival/envelope.h"
#include "host/survival/find_rings.h"
#include "kernel/tracefs/tracefs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <future>
#include <map>

namespace etw::host {

namespace {

// Crashes in a row, of which the last was in the middle of taking up a session.
constexpr unsigned kCrashesToSetAside = 3;
constexpr std::chrono::seconds kFirstDrain{2};
// For a log to be opened again, where others have used up what all may take together.
constexpr std::chrono::milliseconds kLeastPatience{100};

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

// What is to be opened again of a session's log, by its thread.
struct LeftLog {
    SavedSession saved;
    std::shared_ptr<LogSource> source;
    UniqueFd envelope;  // none: the keeper had it, which is gone
    UniqueFd folder;    // -newfile; none: the same
    std::string name;   // of the log at the keeper
    std::string folder_name;
};

Result<UniqueFd> open_log(const LeftLog& left, const Progress& progress, const KeeperLink& keeper) {
    if (left.envelope) {
        ETW_TRY(UniqueFd fd, out_of_envelope(left.envelope));
        return hide_from_children(std::move(fd));
    }
    ETW_TRY(UniqueFd fd, reopen_log(progress.path, progress.file));
    keeper.store_file(left.name, fd);
    return fd;
}

Status resume_log(Drain& drain, LeftLog& left, const KeeperLink& keeper) {
    const FileCall call;
    const Progress& progress = drain.progress();
    const SavedSession& saved = left.saved;
    ETW_TRY(UniqueFd fd, open_log(left, progress, keeper));
    left.source->rights = rights_of(fd);
    if ((saved.properties.log_file_mode & kModeNewFile) != 0) {
        if (!left.folder) {
            // The session goes on in the file that it has, and tells of this when it needs another.
            auto reopened = reopen_folder(progress.path, saved.owner_uid, saved.owner_gid);
            if (!reopened) journal(progress.path, reopened.error());
            if (reopened) left.folder = std::move(*reopened);
            if (reopened) keeper.store(left.folder_name, left.folder);
        }
        left.source->folder = std::move(left.folder);
    }
    return drain.resume_log(std::move(fd));
}

// In the order in which they came to be: the newest of a user's is the one to hand out.
void sort_by_age(std::vector<std::shared_ptr<Stream>>& streams, const Progress& progress) {
    const auto age = [&](const std::shared_ptr<Stream>& stream) {
        return std::find_if(
                   progress.streams.begin(), progress.streams.end(),
                   [&](const auto& known) { return known.rings == stream->rings_identity; }) -
               progress.streams.begin();
    };
    std::stable_sort(streams.begin(), streams.end(),
                     [&](const auto& a, const auto& b) { return age(a) < age(b); });
}

// With those that the checkpoint knows and nobody has handed back yet.
size_t count_streams(const std::vector<std::shared_ptr<Stream>>& streams,
                     const Progress& progress) {
    const auto unknown = [&](const std::shared_ptr<Stream>& stream) {
        return std::none_of(
            progress.streams.begin(), progress.streams.end(),
            [&](const auto& known) { return known.rings == stream->rings_identity; });
    };
    return progress.streams.size() + size_t(std::count_if(streams.begin(), streams.end(), unknown));
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
    if (kept.empty()) kept = rings_of_programs();
    if (auto numbers = kept.extract(kKeptNumbers)) {
        if (auto adopted = MessageNumbers::adopt(std::move(numbers.mapped()))) {
            numbers_.emplace(*std::move(adopted));
        }
    }
    for (uint32_t slot = 0; slot < sessions_.size(); ++slot) {
        if (crashes != 0) mark_slot(folder_.path(), slot);
        auto session = recover_one(slot, kept);
        if (session == nullptr) {
            clear_left(slot);
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
    if (opening_.empty()) kernel::remove_unused_instances();
    private_.recover();
    // Of sessions that did not come to be, or to a proper end.
    for (const auto& [name, fd] : kept) {
        if (parse_kept_name(name)) keeper_.remove(name);
    }
}

// Whether there is something already, or after what there is left of the time that file systems may
// take.
template <class T>
bool SessionManager::in_patience(const std::future<T>& something) {
    using Clock = std::chrono::steady_clock;
    const auto begun = Clock::now();
    const auto patience = std::max<Clock::duration>(patience_, kLeastPatience);
    if (something.wait_for(patience) == std::future_status::ready) return true;
    patience_ -= std::min<Clock::duration>(patience_, Clock::now() - begun);
    return false;
}

// Where the keeper has died, too, programs have the rings, and will hand them back, some later than
// others. What is written to the log first is to be what was recorded first: so they are looked for
// before anything is. As the keeper would have handed them over, which gets them now.
KeptDescriptors SessionManager::rings_of_programs() const {
    struct Sought {
        Session session;  // no more than what was saved of it
        Progress progress;
        std::map<uint32_t, ptrdiff_t> unknown;  // how many of a user the checkpoint does not know
    };
    std::vector<Sought> sessions;
    const std::string folder = folder_.sessions_folder();
    for (uint32_t slot = 0; slot < sessions_.size(); ++slot) {
        auto saved = load_saved(folder, slot);
        if (!saved) continue;
        const auto left = Checkpoint::open(checkpoint_path(folder, slot), saved->geometry.cpus);
        if (!left) continue;
        auto progress = left->load();
        if (!progress) continue;
        Sought& sought = sessions.emplace_back();
        sought.session.saved = *std::move(saved);
        sought.progress = *std::move(progress);
    }
    KeptDescriptors out;
    if (sessions.empty()) return out;
    find_rings(LookInto::kDescriptors, [&](FoundRings found) {
        const wire::RingSetDescription& d = found.description;
        const auto of = std::find_if(sessions.begin(), sessions.end(), [&](const Sought& sought) {
            const wire::SessionKey& key = sought.session.saved.key;
            return key.slot == d.session_slot && key.epoch == d.session_epoch;
        });
        if (of == sessions.end()) return;
        const auto& streams = of->progress.streams;
        const auto known = std::find_if(streams.begin(), streams.end(), [&](const auto& stream) {
            return stream.rings == found.identity;
        });
        const bool is_known = known != streams.end();
        const uint32_t uid = is_known ? known->uid : d.uid;
        if (uid == kKernelStream) return;  // goes with what its records are made from
        const std::string name =
            kept_rings_name(of->session.saved.key, uid, found.identity, d.geometry.blocks);
        if (out.contains(name)) return;
        // The same rules as for rings that are handed back.
        if (!is_known && (uid != found.holder || !of->session.admits_user(uid) ||
                          !d.geometry.valid() || !is_allocated(found.fd, d.geometry.set_size()) ||
                          of->unknown[uid]++ >= kMaxStreamsPerUser)) {
            return;
        }
        keeper_.store(name, found.fd);
        out.emplace(name, std::move(found.fd));
    });
    return out;
}

// Of a session that did not come to be, or cannot go on. Programs that it had the kernel change are
// looked through, which may hang: until that is done its state stays, for another host to do it.
void SessionManager::clear_left(uint32_t slot) {
    const std::string folder = folder_.sessions_folder();
    const auto begun = load_beginning(folder, slot);
    if (!begun) return remove_state(folder, slot);
    clearing_.insert(slot);
    const auto done = std::make_shared<std::promise<void>>();
    const Status runs = run_elsewhere(begun->owner_uid, [this, slot, begun = *begun, done] {
        KernelSource::clear_left(begun);
        done->set_value();
        loop_.post([this, slot] {
            clearing_.erase(slot);
            remove_state(folder_.sessions_folder(), slot);
        });
    });
    if (!runs) return journal("breakpoints of a killed host may be left", runs.error());
    in_patience(done->get_future());
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
    if (const auto status = resume(*session, kept); !status) {
        cannot_go_on(*session, status.error());
        return nullptr;
    }
    return session;
}

void SessionManager::cannot_go_on(Session& session, const Error& error) {
    journal(fmt::format("session '{}': cannot go on", session.saved.properties.name), error);
    session.forget_kept(keeper_);
}

Status SessionManager::resume(Session& session, KeptDescriptors& kept) {
    SavedSession& saved = session.saved;
    ETW_TRY(auto checkpoint,
            Checkpoint::open(checkpoint_path(folder_.sessions_folder(), saved.key.slot),
                             saved.geometry.cpus));
    ETW_TRY(auto progress, checkpoint.load());
    LeftLog left;
    if (progress.path.empty()) {
        // An update that would have given it one was not finished.
        saved.properties.log_file.clear();
        if (!session.is_buffered()) saved.properties.log_file_mode |= kModeRealTime;
    } else {
        left.name = session.kept_log(progress.file);
        left.folder_name = session.kept_folder();
        if (auto log = kept.extract(left.name)) left.envelope = std::move(log.mapped());
        if (auto dir = kept.extract(left.folder_name)) left.folder = std::move(dir.mapped());
        // What it writes to, where an update that would have given it another was not finished.
        if ((saved.properties.log_file_mode & kModeNewFile) == 0)
            saved.properties.log_file = progress.path;
    }
    session.claimed_log = progress.file;
    recover_streams(session, kept);
    // After a kill of the keeper, too, its kernel events are not with any process.
    ETW_CHECK(ensure_kernel_stream(session));
    sort_by_age(session.streams, progress);
    session.stream_count = count_streams(session.streams, progress);
    if (const Stream* stream = session.stream_of(kSocketStream)) {
        if (auto writer = StreamWriter::over(*stream)) {
            session.sent.emplace(std::move(*writer));
        }
    }
    session.source->pattern = saved.properties.log_file;
    left.saved = saved;
    left.source = session.source;
    const bool has_log = !progress.path.empty();
    auto drain = std::make_shared<std::unique_ptr<Drain>>(
        std::make_unique<Drain>(saved, std::nullopt, std::move(checkpoint), std::move(progress)));
    std::erase_if(session.streams, [&](const auto& stream) {
        const auto added = (*drain)->add_stream(stream);
        if (!added) journal("kept rings: dropped", added.error());
        return !added;
    });
    ETW_CHECK(recover_feed(session, **drain, kept));
    const auto open = [drain]() -> Result<std::unique_ptr<Drain>> { return std::move(*drain); };
    const auto opened = std::make_shared<std::promise<Status>>();
    auto hooks = hooks_for(session, open, [this, opened, key = saved.key](const Status& status) {
        opened->set_value(status);
        loop_.post([this, key, status] {  // for a session that was not waited for
            if (opening_.erase(key.epoch) != 0 && opening_.empty())
                kernel::remove_unused_instances();
            Session* failed = status ? nullptr : find(key);
            if (failed == nullptr) return;
            cannot_go_on(*failed, status.error());
            drop(*failed);
        });
    });
    const auto kernel = needs_kernel_source(saved) ? kernel_stream(session) : nullptr;
    const auto kernel_left = std::make_shared<KeptDescriptors>(take_kept_kernel(saved.key, kept));
    hooks.resume = [this, has_log, kernel, kernel_left, asks = session.asks_programs,
                    log = std::make_shared<LeftLog>(std::move(left))](Drain& resumed) -> Status {
        if (kernel != nullptr) {
            *asks = true;
            const FileCall call;
            ETW_TRY(auto source,
                    KernelSource::start(log->saved, *kernel, keeper_, folder_.sessions_folder(),
                                        std::move(*kernel_left)));
            resumed.set_kernel_source(std::move(source));
            *asks = false;
        }
        return has_log ? resume_log(resumed, *log, keeper_) : Ok{};
    };
    session.thread =
        std::make_unique<SessionThread>(std::move(hooks), flush_timer(saved.properties));
    return await_opened(session, opened);
}

// A session whose log does not answer goes on when its file system does, and the others without it.
Status SessionManager::await_opened(const Session& session, const Opened& opened) {
    auto status = opened->get_future();
    if (in_patience(status)) return status.get();
    opening_.insert(session.saved.key.epoch);
    journal(fmt::format("session '{}': {} does not answer; it goes on when its file system does",
                        session.saved.properties.name,
                        log_that_hangs(session).value_or(session.thread->snapshot().path)));
    return Ok{};
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
