// Where tracefmt takes the formats of trace messages from.
#pragma once
#include "etw/catalog.h"
#include "render/pipeline.h"

#include <cstdio>
#include <string>
#include <vector>

namespace etw::cli {

struct MessageOptions {
    std::vector<std::string> tmf_files;  // -tmf
    std::string folder;                  // -p
    std::vector<std::string> images;     // -i
    std::string symbols;                 // -r
    std::vector<std::string> pdbs;       // -pdb
    bool skip_messages = false;          // -skipTmfWpp
};

// Adds what the options and the environment name to the catalog, in the order in which formats are
// searched: -tmf, -i and -pdb, -p, TRACE_FORMAT_SEARCH_PATH, default.tmf. Writes the TMF files of
// -i. Says what it does to `reports`, as Windows' tool does; `live`: for a session's events.
// Returns the exit status.
int load_messages(const MessageOptions& options, bool live, decode::Catalog& catalog,
                  std::FILE* reports);

// Leaves trace messages out.
class WithoutMessages final : public render::RecordSource {
public:
    explicit WithoutMessages(render::RecordSource& source) : source_(source) {}
    bool next(etl::Record& record, const etl::TimeConverter*& clock) override;
    bool ready() override { return source_.ready(); }

private:
    render::RecordSource& source_;
};

}  // namespace etw::cli
