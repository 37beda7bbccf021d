#include "host/control/request_files.h"

#include "base/hidden_fd.h"
#include "host/recording/log_file.h"

#include <fcntl.h>

#include <memory>
#include <utility>

namespace etw::host {

RequestFiles look_at(ForeignFds fds) {
    RequestFiles files;
    files.fds = std::move(fds);
    if (files.fds.empty()) return files;
    files.usable = [&]() -> Status {
        UniqueFd& log = files.fds[0];
        ETW_CHECK(check_log_descriptor(log));
        ETW_TRY(files.log, identity_of(log.get()));
        ETW_TRY(files.free_bytes, free_bytes(log));
        files.rights = rights_of(log);
        if (files.has_folder()) {
            // Of what was opened by its path alone no file system is asked when it is closed.
            const int flags = ::fcntl(files.fds[1].get(), F_GETFL);
            if (flags < 0 || (flags & O_PATH) == 0) {
                return Error{Code::kPathNotFound, "folder of the log file: not opened as one", 0};
            }
            ETW_TRY(files.folder, identity_of(files.fds[1].get()));
        }
        log = hide_from_children(std::move(log));
        return Ok{};
    }();
    return files;
}

void look_at_elsewhere(EventLoop& loop, ForeignFds fds,
                       std::function<void(Result<RequestFiles>)> then) {
    if (fds.empty()) return then(look_at({}));
    struct Look {
        std::function<void(Result<RequestFiles>)> then;  // empty once it was called
        EventLoop::TimerId timer = 0;
        RequestFiles files;
    };
    const auto look = std::make_shared<Look>();
    look->then = std::move(then);
    look->files.fds = std::move(fds);
    const auto answer = [&loop, look](Result<RequestFiles> result) {
        loop.cancel(look->timer);
        if (look->then) std::exchange(look->then, nullptr)(std::move(result));
    };
    const Status begun = run_elsewhere([&loop, look, answer] {
        look->files = look_at(std::move(look->files.fds));
        loop.post([look, answer] { answer(std::move(look->files)); });
    });
    if (!begun) return answer(begun.error());
    look->timer = loop.after(kFilePatience, [answer] {
        answer(Error{Code::kTimeout, "its file system does not answer", 0});
    });
}

}  // namespace etw::host
