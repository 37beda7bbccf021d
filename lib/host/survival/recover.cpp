#include "host/survival/recover.h"

#include "base/hung_process.h"
#include "base/letter_case.h"
#include "base/path_fault.h"
#include "etw/session.h"
#include "host/recording/checkpoint.h"
#include "host/recording/log_file.h"
#include "host/recording/snapshot.h"
#include "host/recording/stream.h"
#include "host/survival/find_rings.h"
#include "wire/control_protocol.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <vector>

namespace etw::host {
namespace {

namespace fs = std::filesystem;
using wire::RingSetDescription;

constexpr uint64_t kMaxCounterHz = 1'000'000'000'000;
// Of a session's log, which the file that its rings are saved in is not.
constexpr uint32_t kLogModes = kModeSequential | kModeCircular | kModeAppend | kModeNewFile |
                               kModePreallocate | kModeUseKilobytes;

template <size_t N>
std::string text_of(const char (&raw)[N]) {
    std::string text(raw, ::strnlen(raw, N));
    // Whoever has the rings can have written anything: a line stays a line.
    std::replace_if(
        text.begin(), text.end(), [](char c) { return uint8_t(c) < ' ' || c == 0x7F; }, '?');
    return text;
}

struct Found {
    std::shared_ptr<Stream> stream;
    RingSetDescription description;
};

struct Leftover {
    RingSetDescription description;
    std::vector<std::shared_ptr<Stream>> streams;
};

// --- finding ---------------------------------------------------------------------------------

Result<Found> adopt(FoundRings found) {
    const RingSetDescription& d = found.description;
    if (d.counter_hz == 0 || d.counter_hz > kMaxCounterHz || d.start_filetime < 0 ||
        d.start_filetime > std::numeric_limits<int64_t>::max() / 2) {
        return Error{Code::kInvalidData, "rings: description", 0};
    }
    ETW_TRY(auto rings, ring::RingSet::adopt(std::move(found.fd), d.geometry));
    ETW_TRY(auto stream, Stream::make(d.uid, std::move(rings)));
    return Found{std::move(stream), d};
}

std::vector<Found> all_rings() {
    std::vector<Found> all;
    find_rings(LookInto::kMappingsToo, [&](FoundRings found) {
        const bool known = std::any_of(all.begin(), all.end(), [&](const Found& f) {
            return f.stream->rings_identity == found.identity;
        });
        if (known) return;
        if (auto adopted = adopt(std::move(found))) all.push_back(*std::move(adopted));
    });
    return all;
}

std::vector<Leftover> by_session(std::vector<Found> found) {
    std::vector<Leftover> out;
    for (Found& f : found) {
        const RingSetDescription& d = f.description;
        const auto same = [&](const Leftover& other) {
            const RingSetDescription& o = other.description;
            return o.session_epoch == d.session_epoch && o.session_slot == d.session_slot &&
                   o.geometry.cpus == d.geometry.cpus &&
                   o.geometry.block_size == d.geometry.block_size &&
                   text_of(o.session_name) == text_of(d.session_name) &&
                   text_of(o.runtime_folder) == text_of(d.runtime_folder);
        };
        const auto known = std::find_if(out.begin(), out.end(), same);
        if (known == out.end()) {
            out.push_back({d, {std::move(f.stream)}});
        } else {
            known->streams.push_back(std::move(f.stream));
        }
    }
    return out;
}

// A host that lives has its folder locked; so may one that was killed, and hangs.
bool host_lives(const std::string& folder) {
    const std::string path = folder + "/" + wire::kHostLockName;
    const UniqueFd lock(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!lock) return errno == EACCES;  // another user's: it cannot be told
    return ::flock(lock.get(), LOCK_SH | LOCK_NB) != 0 && !find_hung_holder(path);
}

// --- saving ----------------------------------------------------------------------------------

SavedSession session_of(const RingSetDescription& d) {
    SavedSession saved;
    saved.key.slot = d.session_slot % wire::kMaxSessions;
    saved.key.epoch = d.session_epoch;
    saved.geometry = d.geometry;
    saved.properties.name = text_of(d.session_name);
    saved.properties.log_file_mode = d.log_file_mode & ~kLogModes;
    saved.properties.clock = ClockType(d.clock_type);
    saved.controller_pid = d.controller_pid;
    saved.start_counter = d.start_counter;
    saved.start_filetime = d.start_filetime;
    saved.counter_hz = d.counter_hz;
    return saved;
}

// Where the host had got to. Its checkpoint is exact; without it, what it last told the writers.
std::vector<wire::RingPosition> drained(const Leftover& left, const Stream& stream) {
    const RingSetDescription& d = left.description;
    std::vector<wire::RingPosition> from;
    if ((d.geometry.flags & wire::kRingOverwrite) != 0) return from;
    for (uint32_t cpu = 0; cpu < d.geometry.cpus; ++cpu) {
        from.push_back(stream.rings.published_tail(cpu));
    }
    const std::string sessions = text_of(d.runtime_folder) + "/" + wire::kSavedSessionsFolder;
    const std::string state = state_folder(sessions, d.session_slot);
    // The rings say where it is: only what nobody else can have put there is taken from it.
    struct stat st {};
    if (::lstat(state.c_str(), &st) != 0 || st.st_uid != ::geteuid()) return from;
    const auto checkpoint =
        Checkpoint::open(checkpoint_path(sessions, d.session_slot), d.geometry.cpus);
    if (!checkpoint) return from;
    const auto progress = checkpoint->load();
    if (!progress) return from;
    for (const StreamProgress& known : progress->streams) {
        if (!(known.rings == stream.rings_identity)) continue;
        for (uint32_t cpu = 0; cpu < d.geometry.cpus; ++cpu) from[cpu] = known.cpus[cpu].tail;
    }
    return from;
}

// `earlier`: sessions of this name that have a file already.
std::string file_for(const std::string& session, size_t earlier) {
    std::string name = session.empty() ? "session" : session;
    std::replace(name.begin(), name.end(), '/', '_');
    if (name.front() == '.') name.front() = '_';
    const std::string number = earlier == 0 ? "" : fmt::format("-{}", earlier + 1);
    return name.substr(0, 200) + number + ".etl";
}

session::Failure failure_of(const Error& error) { return {error.code, error.what}; }

session::Outcome<SnapshotResult> save(const Leftover& left, const std::string& path,
                                      bool overwrite) {
    const SavedSession saved = session_of(left.description);
    Snapshot snapshot{log_info(saved, path), clock_of(saved), {}, 0};
    for (const auto& stream : left.streams) {
        snapshot.sources.push_back({&stream->rings, drained(left, *stream)});
        for (uint32_t cpu = 0; cpu < saved.geometry.cpus; ++cpu) {
            snapshot.events_lost += stream->rings.lost(cpu);
        }
    }
    struct stat st {};
    const bool existed = ::stat(path.c_str(), &st) == 0;
    const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | (overwrite ? 0 : O_EXCL);
    UniqueFd fd(::open(path.c_str(), flags, 0666));
    if (!fd) {
        PathFault fault = explain_open(path, errno);
        return session::Failure{fault.code, std::move(fault.text)};
    }
    if (const auto usable = check_log_descriptor(fd); !usable) return failure_of(usable.error());
    auto result = write_snapshot(std::move(fd), snapshot);
    if ((!result || result->buffers == 0) && !existed) ::unlink(path.c_str());
    if (!result) return failure_of(result.error());
    return *result;
}

void report(Code code, const std::string& path, const std::string& session,
            const SnapshotResult& result, const std::string& why) {
    fmt::print("{}\t{}\t{}\t{}\t{}\t{}\n", uint32_t(code), path, session, result.bytes,
               result.buffers, why);
}

}  // namespace

int run_recovery(const RecoverOptions& options) {
    std::vector<Leftover> left = by_session(all_rings());
    std::erase_if(left, [&](const Leftover& l) {
        const bool other_name = !options.session.empty() &&
                                !same_name(text_of(l.description.session_name), options.session);
        const bool other_folder =
            !options.folder.empty() && text_of(l.description.runtime_folder) != options.folder;
        // Every user's rings lie about: those of sessions that nobody asked for and that are well
        // are no news.
        const bool well =
            options.session.empty() && host_lives(text_of(l.description.runtime_folder));
        return other_name || other_folder || well;
    });
    std::map<std::string, size_t> earlier;
    for (const Leftover& one : left) {
        const std::string session = text_of(one.description.session_name);
        const std::string path =
            options.file.empty() ? file_for(session, earlier[session]++) : options.file;
        if (host_lives(text_of(one.description.runtime_folder))) {
            report(Code::kBusy, path, session, {}, "its host runs; use -flush or -stop");
        } else if (!options.file.empty() && left.size() > 1) {
            report(Code::kInvalidParameter, path, session, {},
                   "there are several sessions; leave out -f and each gets a file of its name");
        } else {
            const auto saved = save(one, path, !options.file.empty());
            if (saved) {
                report(Code::kOk, path, session, *saved, "");
            } else {
                report(saved.error().code, path, session, {}, saved.error().detail);
            }
        }
    }
    return 0;
}

}  // namespace etw::host
