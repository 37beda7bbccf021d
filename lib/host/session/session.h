// One session as the host's main thread holds it.
#pragma once
#include "host/event_loop.h"
#include "host/recording/sent_events.h"
#include "host/session/session_thread.h"
#include "host/survival/keeper_link.h"
#include "host/survival/saved_session.h"

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace etw::host {

// Where the logs of a session come from; touched by the session's thread only.
struct LogSource {
    std::string pattern;   // path of the log, with the %d of -newfile
    UniqueFd folder;       // -newfile: where the next one is made; opened by its path alone
    mode_t rights = 0600;  // and who may read it: as the first
};

// One user's rings in one session: those it was given, and few that were handed back or found:
// former ones, and such as the host lost and made new ones for meanwhile.
constexpr ptrdiff_t kMaxStreamsPerUser = 8;

struct Session {
    enum class State { kStarting, kRunning, kStopping };

    SavedSession saved;
    State state = State::kStarting;
    std::vector<std::shared_ptr<Stream>> streams;
    std::vector<std::shared_ptr<Stream>> retiring;  // nobody writes to these any more
    std::vector<FileIdentity> copied;               // rings whose copies are among these
    size_t stream_count = 0;                        // those that have not been handed back included
    std::optional<SentEvents> sent;                 // by programs without rings
    bool releases_sent = false;                     // as soon as the host has caught up
    FileIdentity claimed_log;                // the newest file it was given, in use or about to be
    bool has_feed = false;                   // its events are being delivered
    std::map<uint64_t, UniqueFd> consumers;  // by id; see session/consume.h
    std::shared_ptr<LogSource> source = std::make_shared<LogSource>();
    // What the thread is in a call on, if it is, is a program that it records, not its log.
    std::shared_ptr<std::atomic<bool>> asks_programs = std::make_shared<std::atomic<bool>>(false);
    std::unique_ptr<SessionThread> thread;
    UniqueFd owner;                    // pidfd of the process whose end ends the session
    EventLoop::TimerId end_timer = 0;  // for its time to live

    // Its rings are all that it records to.
    bool is_buffered() const { return (saved.properties.log_file_mode & kModeBuffering) != 0; }
    bool records_kernel() const;
    bool enables(const Guid& guid) const { return find_enable(guid) != nullptr; }
    // Whose processes may log to it: those of everybody but for a secure session.
    bool admits_user(uint32_t uid) const;
    const session::ProviderEnable* find_enable(const Guid& guid) const;
    // The ring set that processes of this user are given; there may be older ones.
    const Stream* stream_of(uint32_t uid) const;
    session::SessionStatus status() const;

    // Names of its descriptors at the keeper.
    std::string kept_log(const FileIdentity& file) const;
    std::string kept_rings(const Stream& stream) const;
    std::string kept_folder() const;
    std::string kept_feed() const;
    void forget_kept(const KeeperLink& keeper) const;
};

// A descriptor's name at the keeper, taken apart. slot, epoch and what it is.
struct KeptName {
    std::string kind;  // "log", "ring", "dir", "feed", "kernel"
    wire::SessionKey key{};
    std::string
        rest;  // "ring": uid/inode/blocks in decimal; "log": device.inode; "kernel": what/part
};
std::string kept_rings_name(const wire::SessionKey& key, uint32_t uid, const FileIdentity& rings,
                            uint32_t blocks);
// With which the names of all begin that records its kernel events.
std::string kept_kernel_name(const wire::SessionKey& key);
std::optional<KeptName> parse_kept_name(const std::string& name);

}  // namespace etw::host
