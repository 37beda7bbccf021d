// Text is UTF-8 everywhere here, names of files too. std::filesystem takes it for text of some code
// page on Windows, so that no path is made of a string, or a string of a path, but by these.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

namespace etw {

std::filesystem::path to_path(std::string_view text);
std::string to_text(const std::filesystem::path& path);

}  // namespace etw
