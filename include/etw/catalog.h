// What is known of events beyond what they say themselves: descriptions from manifests, trace
// message formats and the like, collected before events are decoded.
#pragma once
#include "etw/bytes.h"
#include "etw/log_reader.h"
#include "etw/result.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace etw::decode {

struct CatalogImpl;

// What a file of trace message formats gave.
struct FormatsRead {
    struct Skipped {
        size_t line;         // from 1; of a binary: the how manieth of its strings
        const char* reason;  // string literal
    };
    size_t messages = 0;
    std::vector<Skipped> skipped;  // what could not be read
};

// Filled first, by one thread; decoders of any number of threads then share it unchanged. Where
// several sources describe an event, the one that was added first counts.
class Catalog {
public:
    Catalog();
    ~Catalog();

    // Formats of trace messages: a TMF file; it may hold those of several message GUIDs.
    Result<FormatsRead> add_tmf_file(const std::string& path);
    // A folder of files `GUID.tmf`, which are read when their messages occur.
    void add_tmf_folder(const std::string& path);
    // A Windows PDB, or a binary of ours or its separate debug file. kNotSupported where the file
    // is nothing that can hold formats.
    Result<FormatsRead> add_message_binary(const std::string& path);

    // An instrumentation manifest in XML. kInvalidData where it is none; `where` is the offset.
    Status add_manifest(Bytes xml);
    Status add_manifest_file(const std::string& path);

    // A Windows program or library with its manifests as resources (WEVT_TEMPLATE), or such a
    // resource alone. Its texts come from the file itself, else from FILE.mui beside it or in the
    // folder en-US. kInvalidData where it has no manifest.
    Status add_binary(Bytes file);
    Status add_binary_file(const std::string& path);

    // A folder with manifests named after provider GUIDs without braces and hyphens, `GUID.man`.
    // learn() reads those of the log's providers. Fails where the folder cannot be read.
    Status add_repository(const std::string& folder);
    // Told from time to time how far learn() is, `done` of `all`; false from it ends that.
    using Watch = std::function<bool(uint64_t done, uint64_t all)>;
    // Looks through a log, from which nothing was read yet, and keeps what its events need:
    // manifests of the repositories, what the log says of itself, what is known of providers of
    // Windows without either (docs/decoding.md has the order); and the stacks that belong to
    // events. Takes 64 MB for stacks and 256 MB for descriptions at most: what is beyond is left
    // out. False where `watch` ended it: the catalog then lacks things.
    bool learn(etl::LogReader log, const Watch& watch = {});

    // For events that cannot be looked through before: all that the repositories have, and all
    // providers that are known without. Files that are no manifests are left out.
    void add_all();

    const CatalogImpl& impl() const noexcept { return *impl_; }

private:
    std::unique_ptr<CatalogImpl> impl_;
};

}  // namespace etw::decode
