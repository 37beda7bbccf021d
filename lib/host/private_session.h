// One private session as the host's main thread holds it.
#pragma once
#include "host/private_state.h"
#include "host/session.h"

#include <chrono>
#include <map>
#include <set>

namespace etw::host {

// One process that takes part.
struct PrivateMember {
    bool first = false;      // has the log with the session's own name
    bool confirmed = false;  // has said that it takes part
    bool ended = false;      // its log is final; stays so that it is not begun again
    FileIdentity log;
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
    std::string path_of(const PrivateMember& member) const;
    // A host that was just started gives the processes that its predecessor knew a moment to
    // return.
    bool awaits_processes();
};

bool names_any(const std::vector<session::ProviderEnable>& providers, const Guid& guid);
// Of the file with the path's name in that folder; zero where there is none.
FileIdentity identity_in(const UniqueFd& folder, const std::string& path);
void add_counts(session::PrivateProcess& sum, const session::PrivateProcess& one);

}  // namespace etw::host
