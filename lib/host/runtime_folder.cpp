#include "host/runtime_folder.h"

#include "wire/control_protocol.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace etw::host {
namespace {

Status make_safe_folder(const std::string& path, mode_t mode) {
    if (::mkdir(path.c_str(), mode) == 0) {
        // umask may have taken bits away that providers of other users need.
        if (::chmod(path.c_str(), mode) != 0) {
            return Error{code_from_errno(errno), "chmod", uint64_t(errno)};
        }
    } else if (errno != EEXIST) {
        return Error{code_from_errno(errno), "mkdir", uint64_t(errno)};
    }
    struct stat st {};
    if (::lstat(path.c_str(), &st) != 0) {
        return Error{code_from_errno(errno), "lstat", uint64_t(errno)};
    }
    if (!S_ISDIR(st.st_mode)) return Error{Code::kBadPathname, "runtime folder: not a folder", 0};
    if (st.st_uid != ::geteuid()) {
        return Error{Code::kAccessDenied, "runtime folder: another user's", st.st_uid};
    }
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return Error{Code::kAccessDenied, "runtime folder: others may write to it", st.st_mode};
    }
    return Ok{};
}

}  // namespace

Result<RuntimeFolder> RuntimeFolder::open(const std::string& path) {
    ETW_CHECK(make_safe_folder(path, ::geteuid() == 0 ? 0755 : 0700));
    RuntimeFolder folder(path);
    ETW_CHECK(make_safe_folder(folder.sessions_folder(), 0700));
    return folder;
}

Result<UniqueFd> RuntimeFolder::lock() const {
    const std::string path = file(wire::kHostLockName);
    for (;;) {
        UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!fd) return Error{code_from_errno(errno), "lock file", uint64_t(errno)};
        if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
            return Error{errno == EWOULDBLOCK ? Code::kBusy : code_from_errno(errno), "lock",
                         uint64_t(errno)};
        }
        // Another file may have taken its place since it was opened.
        struct stat ours {};
        struct stat there {};
        if (::fstat(fd.get(), &ours) == 0 && ::lstat(path.c_str(), &there) == 0 &&
            ours.st_ino == there.st_ino && ours.st_dev == there.st_dev) {
            return fd;
        }
    }
}

std::optional<HungProcess> RuntimeFolder::hung_host() const {
    return find_hung_holder(file(wire::kHostLockName));
}

Status RuntimeFolder::put_lock_out_of_its_way() const {
    // One at a time: what is removed is not to be the lock that another one has just made.
    const UniqueFd folder(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder || ::flock(folder.get(), LOCK_EX) != 0) {
        return Error{code_from_errno(errno), "runtime folder: lock", uint64_t(errno)};
    }
    if (hung_host()) ::unlink(file(wire::kHostLockName).c_str());
    return Ok{};
}

}  // namespace etw::host
