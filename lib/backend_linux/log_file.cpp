#include "backend_linux/log_file.h"

#include "base/path_fault.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace etw::backend_linux {
namespace {

using session::Failure;
using session::Outcome;

Failure refuse(const std::string& path, const PathFault& fault) {
    return {fault.code, fmt::format("cannot open '{}': {}", path, fault.text)};
}

std::string folder_of(const std::string& path) {
    const size_t slash = path.find_last_of('/');
    return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

// What this program prints would go into the log: /dev/stdout, or a file that stands behind it.
bool is_own_output(const struct stat& file) {
    for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
        struct stat output {};
        if (::fstat(fd, &output) == 0 && output.st_dev == file.st_dev &&
            output.st_ino == file.st_ino) {
            return true;
        }
    }
    return false;
}

// Where the file is, if the last part of `path` is a link. A host that has to find the log again
// follows none.
std::string target_of(const std::string& path, const UniqueFd& file, const struct stat& st) {
    struct stat named {
    }, there{};
    if (::lstat(path.c_str(), &named) != 0 || !S_ISLNK(named.st_mode)) return path;
    std::error_code unreadable;
    const std::string target =
        std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", file.get()), unreadable);
    const bool same = ::lstat(target.c_str(), &there) == 0 && there.st_dev == st.st_dev &&
                      there.st_ino == st.st_ino;
    return same ? target : path;
}

}  // namespace

LogFile::LogFile(LogFile&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::move(other.file_)),
      folder_(std::move(other.folder_)),
      created_(std::exchange(other.created_, false)) {}

LogFile& LogFile::operator=(LogFile&& other) noexcept {
    if (this == &other) return *this;
    remove_if_new();
    path_ = std::move(other.path_);
    file_ = std::move(other.file_);
    folder_ = std::move(other.folder_);
    created_ = std::exchange(other.created_, false);
    return *this;
}

Outcome<LogFile> LogFile::open(const std::string& path, bool with_folder) {
    // Non-blocking so that a pipe put there in the meantime cannot hold us up.
    constexpr int kFlags = O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    LogFile log;
    log.path_ = path;
    log.file_.reset(::open(path.c_str(), kFlags | O_CREAT | O_EXCL, 0666));
    log.created_ = bool(log.file_);
    if (!log.file_ && errno == EEXIST) {
        struct stat st {};
        // Looked at before it is opened: opening alone can move a tape.
        if (::stat(path.c_str(), &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
            return refuse(path, explain_kind(st.st_mode));
        }
        // O_CREAT for a link to a file that does not exist yet.
        log.file_.reset(::open(path.c_str(), kFlags | O_CREAT, 0666));
    }
    if (!log.file_) return refuse(path, explain_open(path, errno));
    struct stat st {};
    if (::fstat(log.file_.get(), &st) != 0) return refuse(path, explain_open(path, errno));
    if (!S_ISREG(st.st_mode)) return refuse(path, explain_kind(st.st_mode));
    if (is_own_output(st)) {
        return refuse(path, {Code::kBadPathname, "this command prints into it; name another file"});
    }
    if (!with_folder) {
        log.path_ = target_of(path, log.file_, st);
    } else {
        const std::string folder = folder_of(path);
        log.folder_.reset(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!log.folder_) return refuse(folder, explain_open(folder, errno));
    }
    return log;
}

std::vector<int> LogFile::descriptors() const {
    std::vector<int> out;
    if (file_) out.push_back(file_.get());
    if (folder_) out.push_back(folder_.get());
    return out;
}

void LogFile::leave() noexcept {
    keep();
    static_cast<void>(file_.release());
}

void LogFile::remove_if_new() noexcept {
    if (!std::exchange(created_, false)) return;
    struct stat ours {
    }, there{};
    // Somebody else's file may stand at the path by now.
    const bool same = ::fstat(file_.get(), &ours) == 0 && ::lstat(path_.c_str(), &there) == 0 &&
                      ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
    if (same) ::unlink(path_.c_str());
}

}  // namespace etw::backend_linux
