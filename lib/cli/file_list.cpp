#include "cli/file_list.h"

#include "base/letter_case.h"
#include "base/path.h"
#include "cli/cli.h"

#include <algorithm>
#include <filesystem>
#include <set>

namespace etw::cli {
namespace {

namespace fs = std::filesystem;

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kAround = " \t\"";
    const size_t first = text.find_first_not_of(kAround);
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(kAround) - first + 1);
}

bool has_wildcard(std::string_view text) { return text.find_first_of("*?") != text.npos; }

// The regular files in `folder` that match, as paths that begin as `folder` was written.
template <class Iterator>
void find_in(const fs::path& folder, const std::string& pattern, std::vector<std::string>& out) {
    std::error_code error;
    const auto options = fs::directory_options::skip_permission_denied;
    const fs::path start = folder.empty() ? fs::path(".") : folder;
    for (Iterator it(start, options, error), end; !error && it != end; it.increment(error)) {
        std::error_code ignored;
        if (!it->is_regular_file(ignored) ||
            !matches_name(pattern, to_text(it->path().filename()))) {
            continue;
        }
        const fs::path path = folder.empty() ? it->path().lexically_relative(start) : it->path();
        out.push_back(to_text(path));
    }
}

std::vector<std::string> expand(const std::string& element, std::string_view default_pattern,
                                bool recurse) {
    std::error_code ignored;
    fs::path folder = to_path(element);
    std::string pattern(default_pattern);
    if (!fs::is_directory(folder, ignored)) {
        pattern = to_text(folder.filename());
        folder = folder.parent_path();
        if (!has_wildcard(pattern) && !recurse) return {element};
    }
    std::vector<std::string> out;
    if (recurse) {
        find_in<fs::recursive_directory_iterator>(folder, pattern, out);
    } else {
        find_in<fs::directory_iterator>(folder, pattern, out);
    }
    std::sort(out.begin(), out.end());
    return out;
}

}  // namespace

std::vector<std::string> split_list(std::string_view list) {
    std::vector<std::string> out;
    while (!list.empty()) {
        const size_t end = std::min(list.find(';'), list.size());
        const std::string_view element = trimmed(list.substr(0, end));
        if (!element.empty()) out.emplace_back(element);
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return out;
}

std::vector<std::string> split_lists(std::span<const std::string> lists) {
    std::vector<std::string> out;
    for (const std::string& list : lists) {
        for (std::string& element : split_list(list)) out.push_back(std::move(element));
    }
    return out;
}

std::vector<std::string> expand_files(std::span<const std::string> elements,
                                      std::string_view default_pattern, bool recurse) {
    std::vector<std::string> out;
    std::set<fs::path> seen;  // a name may be spelled with other separators
    for (const std::string& element : elements) {
        for (std::string& file : expand(element, default_pattern, recurse)) {
            if (seen.insert(to_path(file)).second) out.push_back(std::move(file));
        }
    }
    return out;
}

}  // namespace etw::cli
