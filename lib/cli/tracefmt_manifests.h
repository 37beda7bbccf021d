// tracefmt's options that name descriptions of events: -man, -bin, -manpath.
#pragma once
#include "cli/cli.h"
#include "etw/catalog.h"

#include <array>
#include <string>
#include <vector>

namespace etw::cli {

struct ManifestFiles {
    std::vector<std::string> manifests;     // -man: XML
    std::vector<std::string> binaries;      // -bin: programs with a manifest in their resources
    std::vector<std::string> repositories;  // -manpath: folders of GUID.man
};

inline constexpr std::array<OptionWord, 3> kManifestOptions{{
    {"man", Takes::kValue, true},
    {"bin", Takes::kValue, true},
    {"manpath", Takes::kValue, true},
}};

// Each option takes a list with `;` between its names, and may be repeated.
void add_manifest_options(CLI::App& app, ManifestFiles& out);

// Why a file that the command line names could not be used.
struct ManifestError {
    std::string file;
    Error error;
};

// Adds the files to the catalog, then what the logs say of their own events. Without logs (a
// session's events) all that the repositories have is read. `watch` is told of each log; where it
// ends one, kCancelled is the error.
Result<Ok, ManifestError> load_manifests(const ManifestFiles& files,
                                         const std::vector<std::string>& logs,
                                         decode::Catalog& catalog,
                                         const decode::Catalog::Watch& watch = {});

}  // namespace etw::cli
