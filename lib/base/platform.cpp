#include "base/platform.h"

#include <cerrno>
#include <string_view>

#ifdef _WIN32
#include <io.h>
#include <stdlib.h>
#else
#include <pwd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <vector>
#endif

namespace etw {

bool is_terminal(std::FILE* file) noexcept {
#ifdef _WIN32
    return _isatty(_fileno(file)) != 0;
#else
    return ::isatty(::fileno(file)) != 0;
#endif
}

bool read_input_to_its_end() noexcept {
    char bytes[256];
    for (;;) {
#ifdef _WIN32
        const int n = _read(0, bytes, sizeof(bytes));
#else
        const ssize_t n = ::read(STDIN_FILENO, bytes, sizeof(bytes));
#endif
        if (n == 0) return true;
        if (n >= 0 || errno == EINTR) continue;
#ifndef _WIN32
        // A terminal that is gone has no foreground; ours has, and we are not in it.
        if (errno == EIO) return ::tcgetpgrp(STDIN_FILENO) < 0;
#endif
        return false;
    }
}

bool local_calendar_time(std::time_t seconds, std::tm& out) noexcept {
#ifdef _WIN32
    return localtime_s(&out, &seconds) == 0;
#else
    return ::localtime_r(&seconds, &out) != nullptr;
#endif
}

std::string executable_folder() {
#ifdef _WIN32
    if (_pgmptr == nullptr) return {};
    const std::string_view text(_pgmptr);
#else
    char path[4096];
    const ssize_t length = ::readlink("/proc/self/exe", path, sizeof(path));
    if (length < 0 || size_t(length) == sizeof(path)) return {};
    const std::string_view text(path, size_t(length));
#endif
    return std::string(text.substr(0, text.find_last_of("/\\")));
}

std::string os_version() {
#ifdef _WIN32
    return {};
#else
    utsname system{};
    if (::uname(&system) != 0) return {};
    const std::string release = system.release;
    return release.substr(0, release.find_first_not_of("0123456789."));
#endif
}

std::string user_name([[maybe_unused]] uint32_t uid) {
#ifdef _WIN32
    return {};
#else
    constexpr size_t kEntrySize = 16 * 1024;  // bytes; longer entries have no name for us
    std::vector<char> buffer(kEntrySize);
    passwd entry{};
    passwd* found = nullptr;
    const int error = ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
    return error == 0 && found != nullptr ? found->pw_name : "";
#endif
}

}  // namespace etw
