// From PDBs and binaries to files of trace message formats: what tracepdb, traceview -parsepdb and
// tracefmt -i do alike.
#pragma once
#include "cli/symbol_path.h"
#include "tmf/message_set.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace etw::cli {

// What was found in one PDB or binary.
struct Source {
    std::string path;
    tmf::MessageSet messages;  // empty: the program has no trace messages
    size_t damaged_parts = 0;
    size_t skipped = 0;  // of its strings
};

struct SourceFailure {
    std::string path;
    Error error;
};

using Say = std::function<void(const std::string& line)>;

class Extraction {
public:
    // `details`: what is searched and where, a line each; without a line feed.
    explicit Extraction(Say details) : details_(std::move(details)) {}

    // A PDB, or a binary of ours or its debug file.
    void add(const std::string& path);
    // Images: binaries of ours, or executables of Windows, whose PDBs are searched for. An image
    // without a PDB is no failure: details say so.
    void add_images(const std::vector<std::string>& images, const SymbolPath& symbols);

    const std::vector<Source>& sources() const noexcept { return sources_; }
    const std::vector<SourceFailure>& failures() const noexcept { return failures_; }

private:
    Say details_;
    std::vector<Source> sources_;
    std::vector<SourceFailure> failures_;
};

struct WriteOptions {
    std::string folder = ".";    // made if it is not there
    std::string combined;        // one TMF file of this name in place of one for each message GUID
    bool control_files = false;  // TMC files
    bool mof = false;            // MODULE.mof for each source
    std::string_view tool;       // for the comments in the files
    // Called before a file is written, with its path and the source that it is mainly of.
    std::function<void(const std::string& path, const Source& source)> writing;
};

// Sources that describe messages of the same GUID are put together in its file. Returns the paths
// of what was written, or the file that could not be.
Result<std::vector<std::string>, SourceFailure> write_files(const std::vector<Source>& sources,
                                                            const WriteOptions& options);

}  // namespace etw::cli
