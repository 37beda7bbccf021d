#include "cli/tracefmt_messages.h"

#include "base/path.h"
#include "base/platform.h"
#include "cli/cli.h"
#include "cli/extract.h"
#include "cli/file_list.h"
#include "cli/tracepdb.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

namespace etw::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTool = "tracefmt";
constexpr size_t kShownSkips = 3;

class Loader {
public:
    Loader(const MessageOptions& options, bool live, decode::Catalog& catalog, std::FILE* reports)
        : options_(options), live_(live), catalog_(catalog), reports_(reports) {
        const char* const variable = std::getenv("TRACE_FORMAT_SEARCH_PATH");
        if (variable != nullptr) search_path_ = variable;
    }

    int run() {
        for (const std::string& file : split_lists(options_.tmf_files)) {
            if (const int status = add_tmf(find_tmf(file)); status != kExitDone) return status;
        }
        const std::string& path = options_.folder.empty() ? search_path_ : options_.folder;
        say(reports_, "Searching for TMF files on path: {}\n", path.empty() ? "(null)" : path);
        if (const int status = add_images(); status != kExitDone) return status;
        for (const std::string& pdb : pdbs()) {
            if (const int status = add_binary(pdb); status != kExitDone) return status;
        }
        for (const std::string& folder : split_list(options_.folder)) {
            catalog_.add_tmf_folder(folder);
        }
        for (const std::string& folder : split_list(search_path_)) catalog_.add_tmf_folder(folder);
        add_default();
        return kExitDone;
    }

private:
    // A bare name that is not here is one of the files that come with the tools.
    static std::string find_tmf(const std::string& name) {
        std::error_code ignored;
        if (fs::exists(to_path(name), ignored) || to_path(name).has_parent_path()) return name;
        const fs::path installed =
            to_path(executable_folder()) / "../share/openetw" / to_path(name);
        return fs::exists(installed, ignored) ? to_text(installed.lexically_normal()) : name;
    }

    int add_tmf(const std::string& path) {
        const auto read = catalog_.add_tmf_file(path);
        if (!read) {
            std::error_code ignored;
            if (fs::is_directory(to_path(path), ignored)) {
                return failure(kTool, path, {read.error().code, "is a folder; name it with -p"});
            }
            return failure(kTool, path, read.error());
        }
        say(reports_, "Examining {} for message formats,{:3} found.\n", path, read->messages);
        report_skipped(path, *read);
        return kExitDone;
    }

    void add_default() {
        for (const char* name : {"default.tmf", "Default.tmf"}) {
            std::error_code ignored;
            if (!fs::exists(to_path(name), ignored)) continue;
            if (live_) say(reports_, "Getting guids from {}\n", name);
            (void)add_tmf(name);  // nobody asked for it: what is wrong with it has been said
            return;
        }
    }

    int add_images() {
        const std::vector<std::string> images = split_lists(options_.images);
        if (images.empty()) return kExitDone;
        const SymbolPath symbols(symbol_path_text(options_.symbols));
        Extraction found([&](const std::string& line) { say(reports_, "{}\n", line); });
        found.add_images(expand_files(images, "*", false), symbols);
        for (const SourceFailure& failed : found.failures()) {
            failure(kTool, failed.path, failed.error);
        }
        if (!found.failures().empty()) return kExitFailed;
        for (const Source& source : found.sources()) {
            if (const int status = add_binary(source.path); status != kExitDone) return status;
        }
        return write_tmf_files(found.sources());
    }

    // Where the events' text is all that is wanted, a place that cannot be written is no failure.
    int write_tmf_files(const std::vector<Source>& sources) {
        WriteOptions writing;
        const auto folders = split_list(options_.folder.empty() ? search_path_ : options_.folder);
        if (!folders.empty()) writing.folder = folders.front();
        writing.tool = kTool;
        writing.writing = [&](const std::string& path, const Source& source) {
            say(reports_, "{} : info BNP0000: WPPFMT generating {} for {}\n", kTool, path,
                source.path);
        };
        const auto written = write_files(sources, writing);
        if (written) return kExitDone;
        const int status = failure(kTool, written.error().path, written.error().error);
        return folders.empty() ? int(kExitDone) : status;
    }

    std::vector<std::string> pdbs() const {
        return expand_files(split_lists(options_.pdbs), "*.pdb", false);
    }

    int add_binary(const std::string& path) {
        const auto read = catalog_.add_message_binary(path);
        if (!read) return failure(kTool, path, read.error());
        say(reports_, "Examining {} for message formats,{:3} found.\n", path, read->messages);
        report_skipped(path, *read);
        return kExitDone;
    }

    void report_skipped(const std::string& path, const decode::FormatsRead& read) const {
        if (read.skipped.empty()) return;
        std::fflush(reports_);
        for (size_t i = 0; i < read.skipped.size() && i < kShownSkips; ++i) {
            say(stderr, "{}: {}: line {}: {}\n", kTool, path, read.skipped[i].line,
                read.skipped[i].reason);
        }
        if (read.skipped.size() > kShownSkips) {
            say(stderr, "{}: {}: {} more lines were left out\n", kTool, path,
                read.skipped.size() - kShownSkips);
        }
    }

    const MessageOptions& options_;
    bool live_;
    decode::Catalog& catalog_;
    std::FILE* reports_;
    std::string search_path_;
};

}  // namespace

int load_messages(const MessageOptions& options, bool live, decode::Catalog& catalog,
                  std::FILE* reports) {
    const int status = Loader(options, live, catalog, reports).run();
    std::fflush(reports);
    return status;
}

bool WithoutMessages::next(etl::Record& record, const etl::TimeConverter*& clock) {
    while (source_.next(record, clock)) {
        if (record.type != wire::HeaderType::kMessage) return true;
    }
    return false;
}

}  // namespace etw::cli
