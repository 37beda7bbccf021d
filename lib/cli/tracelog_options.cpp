#include "cli/tracelog_options.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <limits>

namespace etw::cli {
namespace {

using session::kKernelLoggerName;

constexpr uint32_t bit(TracelogAction action) { return 1u << uint32_t(action); }
constexpr uint32_t kStart = bit(TracelogAction::kStart);
constexpr uint32_t kUpdate = bit(TracelogAction::kUpdate);
constexpr uint32_t kFlush = bit(TracelogAction::kFlush);
constexpr uint32_t kEnable = bit(TracelogAction::kEnable);
constexpr uint32_t kDisable = bit(TracelogAction::kDisable);
constexpr uint32_t kQuery = bit(TracelogAction::kQuery);
constexpr uint32_t kList = bit(TracelogAction::kList);
constexpr uint32_t kAnyAction = ~0u;

struct ActionRow {
    std::string_view word;
    TracelogAction action;
    bool takes_name;
};
constexpr ActionRow kActions[] = {
    {"start", TracelogAction::kStart, true},
    {"stop", TracelogAction::kStop, true},
    {"q", TracelogAction::kQuery, true},
    {"l", TracelogAction::kList, false},
    {"enable", TracelogAction::kEnable, true},
    {"disable", TracelogAction::kDisable, true},
    {"flush", TracelogAction::kFlush, true},
    {"update", TracelogAction::kUpdate, true},
    {"enumguid", TracelogAction::kEnumGuid, false},
};

// What each option goes with. `ignored`: the reference accepts it there without effect.
struct OptionRow {
    std::string_view word;
    Takes takes;
    uint32_t valid;
    uint32_t ignored = 0;
    std::string_view absent = {};
    bool repeats = false;
};
constexpr OptionRow kOptions[] = {
    {"f", Takes::kMaybe, kStart | kUpdate | kFlush, 0, kDefaultLogFile},
    {"b", Takes::kValue, kStart, kUpdate},
    {"min", Takes::kValue, kStart, kUpdate},
    {"max", Takes::kValue, kStart | kUpdate},
    {"ft", Takes::kValue, kStart | kUpdate},
    {"seq", Takes::kMaybe, kStart, kUpdate, "0"},
    {"cir", Takes::kMaybe, kStart, kUpdate, "0"},
    {"newfile", Takes::kMaybe, kStart, kUpdate, "0"},
    {"append", Takes::kNothing, kStart, kUpdate},
    {"prealloc", Takes::kNothing, kStart, kUpdate},
    {"kb", Takes::kNothing, kStart, kUpdate},
    {"buffering", Takes::kNothing, kStart, kUpdate},
    {"UsePerfCounter", Takes::kNothing, kStart, kUpdate},
    {"UseSystemTime", Takes::kNothing, kStart, kUpdate},
    {"UseCPUCycle", Takes::kNothing, kStart, kUpdate},
    {"guid", Takes::kValue, kStart | kEnable | kDisable, 0, {}, true},
    {"flag", Takes::kValue, kStart | kEnable, kDisable},
    {"level", Takes::kValue, kStart | kEnable, kDisable},
    {"matchanykw", Takes::kValue, kStart | kEnable, kDisable},
    {"matchallkw", Takes::kValue, kStart | kEnable, kDisable},
    {"timeout", Takes::kValue, kStart | kEnable, kDisable},
    {"lp", Takes::kNothing, kQuery | kList},
    {"json", Takes::kNothing, kAnyAction},
};

struct AliasRow {
    std::string_view word;
    std::string_view stands_for;
};
constexpr AliasRow kAliases[] = {{"enableex", "enable"}, {"query", "q"}, {"list", "l"},
                                 {"flags", "flag"},      {"h", "help"},  {"?", "help"}};

std::vector<OptionWord> option_words() {
    std::vector<OptionWord> out{{"help"}};
    for (const ActionRow& row : kActions) {
        out.push_back({row.word,
                       row.takes_name ? Takes::kName : Takes::kNothing,
                       false,
                       {},
                       row.takes_name ? kKernelLoggerName : ""});
    }
    for (const OptionRow& row : kOptions)
        out.push_back({row.word, row.takes, row.repeats, {}, row.absent});
    for (const AliasRow& row : kAliases)
        out.push_back({row.word, Takes::kNothing, false, row.stands_for});
    return out;
}

// The words of a command line by option.
class Words {
public:
    static Result<Words, UsageError> read(Args args) {
        Words out;
        const auto words = option_words();
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
    explicit Builder(const Words& words) : words_(words) {}

    Result<TracelogOptions, UsageError> run() {
        if (words_.has("help")) return std::move(out_);
        ETW_CHECK(choose_action());
        ETW_CHECK(check_validity());
        ETW_CHECK(read_session());
        ETW_CHECK(read_file_modes());
        ETW_CHECK(read_providers());
        out_.list_providers = words_.has("lp");
        out_.json = words_.has("json");
        return std::move(out_);
    }

private:
    using Done = Result<Ok, UsageError>;

    Done choose_action() {
        const ActionRow* chosen = nullptr;
        for (const ActionRow& row : kActions) {
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
        if (chosen->takes_name) out_.session = words_.text(chosen->word);
        return Ok{};
    }

    Done check_validity() {
        for (const OptionRow& row : kOptions) {
            if (!words_.has(row.word) || (row.valid & bit(out_.action)) != 0) continue;
            if ((row.ignored & bit(out_.action)) == 0) {
                return UsageError{fmt::format("-{} does not go with -{}; it goes with {}", row.word,
                                              action_word_, actions(row.valid))};
            }
            out_.notes.push_back(fmt::format("-{} has no effect with -{}", row.word, action_word_));
        }
        return Ok{};
    }

    static std::string actions(uint32_t mask) {
        std::string out;
        for (const ActionRow& row : kActions) {
            if ((mask & bit(row.action)) != 0)
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
        if (p.maximum_buffers != 0) out_.update.maximum_buffers = p.maximum_buffers;
        // 0 leaves the timer as it is.
        if (p.flush_timer_s != 0) out_.update.flush_timer_s = p.flush_timer_s;
        return read_clock();
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

    Done read_file_modes() {
        uint32_t& mode = out_.properties.log_file_mode;
        const auto flag = [&](std::string_view word, uint32_t value) {
            if (words_.has(word)) mode |= value;
        };
        flag("append", kModeAppend);
        flag("prealloc", kModePreallocate);
        flag("kb", kModeUseKilobytes);
        flag("buffering", kModeBuffering);
        ETW_CHECK(read_size("seq", kModeSequential));
        ETW_CHECK(read_size("cir", kModeCircular));
        ETW_CHECK(read_size("newfile", kModeNewFile));
        // The first two need the file to be named, the last has none: the rules see to that.
        const bool must_be_named = (mode & (kModeAppend | kModeNewFile | kModeBuffering)) != 0;
        if (words_.has("f")) {
            out_.update.log_file = out_.properties.log_file = words_.text("f");
        } else if (!must_be_named) {
            out_.properties.log_file = kDefaultLogFile;
        }
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

    Done read_providers() {
        out_.provider_sources = words_.all("guid");
        ProviderDefaults& d = out_.provider_defaults;
        constexpr uint64_t kAny = std::numeric_limits<uint64_t>::max();
        ETW_CHECK(number("flag", out_.properties.enable_flags));
        d.match_any_keyword = out_.properties.enable_flags;
        ETW_CHECK(number("matchanykw", d.match_any_keyword, kAny));
        ETW_CHECK(number("matchallkw", d.match_all_keyword, kAny));
        ETW_CHECK(number("level", d.level));  // the low byte: documents say 0xFFFF for "all"
        ETW_CHECK(number("timeout", out_.timeout_ms));
        const bool needs =
            out_.action == TracelogAction::kEnable || out_.action == TracelogAction::kDisable;
        if (needs && out_.provider_sources.empty()) {
            return UsageError{fmt::format(
                "-{} needs the providers: -guid GUID, -guid FILE or -guid NAME", action_word_)};
        }
        return Ok{};
    }

    const Words& words_;
    std::string_view action_word_;
    TracelogOptions out_;
};

// A shell takes an unquoted #... for a comment, so that nothing is left of the value.
UsageError explain(UsageError error) {
    if (error.message.starts_with("-guid needs a value")) {
        error.message +=
            "; a shell drops what follows an unquoted #, so quote it ('#GUID') or leave the # out";
    }
    return error;
}

}  // namespace

Result<TracelogOptions, UsageError> parse_tracelog(Args args) {
    const auto words = Words::read(args);
    if (!words) return explain(words.error());
    return Builder(*words).run();
}

}  // namespace etw::cli
