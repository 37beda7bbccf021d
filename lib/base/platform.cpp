#include "base/platform.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <vector>

namespace etw {

bool is_terminal(std::FILE* file) noexcept { return ::isatty(::fileno(file)) != 0; }

// What the program opens must not get the number of a standard descriptor that was closed: a log
// would have in it what is printed. In its place stands something that cannot be written to, or
// read from, as it was.
void prepare_output() {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(fd, F_GETFD) >= 0) continue;
        // It gets the lowest free number, which is this.
        static_cast<void>(::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));
    }
}

bool read_input_to_its_end() noexcept {
    char bytes[256];
    for (;;) {
        const ssize_t n = ::read(STDIN_FILENO, bytes, sizeof(bytes));
        if (n == 0) return true;
        if (n >= 0 || errno == EINTR) continue;
        // A terminal that is gone has no foreground; ours has, and we are not in it.
        if (errno == EIO) return ::tcgetpgrp(STDIN_FILENO) < 0;
        return false;
    }
}

bool local_calendar_time(std::time_t seconds, std::tm& out) noexcept {
    return ::localtime_r(&seconds, &out) != nullptr;
}

std::string executable_folder() {
    char path[4096];
    const ssize_t length = ::readlink("/proc/self/exe", path, sizeof(path));
    if (length < 0 || size_t(length) == sizeof(path)) return {};
    const std::string_view text(path, size_t(length));
    return std::string(text.substr(0, text.rfind('/')));
}

std::string os_version() {
    utsname system{};
    if (::uname(&system) != 0) return {};
    const std::string release = system.release;
    return release.substr(0, release.find_first_not_of("0123456789."));
}

std::string system_text(uint32_t) { return {}; }

std::string user_name(uint32_t uid) {
    constexpr size_t kEntrySize = 16 * 1024;  // bytes; longer entries have no name for us
    std::vector<char> buffer(kEntrySize);
    passwd entry{};
    passwd* found = nullptr;
    const int error = ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
    return error == 0 && found != nullptr ? found->pw_name : "";
}

}  // namespace etw
