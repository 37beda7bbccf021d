// One private session as the host's main thread holds it.
#pragma once
#include "host/errands.h"
#include "host/providers/private_state.h"
#include "host/recording/log_file.h"
#include "host/session/session.h"

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace etw::host {

// The log of a process that takes part. The process replaces what it holds.
struct MemberLog {
    bool first = false;  // the one with the session's own name
    std::string path;
    FileIdentity identity;
    ForeignFd file;  // until the process has said that it has begun it
    LogMark former;  // as it was handed over
};

// One process that takes part.
struct PrivateMember {
    MemberLog log;
    std::optional<MemberLog> next;  // handed over by -update, and not yet taken
    uint64_t next_cookie = 0;       // of that
    bool confirmed = false;         // has said that it takes part
    bool ended = false;             // its log is final; stays so that it is not begun again
    session::PrivateProcess process;
    uint32_t number_of_buffers = 0;
    uint32_t free_buffers = 0;
    uint64_t thread_id = 0;
};

struct PrivateSession {
    Session base;  // name, key, providers; it has no thread and no rings here
    // What is asked of the files' system, all of it; the folder is opened by its path alone.
    std::shared_ptr<Errands> files;
    std::shared_ptr<const UniqueFd> folder = std::make_shared<UniqueFd>();
    ForeignFd first_log;  // for the first process that comes
    FileIdentity first_identity;
    mode_t rights = 0600;                       // who may read further logs: as the first
    PrivateState kept;                          // its processes: those that are gone
    std::map<uint64_t, PrivateMember> members;  // by connection
    // Processes whose log is being opened, by connection: what they have registered meanwhile.
    std::map<uint64_t, std::vector<uint32_t>> joining;
    Code refused = Code::kOk;    // why the last process did not take part
    std::set<uint32_t> awaited;  // processes that a predecessor knew
    std::chrono::steady_clock::time_point awaited_until;

    const SavedSession& saved() const { return base.saved; }
    std::string path_of(bool first, uint32_t pid) const;
    // A process has not begun the log that it was handed: if it is the session's own, the next one
    // gets it.
    void give_back(const MemberLog& log);
    // A host that was just started gives the processes that its predecessor knew a moment to
    // return.
    bool awaits_processes();
};

bool names_any(const std::vector<session::ProviderEnable>& providers, const Guid& guid);
void add_counts(session::PrivateProcess& sum, const session::PrivateProcess& one);

}  // namespace etw::host
