#include "base/path_fault.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace etw {
namespace {

bool may(const std::string& path, int what) {
    return ::faccessat(AT_FDCWD, path.c_str(), what, AT_EACCESS) == 0;
}

std::string target_of(const std::string& link) {
    std::array<char, PATH_MAX> text;
    const ssize_t size = ::readlink(link.c_str(), text.data(), text.size());
    return size < 0 ? "" : std::string(text.data(), size_t(size));
}

bool is_link(const std::string& path) {
    struct stat st {};
    return ::lstat(path.c_str(), &st) == 0 && S_ISLNK(st.st_mode);
}

std::string folder_of(const std::string& path) {
    const size_t slash = path.rfind('/');
    if (slash == path.npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

// It is still there for those who are in it; nothing can be made in it.
bool is_removed(const std::string& folder) {
    struct stat st {};
    return ::stat(folder.c_str(), &st) == 0 && st.st_nlink == 0;
}

// The first part of the path, itself included, that cannot be looked at; "" if all can. `error`
// says why not.
std::string unseen_part(const std::string& path, int& error) {
    for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
        const std::string part = path.substr(0, end);
        struct stat st {};
        if (::stat(part.c_str(), &st) != 0) {
            error = errno;
            return part;
        }
        if (end == path.npos) return "";
    }
}

PathFault no_new_files(const std::string& path) {
    return {Code::kBadPathname, fmt::format("the file system of '{}' takes no new files; name a "
                                            "file in another folder",
                                            folder_of(path))};
}

PathFault missing(const std::string& path) {
    int error = 0;
    const std::string part = unseen_part(path, error);
    if (error == ENOTDIR) {
        return {Code::kPathNotFound,
                fmt::format("'{}' is a file, not a folder; name another folder", folder_of(part))};
    }
    if (is_link(part)) {
        return {Code::kPathNotFound,
                fmt::format("'{}' is a link to '{}', which is not there; mend it, or name another "
                            "file",
                            part, target_of(part))};
    }
    const std::string folder = folder_of(path);
    if (part == path && is_removed(folder)) {
        return {
            Code::kPathNotFound,
            fmt::format("the folder '{}' has been removed; go to another, or name one", folder)};
    }
    if (part == path) return no_new_files(path);
    return {Code::kPathNotFound,
            fmt::format("the folder '{}' does not exist; make it, or name another", part)};
}

PathFault denied(const std::string& path) {
    constexpr auto kCode = Code::kAccessDenied;
    int error = 0;
    const std::string part = unseen_part(path, error);
    if (error == EACCES) {
        return {kCode, fmt::format("you have no right to look into the folder '{}'; name another",
                                   folder_of(part))};
    }
    const std::string folder = folder_of(path);
    if (error != 0 && !may(folder, W_OK | X_OK)) {
        return {kCode,
                fmt::format("you have no right to make files in the folder '{}'; name another",
                            folder)};
    }
    if (error != 0) return no_new_files(path);
    if (may(path, R_OK | W_OK)) {
        return {kCode,
                "it is another user's in a folder that all may write to, where the system protects "
                "it (fs.protected_regular); remove it, or name another file"};
    }
    return {kCode, "you have no right to read and write it; change that, or name another file"};
}

PathFault too_long(const std::string& path) {
    std::string_view rest = path;
    size_t longest = 0;
    while (!rest.empty()) {
        const size_t end = std::min(rest.find('/'), rest.size());
        longest = std::max(longest, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    if (longest > NAME_MAX) {
        return {Code::kInvalidName,
                fmt::format("a name in it has {} bytes, {} are the most; shorten it", longest,
                            NAME_MAX)};
    }
    return {Code::kInvalidName, fmt::format("it has {} bytes, {} are the most; name a shorter path",
                                            path.size(), PATH_MAX - 1)};
}

}  // namespace

PathFault explain_open(const std::string& path, int error) {
    const Code code = code_from_errno(error);
    switch (error) {
        case ENOENT:
        case ENOTDIR:
            return missing(path);
        case EACCES:
            return denied(path);
        case EISDIR:
            if (path.ends_with('/') && path.size() > 1) {
                return {code, "it ends in / as a folder does; name a file"};
            }
            return explain_kind(S_IFDIR);
        case EROFS:
            return {code, "its file system is read-only; name a file on another"};
        case EPERM:
            return {code,
                    "it or its folder may not be changed, whoever asks (lsattr shows why); name "
                    "another"};
        case ENAMETOOLONG:
            return too_long(path);
        case ELOOP: {
            int seen = 0;
            const std::string part = unseen_part(path, seen);
            return {code, fmt::format("the link '{}' leads in a circle; remove it, or name another "
                                      "file",
                                      part.empty() ? path : part)};
        }
        case EEXIST:
            return {code, "there is such a file already; remove it, or name another"};
        case ETXTBSY:
            return {Code::kSharingViolation, "it is a program that runs; name another file"};
        case ENOSPC:
            return {code, "its file system has no room for another file; make some"};
        case EDQUOT:
            return {code, "you have used up your quota on its file system; make room"};
        default:
            return {code, std::strerror(error)};
    }
}

PathFault explain_kind(mode_t mode) {
    if (S_ISDIR(mode)) return {Code::kBadPathname, "it is a folder; name a file in it"};
    const char* const kind = S_ISFIFO(mode) ? "a pipe" : S_ISSOCK(mode) ? "a socket" : "a device";
    return {Code::kBadPathname, fmt::format("it is {}, where no log can go; name a file", kind)};
}

}  // namespace etw
