// tracepdb: writes TMF files from PDBs and binaries.
#pragma once
#include "cli/cli.h"

#include <string>
#include <vector>

namespace etw::cli {

struct TracepdbOptions {
    std::vector<std::string> files;   // -f: lists; none: *.pdb in the current folder, if no -i
    std::vector<std::string> images;  // -i: lists
    std::string symbols;              // -r; "": _NT_SYMBOL_PATH
    std::string folder = ".";         // -p
    std::string combined;             // -o; "": a TMF file for each message GUID
    bool recurse = false;             // -s
    bool control_files = false;       // -c
    bool verbose = false;             // -v
    bool json = false;                // -json
    bool help = false;                // -h -help -?
};
std::span<const OptionWord> tracepdb_words();
extern const char kTracepdbHelp[];  // golden: tests/golden/tracepdb_help.txt

// Pure: reads no environment, opens nothing.
Result<TracepdbOptions, UsageError> parse_tracepdb(Args args);

// `tool`: whose name the lines have. Returns the exit status.
int run_tracepdb(const TracepdbOptions& options, const char* tool = "tracepdb");

// -r, or what _NT_SYMBOL_PATH says.
std::string symbol_path_text(const std::string& option);

}  // namespace etw::cli
