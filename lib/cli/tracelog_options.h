// The command line of tracelog, as a value.
#pragma once
#include "cli/cli.h"
#include "etw/session_properties.h"

#include <optional>

namespace etw::cli {

inline constexpr char kDefaultLogFile[] = "LogFile.etl";  // in the current folder

enum class TracelogAction : uint32_t {
    kHelp,
    kStart,
    kStop,
    kQuery,
    kList,
    kEnable,
    kDisable,
    kFlush,
    kUpdate,
    kEnumGuid,
};

// What -flag, -level, -matchanykw and -matchallkw say; a provider file's line may say otherwise.
struct ProviderDefaults {
    uint8_t level = 0;
    uint64_t match_any_keyword = 0;
    uint64_t match_all_keyword = 0;
};

struct TracelogOptions {
    TracelogAction action = TracelogAction::kHelp;
    std::string session;             // with its default; empty where the action takes none
    bool list_providers = false;     // -lp
    bool json = false;               // -json
    session::Properties properties;  // for -start; the name and the log file as they were typed
    session::UpdateRequest update;   // for -update, likewise
    bool private_session = false;    // -um
    std::vector<std::string> provider_sources;  // -guid, as typed
    ProviderDefaults provider_defaults;
    uint32_t timeout_ms = 0;         // -timeout
    std::vector<std::string> notes;  // what was ignored, as the reference has it
};

extern const char kTracelogHelp[];  // golden: tests/golden/tracelog_help.txt

// Pure: reads no environment, opens nothing. What is ignored without error on Windows leaves a
// note.
Result<TracelogOptions, UsageError> parse_tracelog(Args args);

}  // namespace etw::cli
