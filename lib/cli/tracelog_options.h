// The command line of tracelog, as a value.
#pragma once
#include "cli/cli.h"
#include "etw/session.h"

#include <optional>

namespace etw::cli {

inline constexpr char kDefaultLogFile[] = "LogFile.etl";  // in the current folder

inline constexpr char kEveryProvider[] = "*";  // -enumguidex without a provider

enum class TracelogAction : uint32_t {
    kHelp,
    kStart,
    kStop,
    kQuery,
    kList,
    kEnable,
    kDisable,
    kCaptureState,
    kFlush,
    kRecover,
    kUpdate,
    kIncrementFile,
    kSystemRundown,
    kStopAll,
    kEnumGuid,
    kEnumGuidEx,
    kDoctor,
    kAddAutoLogger,
    kRemove,
    kKernelGroups,    // -eflag Help
    kStackEvents,     // -stackwalk Help, -Pmc Help
    kProfileSources,  // -ProfileSource Help
    kRefused,         // an action that has no counterpart here; `refusal` says why
};

// Which kernel events a session is to have.
struct KernelEvents {
    uint32_t flags = 0;               // KernelFlag
    std::vector<std::string> groups;  // names that -eflag gave, as the table spells them
};

struct TracelogOptions {
    TracelogAction action = TracelogAction::kHelp;
    std::string session;             // with its default; empty where the action takes none
    bool list_providers = false;     // -lp
    bool json = false;               // -json
    bool answer_yes = false;         // -y: for -x
    bool private_session = false;    // -um: the session runs in its provider's process
    session::Properties properties;  // for -start; the name and the log file as they were typed
    session::UpdateRequest update;   // for -update, likewise
    std::vector<std::string> kernel_groups;     // that -eflag named
    std::optional<std::string> snapshot_file;   // for -flush, as typed
    std::vector<std::string> provider_sources;  // -guid, or what -enumguidex names; as typed
    // Enabled as well, each as it says, unless a source names it too.
    std::vector<session::ProviderEnable> more_providers;
    session::ProviderEnable provider_defaults;  // without a GUID; a file's line may say otherwise
    uint32_t timeout_ms = 0;                    // -timeout
    std::optional<session::Failure> refusal;    // of an option that has no counterpart here
    std::vector<std::string> notes;             // what was ignored, as the reference has it
};

// The words of tracelog's command line for normalize(), aliases included.
std::vector<OptionWord> tracelog_words(const session::System& system);
// Adds the likely cause to the message: a shell takes an unquoted #... for a comment, so that
// nothing is left of a -guid.
UsageError explain_missing_value(UsageError error);

extern const char kTracelogHelp[];  // golden: tests/golden/tracelog_help.txt

// Pure: reads no environment, opens nothing. What is ignored without error on Windows leaves a
// note; what `system` lacks is refused.
Result<TracelogOptions, UsageError> parse_tracelog(Args args, const session::System& system);

}  // namespace etw::cli
