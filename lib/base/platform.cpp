#include "base/platform.h"

#ifdef _WIN32
#include <io.h>
#else
#include <unistd.h>
#endif

namespace etw {

bool is_terminal(std::FILE* file) noexcept {
#ifdef _WIN32
    return _isatty(_fileno(file)) != 0;
#else
    return ::isatty(::fileno(file)) != 0;
#endif
}

bool local_calendar_time(std::time_t seconds, std::tm& out) noexcept {
#ifdef _WIN32
    return localtime_s(&out, &seconds) == 0;
#else
    return ::localtime_r(&seconds, &out) != nullptr;
#endif
}

}  // namespace etw
