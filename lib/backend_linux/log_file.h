// The log file of a session, opened by the controller with its own rights.
#pragma once
#include "base/unique_fd.h"
#include "etw/session.h"

#include <optional>

namespace etw::backend_linux {

// An open log file and, where the host will make more files beside it, its folder. A file that did
// not exist before is removed again unless keep() is called: the request for it was refused.
class LogFile {
public:
    // `path` is absolute. An existing file is opened as it is, not truncated: it may belong to a
    // session. Only regular files; a pipe or a device is refused with kBadPathname.
    static session::Outcome<LogFile> open(const std::string& path, bool with_folder);

    LogFile() = default;
    LogFile(LogFile&& other) noexcept;
    LogFile& operator=(LogFile&& other) noexcept;
    ~LogFile() { remove_if_new(); }

    void keep() noexcept { created_ = false; }
    // Its file system does not answer: to ask it anything, closing included, is left to the end of
    // the process, when all is said.
    void leave() noexcept;
    // As it was opened; without a folder not that of a link but of the file it leads to.
    const std::string& path() const noexcept { return path_; }
    std::vector<int> descriptors() const;  // log file, [folder]

private:
    void remove_if_new() noexcept;

    std::string path_;
    UniqueFd file_;
    UniqueFd folder_;
    bool created_ = false;
};

}  // namespace etw::backend_linux
