#include "cli/symbol_path.h"

#include "base/file.h"
#include "base/letter_case.h"
#include "base/path.h"
#include "cli/cli.h"
#include "cli/file_list.h"
#include "tmf/pe_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace etw::cli {
namespace {

namespace fs = std::filesystem;

// "srv*C:\store*https://server": the words between the stars.
std::vector<std::string> split_stars(std::string_view text) {
    std::vector<std::string> out;
    for (;;) {
        const size_t star = std::min(text.find('*'), text.size());
        out.emplace_back(text.substr(0, star));
        if (star == text.size()) return out;
        text.remove_prefix(star + 1);
    }
}

bool is_address(const std::string& text) { return text.find("://") != std::string::npos; }

// A folder, or those that a pattern in its last component means.
void add_folder(const std::string& element, std::vector<std::string>& out) {
    const fs::path path = to_path(element);
    const std::string pattern = to_text(path.filename());
    if (pattern.find_first_of("*?") == pattern.npos) {
        out.push_back(element);
        return;
    }
    std::vector<std::string> found;
    const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
    std::error_code error;
    for (fs::directory_iterator it(parent, error), end; !error && it != end; it.increment(error)) {
        std::error_code ignored;
        if (it->is_directory(ignored) && matches_name(pattern, to_text(it->path().filename()))) {
            found.push_back(to_text(it->path()));
        }
    }
    std::sort(found.begin(), found.end());
    out.insert(out.end(), found.begin(), found.end());
}

// What a symbol store calls the folder of one build: the GUID without dashes, then the age.
std::string store_id(const tmf::PdbIdentity& identity) {
    std::string guid = to_string(identity.guid);
    std::erase(guid, '-');
    for (char& c : guid) {
        if (c >= 'a') c = char(c - 'a' + 'A');
    }
    return guid + fmt::format("{:X}", identity.age);
}

// `folder`/`name`, whatever the case of the file's letters; "" where it is not there.
std::string find_name(const fs::path& folder, const std::string& name) {
    std::error_code error;
    const fs::path file = folder / to_path(name);
    if (fs::exists(file, error)) return to_text(file);
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        const std::string other = to_text(it->path().filename());
        if (same_name(other, name)) return to_text(it->path());
    }
    return "";
}

Result<tmf::PdbReference> reference_of(const std::string& image) {
    ETW_TRY(const File file, File::open_read(image));
    ETW_TRY(const uint64_t size, file.size());
    return tmf::read_pdb_reference(tmf::reader_of(file), size);
}

Result<tmf::PdbIdentity> identity_of(const std::string& pdb) {
    ETW_TRY(const File file, File::open_read(pdb));
    ETW_TRY(const uint64_t size, file.size());
    ETW_TRY(auto msf, tmf::MsfFile::open(tmf::reader_of(file), size));
    return tmf::read_pdb_identity(msf);
}

}  // namespace

SymbolPath::SymbolPath(std::string text) : text_(std::move(text)) {
    for (const std::string& element : split_list(text_)) {
        const auto words = split_stars(element);
        const std::string kind = to_lower(words[0]);
        size_t first = 0;
        if (words.size() > 1 && (kind == "srv" || kind == "cache")) first = 1;
        if (words.size() > 1 && kind == "symsrv") first = 2;
        if (first == 0) {
            if (!is_address(element)) add_folder(element, folders_);
            continue;
        }
        for (size_t i = first; i < words.size(); ++i) {
            if (!words[i].empty() && !is_address(words[i])) folders_.push_back(words[i]);
        }
    }
}

Result<std::string> find_pdb(const std::string& image, const SymbolPath& symbols,
                             const std::function<void(const std::string&)>& other_build) {
    ETW_TRY(const tmf::PdbReference reference, reference_of(image));
    const std::string name = reference.path.substr(reference.path.find_last_of("/\\") + 1);
    std::vector<fs::path> folders;
    for (const std::string& folder : symbols.folders()) {
        const std::string builds = find_name(to_path(folder), name);
        if (!builds.empty())
            folders.push_back(to_path(find_name(to_path(builds), store_id(reference.identity))));
        folders.push_back(to_path(folder));
    }
    const fs::path own = to_path(image).parent_path();
    folders.push_back(own.empty() ? fs::path(".") : own);
    folders.push_back(to_path(reference.path).parent_path());
    for (const fs::path& folder : folders) {
        if (folder.empty()) continue;
        const std::string path = find_name(folder, name);
        std::error_code ignored;
        if (path.empty() || fs::is_directory(to_path(path), ignored)) continue;
        const auto identity = identity_of(path);
        // Ages rise when a PDB is written again; its GUID is that of the build.
        if (identity && identity->guid == reference.identity.guid) return path;
        other_build(path);
    }
    return Error{Code::kFileNotFound, "no PDB of this build was found"};
}

}  // namespace etw::cli
