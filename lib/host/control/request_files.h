// The files that come with a request, and what there is to know of them before it is served. All of
// it is asked of their file systems beforehand, elsewhere, and all is closed there.
#pragma once
#include "etw/session.h"
#include "host/elsewhere.h"
#include "host/event_loop.h"
#include "host/recording/checkpoint.h"

#include <sys/types.h>

#include <functional>
#include <string>

namespace etw::host {

struct RequestFiles {
    ForeignFds fds;  // the log and, where it will have further ones, their folder
    // Why the first cannot be a log, kBadPathname where there is none; else the rest is known.
    Status usable = Error{Code::kBadPathname, "no open file", 0};
    FileIdentity log;
    mode_t rights = 0600;     // see rights_of()
    uint64_t free_bytes = 0;  // on its disk
    FileIdentity folder;

    bool has_folder() const noexcept { return fds.size() > 1; }
    UniqueFd take_log() noexcept { return fds[0].take(); }
    UniqueFd take_folder() noexcept { return fds[1].take(); }
};

// Asks all that now.
RequestFiles look_at(ForeignFds fds);
// Calls `look` elsewhere, on the account of the user `whose`, and `then` with what it says on the
// loop's thread. After kFilePatience with kTimeout and the name of the log: then the files are let
// go when their file systems answer.
void look_elsewhere(EventLoop& loop, uid_t whose, const std::string& log,
                    std::function<session::Outcome<RequestFiles>()> look,
                    std::function<void(session::Outcome<RequestFiles>)> then);

}  // namespace etw::host
