#include "cli/tracelog_grammar.h"

#include <algorithm>

namespace etw::cli::grammar {
namespace {

constexpr uint32_t kStart = bit(TracelogAction::kStart);
constexpr uint32_t kAutoLogger = bit(TracelogAction::kAddAutoLogger);
constexpr uint32_t kStop = bit(TracelogAction::kStop);
constexpr uint32_t kUpdate = bit(TracelogAction::kUpdate);
constexpr uint32_t kFlush = bit(TracelogAction::kFlush);
constexpr uint32_t kEnable = bit(TracelogAction::kEnable);
constexpr uint32_t kDisable = bit(TracelogAction::kDisable);
constexpr uint32_t kCapture = bit(TracelogAction::kCaptureState);
constexpr uint32_t kQuery = bit(TracelogAction::kQuery);
constexpr uint32_t kList = bit(TracelogAction::kList);
constexpr uint32_t kStopAll = bit(TracelogAction::kStopAll);
constexpr uint32_t kRecover = bit(TracelogAction::kRecover);
constexpr uint32_t kAnyAction = ~0u;

constexpr ActionRow kActions[] = {
    {"start", TracelogAction::kStart},
    {"stop", TracelogAction::kStop},
    {"q", TracelogAction::kQuery},
    {"l", TracelogAction::kList, Takes::kNothing, ""},
    {"enable", TracelogAction::kEnable},
    {"disable", TracelogAction::kDisable},
    {"capturestate", TracelogAction::kCaptureState},
    {"flush", TracelogAction::kFlush},
    {"recover", TracelogAction::kRecover, Takes::kMaybe, ""},
    {"update", TracelogAction::kUpdate},
    {"incrementfile", TracelogAction::kIncrementFile},
    {"systemrundown", TracelogAction::kSystemRundown},
    {"x", TracelogAction::kStopAll, Takes::kNothing, ""},
    {"enumguid", TracelogAction::kEnumGuid, Takes::kNothing, ""},
    {"doctor", TracelogAction::kDoctor, Takes::kNothing, ""},
    {"addautologger", TracelogAction::kAddAutoLogger, Takes::kValue, ""},
    {"remove", TracelogAction::kRemove, Takes::kValue, ""},
    {"enumguidex", TracelogAction::kEnumGuidEx, Takes::kName, kEveryProvider},
};

constexpr OptionRow kOptions[] = {
    // The session and where its events go.
    {"f", Takes::kMaybe, kStart | kAutoLogger | kUpdate | kFlush | kRecover, 0, kDefaultLogFile},
    {"rt", Takes::kNothing, kStart | kAutoLogger | kUpdate},
    {"buffering", Takes::kNothing, kStart | kAutoLogger, kUpdate},
    {"um", Takes::kNothing, kStart | kStop | kUpdate | kFlush | kQuery},
    {"seq", Takes::kMaybe, kStart | kAutoLogger, kUpdate, "0"},
    {"cir", Takes::kMaybe, kStart | kAutoLogger, kUpdate, "0"},
    {"newfile", Takes::kMaybe, kStart | kAutoLogger, kUpdate, "0"},
    {"append", Takes::kNothing, kStart, kUpdate},
    {"prealloc", Takes::kNothing, kStart | kAutoLogger, kUpdate},
    {"kb", Takes::kNothing, kStart | kAutoLogger, kUpdate},
    // Buffers.
    {"b", Takes::kValue, kStart | kAutoLogger, kUpdate},
    {"min", Takes::kValue, kStart | kAutoLogger, kUpdate},
    {"max", Takes::kValue, kStart | kAutoLogger | kUpdate},
    {"ft", Takes::kValue, kStart | kAutoLogger | kUpdate},
    {"bt", Takes::kValue, kStart | kAutoLogger, kUpdate},
    {"age", Takes::kValue, 0, kStart | kAutoLogger | kUpdate},
    {"paged", Takes::kNothing, kStart | kAutoLogger, kUpdate},
    {"lowcapacity", Takes::kNothing, kStart | kAutoLogger, kUpdate},
    {"independent", Takes::kNothing, kStart | kAutoLogger, kUpdate},
    {"secure", Takes::kNothing, kStart | kAutoLogger, kUpdate},
    {"gs", Takes::kNothing, kStart | kAutoLogger, kUpdate},
    {"ls", Takes::kNothing, kStart | kAutoLogger, kUpdate},
    {"sessionguid", Takes::kValue, kStart | kAutoLogger, kUpdate},
    {"UsePerfCounter", Takes::kNothing, kStart | kAutoLogger, kUpdate},
    {"UseSystemTime", Takes::kNothing, kStart | kAutoLogger, kUpdate},
    {"UseCPUCycle", Takes::kNothing, kStart | kAutoLogger, kUpdate},
    {"owner-pid", Takes::kValue, kStart},
    {"ttl", Takes::kValue, kStart},
    // Providers and what they write.
    {"guid", Takes::kValue, kStart | kAutoLogger | kEnable | kDisable | kCapture, 0, {}, true},
    {"flag", Takes::kValue, kStart | kAutoLogger | kEnable | kCapture, kDisable},
    {"level", Takes::kValue, kStart | kAutoLogger | kEnable | kCapture, kDisable},
    {"matchanykw", Takes::kValue, kStart | kAutoLogger | kEnable | kCapture, kDisable},
    {"matchallkw", Takes::kValue, kStart | kAutoLogger | kEnable | kCapture, kDisable},
    {"enableproperty", Takes::kValue, kStart | kAutoLogger | kEnable, kDisable},
    {"sourceguid", Takes::kValue, kStart | kEnable, kDisable},
    {"timeout", Takes::kValue, kStart | kEnable | kCapture, kDisable},
    {"ExeFilter", Takes::kValue, kStart | kEnable, kDisable},
    {"PidFilter", Takes::kList, kStart | kEnable, kDisable},
    {"EventIdFilter", Takes::kInOutList, kStart | kEnable, kDisable},
    {"StackWalkFilter", Takes::kInOutList, kStart | kEnable, kDisable},
    // Kernel events.
    {"noprocess", Takes::kNothing, kStart | kUpdate},
    {"nothread", Takes::kNothing, kStart | kUpdate},
    {"nodisk", Takes::kNothing, kStart | kUpdate},
    {"nonet", Takes::kNothing, kStart | kUpdate},
    {"fio", Takes::kNothing, kStart | kUpdate},
    {"pf", Takes::kNothing, kStart | kUpdate},
    {"hf", Takes::kNothing, kStart | kUpdate},
    {"img", Takes::kNothing, kStart | kUpdate},
    {"dpcisr", Takes::kNothing, kStart | kUpdate},
    {"eflag", Takes::kNameOrList, kStart | kUpdate},
    {"systemlogger", Takes::kNothing, kStart, kUpdate},
    {"stackwalk", Takes::kValue, kStart | kUpdate},
    {"ProfileSource", Takes::kValue, kStart | kUpdate},
    {"SetProfInt", Takes::kPair, kStart | kUpdate, 0, {}, true},
    {"Pmc", Takes::kValue, kStart | kUpdate},
    // Displays and questions.
    {"lp", Takes::kNothing, kQuery | kList},
    {"y", Takes::kNothing, kStopAll},
    {"json", Takes::kNothing, kAnyAction},
};

constexpr char kPackage[] =
    "programs have no package identity here; choose them with -ExeFilter or -PidFilter";

constexpr RefusedRow kRefused[] = {
    {"disableex", Takes::kName, "it was removed on Windows too; use -disable"},
    {"kd", Takes::kNothing,
     "there is no kernel debugger to send events to; use -buffering, whose buffers a debugger can "
     "read, or -rt"},
    {"addtotriagedump", Takes::kNothing,
     "there is no triage dump; use -buffering and save the buffers with -flush -f"},
    {"hybridshutdown", Takes::kName,
     "there is no hybrid shutdown: a session ends when the machine goes down"},
    {"QpcDelta", Takes::kNothing,
     "containers have the clock of their host: there is no difference to record"},
    {"PkgIdFilter", Takes::kValue, kPackage},
    {"PkgAppIdFilter", Takes::kValue, kPackage},
    {"cm", Takes::kNothing, "there is no registry; changes of files are seen with fanotify"},
    {"Lbr", Takes::kValue, "branches are recorded with perf record -b"},
    {"Ipt", Takes::kValue, "processor traces are recorded with perf record -e intel_pt//"},
};

// What only Linux has.
constexpr OptionRow kOptionsOfLinux[] = {
    {"pids", Takes::kList, kStart | kEnable, kDisable},
    {"heap", Takes::kNothing, kStart},
    {"critsec", Takes::kNothing, kStart},
};

// What only Windows has.
constexpr OptionRow kOptionsOfWindows[] = {
    {"kd", Takes::kNothing, kStart | kAutoLogger, kUpdate},
    {"addtotriagedump", Takes::kNothing, kStart | kAutoLogger, kUpdate},
    {"hybridshutdown", Takes::kValue, kStart | kAutoLogger, kUpdate},
    {"QpcDelta", Takes::kNothing, kStart, kUpdate},
    {"PkgIdFilter", Takes::kValue, kStart | kEnable, kDisable},
    {"PkgAppIdFilter", Takes::kValue, kStart | kEnable, kDisable},
    {"cm", Takes::kNothing, kStart | kUpdate},
};

constexpr char kUndocumented[] =
    "no documented function of Windows does it; use the system's own tracelog, or wpr";
constexpr RefusedRow kRefusedOnWindows[] = {
    {"disableex", Takes::kName, "it was removed; use -disable"},
    {"heap", Takes::kNothing, kUndocumented},
    {"critsec", Takes::kNothing, kUndocumented},
    {"pids", Takes::kList, kUndocumented},
    {"Lbr", Takes::kValue, kUndocumented},
    {"Ipt", Takes::kValue, kUndocumented},
};

struct AliasRow {
    std::string_view word;
    std::string_view stands_for;
};
constexpr AliasRow kAliases[] = {{"enableex", "enable"}, {"query", "q"}, {"list", "l"},
                                 {"flags", "flag"},      {"h", "help"},  {"?", "help"},
                                 {"eflags", "eflag"}};

}  // namespace

std::span<const ActionRow> actions() { return kActions; }

std::vector<OptionRow> options(const session::System& system) {
    std::vector<OptionRow> out(std::begin(kOptions), std::end(kOptions));
    const bool on_windows = system.kind == session::System::Kind::kWindows;
    const std::span<const OptionRow> own = on_windows
                                               ? std::span<const OptionRow>(kOptionsOfWindows)
                                               : std::span<const OptionRow>(kOptionsOfLinux);
    out.insert(out.end(), own.begin(), own.end());
    return out;
}

std::span<const RefusedRow> refused(const session::System& system) {
    if (system.kind == session::System::Kind::kWindows) return kRefusedOnWindows;
    return kRefused;
}

bool is_refused(std::string_view word, const session::System& system) {
    const auto rows = refused(system);
    return std::any_of(rows.begin(), rows.end(),
                       [&](const RefusedRow& row) { return to_lower(row.word) == to_lower(word); });
}

}  // namespace etw::cli::grammar

namespace etw::cli {

std::vector<OptionWord> tracelog_words(const session::System& system) {
    using namespace grammar;
    std::vector<OptionWord> out{{"help"}};
    for (const ActionRow& row : kActions)
        out.push_back({row.word, row.takes, false, {}, row.absent});
    for (const OptionRow& row : options(system))
        out.push_back({row.word, row.takes, row.repeats, {}, row.absent});
    for (const RefusedRow& row : refused(system))
        out.push_back({row.word, row.takes, true, {}, "-"});
    for (const AliasRow& row : kAliases)
        out.push_back({row.word, Takes::kNothing, false, row.stands_for});
    return out;
}

}  // namespace etw::cli
