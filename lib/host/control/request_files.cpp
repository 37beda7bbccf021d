#include "host/control/request_files.h"

#include "base/hidden_fd.h"
#include "host/ask_elsewhere.h"
#include "host/recording/log_file.h"
#include "host/session/new_session.h"

#include <fcntl.h>

#include <utility>

namespace etw::host {

RequestFiles look_at(ForeignFds fds) {
    RequestFiles files;
    files.fds = std::move(fds);
    if (files.fds.empty()) return files;
    files.usable = [&]() -> Status {
        ForeignFd& log = files.fds[0];
        ETW_CHECK(check_log_descriptor(log.fd()));
        ETW_TRY(files.log, identity_of(log.get()));
        ETW_TRY(files.free_bytes, free_bytes(log.fd()));
        files.rights = rights_of(log.fd());
        if (files.has_folder()) {
            // Of what was opened by its path alone no file system is asked when it is closed.
            const int flags = ::fcntl(files.fds[1].get(), F_GETFL);
            if (flags < 0 || (flags & O_PATH) == 0) {
                return Error{Code::kPathNotFound, "folder of the log file: not opened as one", 0};
            }
            ETW_TRY(files.folder, identity_of(files.fds[1].get()));
        }
        log.put(hide_from_children(log.take()));
        return Ok{};
    }();
    return files;
}

void look_elsewhere(EventLoop& loop, uid_t whose, const std::string& log,
                    std::function<session::Outcome<RequestFiles>()> look,
                    std::function<void(session::Outcome<RequestFiles>)> then) {
    const auto without = [log](const Error& why) -> session::Outcome<RequestFiles> {
        return failure_of(why, log);
    };
    ask_elsewhere<session::Outcome<RequestFiles>>(loop, whose, std::move(look), without,
                                                  std::move(then));
}

}  // namespace etw::host
