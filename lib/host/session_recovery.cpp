// How sessions go on from what a killed host left.
#include "host/journal.h"
#include "host/probe_providers.h"
#include "host/session_manager.h"
#include "kernel/tracefs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <future>

namespace etw::host {

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
            if (const auto begun = load_beginning(folder, slot)) KernelSource::clear_left(*begun);
            remove_state(folder, slot);
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
    if (const auto status = resume(*session, kept); !status) {
        journal(fmt::format("session '{}': cannot go on", session->saved.properties.name),
                status.error());
        session->forget_kept(keeper_);
        return nullptr;
    }
    return session;
}

Status SessionManager::resume(Session& session, KeptDescriptors& kept) {
    SavedSession& saved = session.saved;
    ETW_TRY(auto checkpoint,
            Checkpoint::open(checkpoint_path(folder_.sessions_folder(), saved.key.slot),
                             saved.geometry.cpus));
    ETW_TRY(auto progress, checkpoint.load());
    std::optional<etl::LogWriter> log;
    if (progress.path.empty()) {
        // An update that would have given it one was not finished.
        saved.properties.log_file.clear();
        if (!session.is_buffered()) saved.properties.log_file_mode |= kModeRealTime;
    } else {
        ETW_TRY(UniqueFd fd, recover_log(session, progress, kept));
        session.source->rights = rights_of(fd);
        // What it writes to, where an update that would have given it another was not finished.
        if ((saved.properties.log_file_mode & kModeNewFile) == 0)
            saved.properties.log_file = progress.path;
        ETW_TRY(auto resumed, resume_log(std::move(fd), saved, progress));
        log.emplace(std::move(resumed));
    }
    session.claimed_log = progress.file;
    recover_streams(session, kept);
    // After a kill of the keeper, too, its kernel events are not with any process.
    ETW_CHECK(ensure_kernel_stream(session));
    sort_by_age(session.streams, progress);
    session.stream_count = std::max(session.streams.size(), progress.streams.size());
    if (const Stream* stream = session.stream_of(kSocketStream)) {
        if (auto writer = StreamWriter::over(*stream)) {
            session.socket_writer.emplace(std::move(*writer));
        }
    }
    session.source->pattern = saved.properties.log_file;
    recover_folder(session, progress, kept);
    auto drain = std::make_shared<std::unique_ptr<Drain>>(
        std::make_unique<Drain>(saved, std::move(log), std::move(checkpoint), std::move(progress)));
    for (const auto& stream : session.streams) ETW_CHECK((*drain)->add_stream(stream));
    ETW_CHECK(recover_feed(session, **drain, kept));
    const auto kernel = kernel_stream(session);
    if (kernel != nullptr && needs_kernel_source(saved)) {
        ETW_TRY(auto source, KernelSource::start(saved, *kernel, keeper_, folder_.sessions_folder(),
                                                 take_kept_kernel(saved.key, kept)));
        (*drain)->set_kernel_source(std::move(source));
    }
    const auto open = [drain]() -> Result<std::unique_ptr<Drain>> { return std::move(*drain); };
    session.thread = std::make_unique<SessionThread>(hooks_for(session, open, [](const Status&) {}),
                                                     flush_timer(saved.properties));
    return Ok{};
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
