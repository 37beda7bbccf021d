// One private session as the host's main thread holds it.
#pragma once
#include "host/providers/private_state.h"
#include "host/recording/log_file.h"
#include "host/session/session.h"

#include <chrono>
#include <map>
#include <optional>
#include <set>

namespace etw::host {

// The log of a process that takes part. The process replaces what it holds.
struct MemberLog {
    bool first = false;  // the one with the session's own name
    std::string path;
    FileIdentity identity;
    UniqueFd file;   // until the process has said that it has begun it
    LogMark former;  // as it was handed over

    // Whether it has, as far as the file tells.
    bool begun(uint32_t buffer_size) const;
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
    UniqueFd folder;
    UniqueFd first_log;  // until a process has taken it
    FileIdentity first_identity;
    PrivateState kept;                          // its processes: those that are gone
    std::map<uint64_t, PrivateMember> members;  // by connection
    Code refused = Code::kOk;                   // why the last process did not take part
    std::set<uint32_t> awaited;                 // processes that a predecessor knew
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
// Of the file with the path's name in that folder; zero where there is none.
FileIdentity identity_in(const UniqueFd& folder, const std::string& path);
void add_counts(session::PrivateProcess& sum, const session::PrivateProcess& one);

}  // namespace etw::host
