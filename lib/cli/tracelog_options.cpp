#include "cli/tracelog_options.h"

#include "base/letter_case.h"
#include "cli/kernel_options.h"
#include "cli/kernel_tracing_options.h"
#include "cli/tracelog_grammar.h"
#include "etw/kernel_flags.h"
#include "etw/traced_processes.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <limits>

namespace etw::cli {
namespace {

// The words of a command line by option.
class Words {
public:
    static Result<Words, UsageError> read(Args args, const session::System& system) {
        Words out;
        const auto words = tracelog_words(system);
        for (const OptionWord& word : words) {
            if (!word.stands_for.empty()) continue;
            const std::string name = "--" + to_lower(word.word);
            if (word.takes == Takes::kNothing) {
                out.app_->add_flag(name);
            } else {
                out.app_->add_option(name)->expected(1)->take_all();
            }
        }
        out.app_->add_option("stray", out.stray_);
        ETW_CHECK(parse(*out.app_, args, words));
        return out;
    }

    bool has(std::string_view word) const { return option(word)->count() != 0; }
    std::vector<std::string> all(std::string_view word) const { return option(word)->results(); }
    std::string text(std::string_view word) const { return has(word) ? all(word).front() : ""; }
    const std::vector<std::string>& stray() const { return stray_; }

private:
    const CLI::Option* option(std::string_view word) const {
        return app_->get_option("--" + to_lower(word));
    }
    // CLI11 hands out pointers into the app, which therefore stays where it is.
    std::unique_ptr<CLI::App> app_ = [] {
        auto app = std::make_unique<CLI::App>();
        app->set_help_flag();
        return app;
    }();
    std::vector<std::string> stray_;
};

// Turns the words into options; after the first error every further step does nothing.
class Builder {
public:
    Builder(const Words& words, const session::System& system) : words_(words), system_(system) {}

    Result<TracelogOptions, UsageError> run() {
        if (words_.has("help")) return std::move(out_);
        constexpr std::pair<const char*, TracelogAction> kLists[] = {
            {"eflag", TracelogAction::kKernelGroups},
            {"stackwalk", TracelogAction::kStackEvents},
            {"pmc", TracelogAction::kStackEvents},
            {"ProfileSource", TracelogAction::kProfileSources},
        };
        for (const auto& [option, action] : kLists) {
            if (const auto names = words_.all(option);
                names.size() == 1 && to_lower(names[0]) == "help") {
                out_.action = action;
                return std::move(out_);
            }
        }
        if (refuse()) return std::move(out_);
        ETW_CHECK(choose_action());
        ETW_CHECK(check_validity());
        ETW_CHECK(read_session());
        ETW_CHECK(read_modes());
        ETW_CHECK(read_file());
        ETW_CHECK(read_keywords());
        ETW_CHECK(read_kernel());
        ETW_CHECK(read_filters());
        ETW_CHECK(read_providers());
        out_.list_providers = words_.has("lp");
        out_.json = words_.has("json");
        out_.answer_yes = words_.has("y");
        out_.private_session = words_.has("um");
        return std::move(out_);
    }

private:
    using Done = Result<Ok, UsageError>;

    // Whatever else is wrong with the line: what cannot be had is the first thing to know.
    bool refuse() {
        for (const grammar::RefusedRow& row : grammar::refused(system_)) {
            if (!words_.has(row.word)) continue;
            out_.refusal = {Code::kNotSupported, fmt::format("-{}: {}", row.word, row.why)};
            if (row.word == "kd" && words_.has("um")) {  // which Windows refuses too
                out_.refusal = {Code::kInvalidParameter,
                                "a private session has no debugger; leave out -kd or -um"};
            }
            out_.action = TracelogAction::kRefused;
            out_.json = words_.has("json");
            for (const grammar::ActionRow& action : grammar::actions()) {
                if (!words_.has(action.word)) continue;
                out_.action = action.action;
                if (action.takes == Takes::kName) out_.session = words_.text(action.word);
            }
            return true;
        }
        return false;
    }

    Done choose_action() {
        const grammar::ActionRow* chosen = nullptr;
        for (const grammar::ActionRow& row : grammar::actions()) {
            if (!words_.has(row.word)) continue;
            if (chosen) {
                return UsageError{
                    fmt::format("one action at a time: -{} or -{}", chosen->word, row.word)};
            }
            chosen = &row;
        }
        if (!words_.stray().empty()) {
            return UsageError{fmt::format(
                "Invalid option given: {}; quote a name that has spaces, and give a name that "
                "begins with / as -start=/name",
                words_.stray().front())};
        }
        if (!chosen) return UsageError{"ERROR: no action specified", kTracelogHelp};
        out_.action = chosen->action;
        action_word_ = chosen->word;
        if (chosen->action == TracelogAction::kEnumGuidEx) {
            if (words_.text(chosen->word) != kEveryProvider)
                out_.provider_sources = words_.all(chosen->word);
        } else if (chosen->takes != Takes::kNothing) {
            out_.session = words_.text(chosen->word);
        }
        return Ok{};
    }

    Done check_validity() {
        const uint32_t action = grammar::bit(out_.action);
        for (const grammar::OptionRow& row : grammar::options(system_)) {
            if (!words_.has(row.word) || (row.valid & action) != 0) continue;
            // Windows finds a private session by its provider. Here its name is enough, and one
            // that does not record the provider is not meant.
            if (row.word == "guid" && words_.has("um") && out_.action == TracelogAction::kUpdate)
                continue;
            if ((row.ignored & action) == 0) {
                return UsageError{fmt::format("-{} does not go with -{}; it goes with {}", row.word,
                                              action_word_,
                                              actions(row.valid != 0 ? row.valid : row.ignored))};
            }
            out_.notes.push_back(fmt::format("-{} has no effect with -{}", row.word, action_word_));
        }
        return Ok{};
    }

    static std::string actions(uint32_t mask) {
        std::string out;
        for (const grammar::ActionRow& row : grammar::actions()) {
            if ((mask & grammar::bit(row.action)) != 0)
                out += fmt::format("{}-{}", out.empty() ? "" : ", ", row.word);
        }
        return out;
    }

    // The option's number into `out`, which stays as it is where the option is absent.
    template <class T>
    Done number(std::string_view word, T& out,
                uint64_t maximum = std::numeric_limits<uint32_t>::max()) {
        if (!words_.has(word)) return Ok{};
        ETW_TRY(const uint64_t value, parse_number(word, words_.text(word), maximum));
        out = T(value);
        return Ok{};
    }

    // The option's GUID, with or without #, into `out`.
    Done guid(std::string_view word, Guid& out) {
        if (!words_.has(word)) return Ok{};
        const std::string text = words_.text(word);
        const auto parsed = parse_guid(std::string_view(text).substr(text.starts_with('#')));
        if (!parsed || *parsed == Guid()) {
            return UsageError{fmt::format(
                "-{}: '{}' is not a GUID: xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", word, text)};
        }
        out = *parsed;
        return Ok{};
    }

    Done read_session() {
        session::Properties& p = out_.properties;
        p.name = out_.update.name = out_.session;
        if (words_.has("b")) {
            ETW_TRY(p.buffer_size_kb, parse_size("b", words_.text("b"), 1024));
            // 0 would mean "not set" to the rules.
            if (p.buffer_size_kb == 0) return UsageError{"-b: a buffer has 4 to 16384 KB"};
        }
        ETW_CHECK(number("min", p.minimum_buffers));
        ETW_CHECK(number("max", p.maximum_buffers));
        ETW_CHECK(number("ft", p.flush_timer_s));
        ETW_CHECK(number("bt", p.flush_threshold));
        ETW_CHECK(guid("sessionguid", p.guid));
        if (p.maximum_buffers != 0) out_.update.maximum_buffers = p.maximum_buffers;
        // 0 leaves the timer as it is.
        if (p.flush_timer_s != 0) out_.update.flush_timer_s = p.flush_timer_s;
        p.qpc_delta = words_.has("QpcDelta");
        ETW_CHECK(read_lifetime());
        return read_clock();
    }

    Done read_lifetime() {
        session::Properties& p = out_.properties;
        ETW_CHECK(number("owner-pid", p.owner_pid, std::numeric_limits<int32_t>::max()));
        if (words_.has("owner-pid") && p.owner_pid == 0)
            return UsageError{"-owner-pid: 0 is no process; leave it out for no owner"};
        if (!words_.has("ttl")) return Ok{};
        ETW_TRY(p.ttl_s, parse_seconds("ttl", words_.text("ttl")));
        if (p.ttl_s == 0) return UsageError{"-ttl: 0 is no time; leave it out for no end"};
        return Ok{};
    }

    Done read_clock() {
        constexpr std::pair<std::string_view, ClockType> kClocks[] = {
            {"UsePerfCounter", ClockType::kPerfCounter},
            {"UseSystemTime", ClockType::kSystemTime},
            {"UseCPUCycle", ClockType::kCpuCycle}};
        std::string_view chosen;
        // Only times of the wall clock can follow those of an earlier run.
        if (words_.has("append")) out_.properties.clock = ClockType::kSystemTime;
        for (const auto& [word, clock] : kClocks) {
            if (!words_.has(word)) continue;
            if (!chosen.empty())
                return UsageError{fmt::format("one clock at a time: -{} or -{}", chosen, word)};
            chosen = word;
            out_.properties.clock = clock;
        }
        return Ok{};
    }

    Done read_modes() {
        constexpr std::pair<std::string_view, uint32_t> kFlags[] = {
            {"append", kModeAppend},
            {"prealloc", kModePreallocate},
            {"kb", kModeUseKilobytes},
            {"rt", kModeRealTime},
            {"buffering", kModeBuffering},
            {"um", kModePrivate},
            {"paged", kModePagedMemory},
            {"lowcapacity", kModeNoPerProcessor},
            {"independent", kModeIndependent},
            {"secure", kModeSecure},
            {"gs", kModeGlobalSequence},
            {"ls", kModeLocalSequence},
            {"kd", kModeDebugger},
            {"addtotriagedump", kModeTriageDump},
            {"heap", kModeReserved},
            {"critsec", kModeReserved},
        };
        for (const auto& [word, mode] : kFlags) {
            if (words_.has(word)) out_.properties.log_file_mode |= mode;
        }
        ETW_CHECK(read_hybrid_shutdown());
        ETW_CHECK(read_size("seq", kModeSequential));
        ETW_CHECK(read_size("cir", kModeCircular));
        return read_size("newfile", kModeNewFile);
    }

    Done read_hybrid_shutdown() {
        if (!words_.has("hybridshutdown")) return Ok{};
        const std::string text = words_.text("hybridshutdown");
        const std::string what = to_lower(text);
        if (what != "stop" && what != "persist")
            return UsageError{fmt::format("-hybridshutdown: '{}' is not stop or persist", text)};
        out_.properties.log_file_mode |=
            what == "stop" ? kModeStopOnHybridShutdown : kModePersistOnHybridShutdown;
        return Ok{};
    }

    Done read_file() {
        // Real-time and buffered sessions have none of themselves. -append and -newfile need the
        // file to be named; without it the rules refuse them.
        constexpr uint32_t kNoDefault = kModeAppend | kModeNewFile | kModeRealTime | kModeBuffering;
        session::Properties& p = out_.properties;
        if (words_.has("f")) {
            p.log_file = words_.text("f");
            out_.update.log_file = out_.snapshot_file = p.log_file;
        } else if ((p.log_file_mode & kNoDefault) == 0) {
            p.log_file = kDefaultLogFile;
        }
        // A new file ends the real-time part unless that is asked for again.
        if (words_.has("rt") || words_.has("f")) out_.update.real_time = words_.has("rt");
        return Ok{};
    }

    Done read_size(std::string_view word, uint32_t mode) {
        if (!words_.has(word)) return Ok{};
        const uint64_t unit = words_.has("kb") ? 1024 : 1024 * 1024;
        ETW_TRY(const uint32_t size, parse_size(word, words_.text(word), unit));
        if (size == 0) {
            out_.notes.push_back(fmt::format("-{} without a size has no effect", word));
            return Ok{};
        }
        out_.properties.log_file_mode |= mode;
        out_.properties.maximum_file_size = size;
        return Ok{};
    }

    Done read_keywords() {
        session::ProviderEnable& d = out_.provider_defaults;
        constexpr uint64_t kAny = std::numeric_limits<uint64_t>::max();
        ETW_CHECK(number("flag", out_.properties.enable_flags));
        d.match_any_keyword = out_.properties.enable_flags;
        ETW_CHECK(number("matchanykw", d.match_any_keyword, kAny));
        ETW_CHECK(number("matchallkw", d.match_all_keyword, kAny));
        ETW_CHECK(number("level", d.level));  // the low byte: documents say 0xFFFF for "all"
        ETW_CHECK(number("enableproperty", d.enable_property));
        ETW_CHECK(number("timeout", out_.timeout_ms));
        return guid("sourceguid", d.source_id);
    }

    // A session with kernel options is a system logger, unless it is the kernel's own.
    Done read_kernel() {
        const bool kernel_logger = same_name(out_.session, session::kKernelLoggerName);
        KernelWords typed;
        for (const std::string_view word : kernel_switches()) {
            if (words_.has(word)) typed.switches.push_back(word);
        }
        typed.eflag = words_.all("eflag");
        typed.system_logger = words_.has("systemlogger");
        KernelTracingWords with{words_.text("stackwalk"), words_.text("ProfileSource"),
                                words_.all("SetProfInt"), words_.text("Pmc")};
        ETW_TRY(out_.properties.kernel, parse_kernel_tracing(with, system_));
        if (!with.empty()) out_.update.kernel = out_.properties.kernel;
        if (typed.empty() && !kernel_logger) return Ok{};
        ETW_TRY(KernelEvents events, parse_kernel_events(typed, kernel_logger, system_));
        out_.kernel_groups = std::move(events.groups);
        if (!kernel_logger && out_.action == TracelogAction::kStart)
            out_.properties.log_file_mode |= kModeSystemLogger;
        if (kernel_logger) events.flags |= out_.properties.enable_flags;  // of -flag
        // What the addresses of stacks and samples lie in.
        if (!out_.properties.kernel.stack_events.empty()) events.flags |= kKernelImageLoad;
        out_.properties.enable_flags = events.flags;
        // Without a word of them the flags stay as they are.
        if (!typed.empty()) out_.update.enable_flags = events.flags;
        return Ok{};
    }

    Done read_filters() {
        session::ProviderEnable& d = out_.provider_defaults;
        d.package_ids = words_.text("PkgIdFilter");
        d.package_app_ids = words_.text("PkgAppIdFilter");
        std::string names = words_.text("ExeFilter");
        while (!names.empty()) {
            const size_t end = std::min(names.find(';'), names.size());
            if (end != 0) d.exe_names.push_back(names.substr(0, end));
            names.erase(0, end + 1);
        }
        if (words_.has("ExeFilter") && d.exe_names.empty())
            return UsageError{"-ExeFilter needs names of executables: -ExeFilter 'a;b'"};
        ETW_CHECK(read_pids("PidFilter"));
        ETW_CHECK(read_probe_pids());
        ETW_CHECK(read_ids("EventIdFilter", d.event_ids));
        return read_ids("StackWalkFilter", d.stack_walk_ids);
    }

    Done read_pids(std::string_view option) {
        for (const std::string& word : words_.all(option)) {
            constexpr uint32_t kMaxPid = std::numeric_limits<int32_t>::max();
            ETW_TRY(const uint64_t pid, parse_number(option, word, kMaxPid));
            if (pid == 0) return UsageError{fmt::format("-{}: 0 is no process", option)};
            out_.provider_defaults.pids.push_back(uint32_t(pid));
        }
        return Ok{};
    }

    // What -heap or -critsec asks for is a provider, whose filter names the processes.
    Done read_traced() {
        const bool heap = words_.has("heap");
        const char* const word = heap ? "heap" : "critsec";
        if (heap && words_.has("critsec"))
            return UsageError{"-heap and -critsec exclude each other; give one of them"};
        if (!words_.has("um") || !words_.has("pids"))
            return UsageError{
                fmt::format("-{0} goes with -um and -pids: -um -{0} -pids 1 7008", word)};
        for (const char* other : {"guid", "PidFilter"}) {
            if (words_.has(other))
                return UsageError{fmt::format("-{} does not go with -{}", other, word)};
        }
        ETW_CHECK(read_pids("pids"));
        session::ProviderEnable traced;
        traced.guid = heap ? session::kHeapGuid : session::kCritSecGuid;
        traced.pids = out_.provider_defaults.pids;
        out_.more_providers.push_back(std::move(traced));
        return Ok{};
    }

    // Of what needs no provider in the processes; the same as -PidFilter, whose word is for all.
    Done read_probe_pids() {
        if ((out_.properties.log_file_mode & kModeReserved) != 0) return read_traced();
        if (!words_.has("pids")) return Ok{};
        const std::vector<std::string> sources = words_.all("guid");
        const auto is_probe = [](const std::string& source) {
            return source.starts_with(kUsdtPrefix);
        };
        if (sources.empty() || !std::all_of(sources.begin(), sources.end(), is_probe)) {
            return UsageError{
                "-pids goes with -heap, -critsec or -guid usdt:PATH:PROVIDER; other providers take "
                "-PidFilter"};
        }
        return read_pids("pids");
    }

    Done read_ids(std::string_view word, std::optional<session::EventIdFilter>& out) {
        const std::vector<std::string> values = words_.all(word);
        if (values.empty()) return Ok{};
        session::EventIdFilter filter;
        filter.exclude = values.front() == "-out";
        for (size_t i = 1; i < values.size(); ++i) {
            constexpr uint16_t kMaxId = std::numeric_limits<uint16_t>::max();
            ETW_TRY(const uint64_t id, parse_number(word, values[i], kMaxId));
            filter.ids.push_back(uint16_t(id));
        }
        out = std::move(filter);
        return Ok{};
    }

    Done read_providers() {
        if (words_.has("guid")) out_.provider_sources = words_.all("guid");
        const bool needs =
            out_.action == TracelogAction::kEnable || out_.action == TracelogAction::kDisable;
        if (needs && out_.provider_sources.empty()) {
            return UsageError{fmt::format(
                "-{} needs the providers: -guid GUID, -guid FILE or -guid NAME", action_word_)};
        }
        // -flag is the session's too, and shown with it.
        constexpr std::string_view kOfProviders[] = {
            "level",         "matchanykw",      "matchallkw",  "enableproperty",
            "sourceguid",    "timeout",         "ExeFilter",   "PidFilter",
            "EventIdFilter", "StackWalkFilter", "PkgIdFilter", "PkgAppIdFilter"};
        const bool starts =
            out_.action == TracelogAction::kStart || out_.action == TracelogAction::kAddAutoLogger;
        if (!starts || !out_.provider_sources.empty()) return Ok{};
        for (const std::string_view word : kOfProviders) {
            if (words_.has(word))
                out_.notes.push_back(fmt::format("-{} has no effect without -guid", word));
        }
        return Ok{};
    }

    const Words& words_;
    const session::System& system_;
    std::string_view action_word_;
    TracelogOptions out_;
};

}  // namespace

UsageError explain_missing_value(UsageError error) {
    if (error.message.starts_with("-guid needs a value")) {
        error.message +=
            "; a shell drops what follows an unquoted #, so quote it ('#GUID') or leave the # out";
    }
    return error;
}

Result<TracelogOptions, UsageError> parse_tracelog(Args args, const session::System& system) {
    const auto words = Words::read(args, system);
    if (!words) return explain_missing_value(words.error());
    return Builder(*words, system).run();
}

}  // namespace etw::cli
