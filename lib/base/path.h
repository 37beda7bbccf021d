// Text is UTF-8 everywhere here, names of files too. std::filesystem takes it for text of some code
// page on Windows, so that no path is made of a string, or a string of a path, but by these.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace etw {

std::filesystem::path to_path(std::string_view text);
std::string to_text(const std::filesystem::path& path);

// The path from the current folder on; as it is where that has been removed, and nothing is there.
inline std::filesystem::path to_absolute(const std::filesystem::path& path) {
    std::error_code gone;
    auto out = std::filesystem::absolute(path, gone);
    return gone ? path : out;
}

}  // namespace etw
