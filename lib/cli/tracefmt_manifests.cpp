#include "cli/tracefmt_manifests.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace etw::cli {

void add_manifest_options(CLI::App& app, ManifestFiles& out) {
    app.add_option("--man", out.manifests)->delimiter(';');
    app.add_option("--bin", out.binaries)->delimiter(';');
    app.add_option("--manpath", out.repositories)->delimiter(';');
}

Result<Ok, ManifestError> load_manifests(const ManifestFiles& files,
                                         const std::vector<std::string>& logs,
                                         decode::Catalog& catalog,
                                         const decode::Catalog::Watch& watch) {
    for (const std::string& path : files.manifests) {
        if (auto added = catalog.add_manifest_file(path); !added) {
            return ManifestError{path, added.error()};
        }
    }
    for (const std::string& path : files.binaries) {
        if (auto added = catalog.add_binary_file(path); !added) {
            return ManifestError{path, added.error()};
        }
    }
    for (const std::string& folder : files.repositories) {
        if (auto added = catalog.add_repository(folder); !added) {
            return ManifestError{folder, added.error()};
        }
    }
    if (logs.empty()) catalog.add_all();
    for (const std::string& path : logs) {
        auto log = etl::LogReader::open(path);
        if (!log) return ManifestError{path, log.error()};
        if (!catalog.learn(*std::move(log), watch)) {
            return ManifestError{path, {Code::kCancelled, "interrupted"}};
        }
    }
    return Ok{};
}

}  // namespace etw::cli
