#include "boot/boot_folder.h"

#include "base/file.h"
#include "base/letter_case.h"
#include "base/path.h"
#include "session/boot_rules.h"

#include <fmt/format.h>

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

namespace etw::boot {
namespace {

using session::Failure;
using session::Outcome;

constexpr char kGlobalLoggerFile[] = "globallogger";
constexpr char kAutoLoggerFolder[] = "autologger";
constexpr std::string_view kSuffix = ".conf";
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

Failure os_failure(const std::string& path, int error) {
    return {code_from_errno(error), fmt::format("{}: {}", path, std::strerror(error))};
}

// Whether what `fd` leads to could have been written by others than this user and root.
Outcome<Ok> check_trusted(const UniqueFd& fd, const std::string& path, mode_t type) {
    struct stat st {};
    if (::fstat(fd.get(), &st) != 0) return os_failure(path, errno);
    if ((st.st_mode & S_IFMT) != type) {
        return Failure{Code::kBadPathname,
                       fmt::format("{}: not a {}", path, type == S_IFDIR ? "folder" : "file")};
    }
    if (st.st_uid != ::geteuid() && st.st_uid != 0) {
        return Failure{Code::kAccessDenied,
                       fmt::format("{}: it belongs to user {}, and only root and user {} may say "
                                   "what is started here",
                                   path, st.st_uid, ::geteuid())};
    }
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return Failure{Code::kAccessDenied,
                       fmt::format("{}: others may write to it; chmod go-w makes it usable", path)};
    }
    return Ok{};
}

std::string user_folder(const char* variable, const char* in_home) {
    if (const char* given = ::secure_getenv(variable); given && *given == '/') return given;
    const char* home = ::secure_getenv("HOME");
    if (home && *home == '/') return std::string(home) + "/" + in_home;
    const passwd* entry = ::getpwuid(::geteuid());
    return std::string(entry ? entry->pw_dir : "/") + "/" + in_home;
}

// Names of the folder's configurations, without their suffix; in no order.
Outcome<std::vector<std::string>> files_in(UniqueFd folder, const std::string& path) {
    std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(folder.get()), ::closedir);
    if (!entries) return os_failure(path, errno);
    (void)folder.release();  // the stream's
    std::vector<std::string> out;
    while (const dirent* entry = ::readdir(entries.get())) {
        const std::string_view name = entry->d_name;
        if (name.starts_with('.') || !name.ends_with(kSuffix)) continue;
        out.emplace_back(name.substr(0, name.size() - kSuffix.size()));
    }
    return out;
}

}  // namespace

std::string default_config_folder() {
    if (const char* given = ::secure_getenv("ETW_CONFIG_DIR"); given && *given)
        return to_absolute(given);
    if (::geteuid() == 0) return "/etc/openetw";
    return user_folder("XDG_CONFIG_HOME", ".config") + "/openetw";
}

std::string default_log_folder() {
    if (::geteuid() == 0) return "/var/log/openetw";
    return user_folder("XDG_STATE_HOME", ".local/state") + "/openetw";
}

Outcome<Ok> make_folders(const std::string& path) {
    for (size_t end = 0; end != std::string::npos;) {
        end = path.find('/', end + 1);
        const std::string part = path.substr(0, end);
        // Not more than this, whatever the umask leaves: nobody else is to write there.
        if (::mkdir(part.c_str(), 0755) != 0 && errno != EEXIST) {
            struct stat st {};
            // A read-only file system says so before it looks.
            if (::stat(part.c_str(), &st) == 0) continue;
            return os_failure(part, errno);
        }
    }
    return Ok{};
}

std::string BootFolder::folder_of(const std::string& name) const {
    return session::is_global_logger(name) ? path_ : path_ + "/" + kAutoLoggerFolder;
}

// The file that stands for the name in whatever case it was written first.
std::string BootFolder::file_of(const std::string& name) const {
    std::string file = session::is_global_logger(name) ? kGlobalLoggerFile : name;
    if (auto folder = open_folder(name)) {
        const auto known = files_in(*std::move(folder), folder_of(name));
        const auto same = [&](const std::string& other) { return same_name(other, file); };
        if (known) {
            const auto at = std::find_if(known->begin(), known->end(), same);
            if (at != known->end()) file = *at;
        }
    }
    return folder_of(name) + "/" + file + std::string(kSuffix);
}

// The folder itself may be a link that its owner has made; what is in it may not.
Outcome<UniqueFd> BootFolder::open_folder(const std::string& name) const {
    UniqueFd folder(::open(path_.c_str(), kFolderFlags));
    if (!folder) return os_failure(path_, errno);
    ETW_CHECK(check_trusted(folder, path_, S_IFDIR));
    if (session::is_global_logger(name)) return folder;
    UniqueFd inner(::openat(folder.get(), kAutoLoggerFolder, kFolderFlags | O_NOFOLLOW));
    if (!inner) return os_failure(folder_of(name), errno);
    ETW_CHECK(check_trusted(inner, folder_of(name), S_IFDIR));
    return inner;
}

Outcome<UniqueFd> BootFolder::make_folder(const std::string& name) const {
    ETW_CHECK(make_folders(folder_of(name)));
    return open_folder(name);
}

Outcome<std::vector<std::string>> BootFolder::names() const {
    std::vector<std::string> out;
    auto folder = open_folder("");  // of the AutoLoggers
    if (folder) {
        ETW_TRY(out, files_in(*std::move(folder), folder_of("")));
        std::sort(out.begin(), out.end());
    } else if (folder.error().code != Code::kFileNotFound) {
        return folder.error();
    }
    const auto global = read(session::kGlobalLoggerName);
    if (global || global.error().code != Code::kFileNotFound)
        out.insert(out.begin(), session::kGlobalLoggerName);
    return out;
}

Outcome<std::string> BootFolder::read(const std::string& name) const {
    ETW_TRY(const UniqueFd folder, open_folder(name));
    const std::string path = file_of(name);
    const std::string file = std::filesystem::path(path).filename();
    // Non-blocking: a pipe that nobody writes must not hold up a boot.
    UniqueFd fd(::openat(folder.get(), file.c_str(),
                         O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    if (!fd) return os_failure(path, errno);
    ETW_CHECK(check_trusted(fd, path, S_IFREG));
    const File config(std::move(fd));
    const auto size = config.size();
    if (!size) return os_failure(path, int(size.error().where));
    if (*size > kMaxConfigBytes) {
        return Failure{Code::kInvalidData,
                       fmt::format("{}: longer than {} bytes", path, kMaxConfigBytes)};
    }
    std::string text(*size, '\0');
    const auto bytes = std::as_writable_bytes(std::span(text));
    if (const Status done = config.read_at(0, bytes); !done)
        return Failure{done.error().code, fmt::format("{}: it cannot be read", path)};
    return text;
}

Outcome<session::ParsedBoot> BootFolder::load(const std::string& name) const {
    ETW_TRY(const std::string text, read(name));
    return session::parse_boot(text, file_of(name), name, log_folder_);
}

Outcome<Ok> BootFolder::write(const std::string& name, const std::string& text) const {
    ETW_TRY(const UniqueFd folder, make_folder(name));
    const std::string path = file_of(name);
    const std::string file = std::filesystem::path(path).filename();
    const std::string beside = fmt::format(".new.{}", ::getpid());
    UniqueFd fd(::openat(folder.get(), beside.c_str(),
                         O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!fd) return os_failure(path, errno);
    File config(std::move(fd));
    const Status written = config.write_at(0, std::as_bytes(std::span(text)));
    // On the disk before it takes the old one's place: a boot may follow a power cut.
    const bool done = written && ::fchmod(config.fd().get(), 0644) == 0 &&
                      ::fsync(config.fd().get()) == 0 &&
                      ::renameat(folder.get(), beside.c_str(), folder.get(), file.c_str()) == 0;
    if (done) return Ok{};
    const Failure failure =
        written ? os_failure(path, errno) : os_failure(path, int(written.error().where));
    ::unlinkat(folder.get(), beside.c_str(), 0);
    return failure;
}

}  // namespace etw::boot
