#include "base/runtime_folder.h"

#include "base/path.h"

#include <fmt/format.h>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace etw {

std::string runtime_folder() {
    const auto variable = [](const char* name) -> std::string {
        const char* value = ::secure_getenv(name);
        return value == nullptr ? "" : value;
    };
    if (const auto given = variable("ETW_RUNTIME_DIR"); !given.empty()) return to_absolute(given);
    if (::geteuid() == 0) return kSystemRuntimeFolder;
    if (const auto xdg = variable("XDG_RUNTIME_DIR"); !xdg.empty()) return xdg + "/etw";
    const std::string user = fmt::format("/run/user/{}", ::geteuid());
    std::error_code none;
    if (std::filesystem::is_directory(user, none)) return user + "/etw";
    return fmt::format("/tmp/etw-{}", ::geteuid());
}

}  // namespace etw
