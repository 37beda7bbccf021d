#include "cli/traceview_options.h"

#include "cli/tracelog_grammar.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace etw::cli {
namespace {

// Of the other tools' words those that traceview documents, and -json, which every display has.
constexpr std::string_view kControl[] = {
    "start", "stop", "update", "enable",   "disable", "flush",   "q",      "enumguid", "l",   "x",
    "help",  "f",    "rt",     "guid",     "flag",    "level",   "b",      "min",      "max", "ft",
    "paged", "seq",  "cir",    "prealloc", "kd",      "newfile", "append", "json",     "age", "y"};
constexpr OptionWord kParsePdb[] = {
    {"parsepdb", Takes::kValue, true},
    {"p", Takes::kValue},
    {"json"},
    {"h"},
    {"help", Takes::kNothing, false, "h"},
    {"?", Takes::kNothing, false, "h"},
};
constexpr std::string_view kProcess[] = {
    "rt",        "tmf",         "p",        "o", "csv",  "display", "displayonly",
    "nosummary", "summaryonly", "noprefix", "h", "json", "ods",     "v"};

template <class Words>
bool contains(const Words& words, std::string_view word) {
    return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

// With those that are refused by name.
std::vector<OptionWord> control_words(const session::System& system) {
    auto rows = tracelog_words(system);
    // No name stands for another session here.
    for (OptionWord& row : rows) {
        if (row.takes == Takes::kName) row.absent = {};
    }
    rows.push_back({"join", Takes::kValue});
    rows.push_back({"display"});
    return rows;
}

std::vector<OptionWord> process_words() {
    const auto words = tracefmt_words();
    std::vector<OptionWord> rows(words.begin(), words.end());
    rows.push_back({"process", Takes::kMaybe});
    return rows;
}

// A normalised command line: --word, --word=value, then -- and what is no option.
class Line {
public:
    static Result<Line, UsageError> read(Args args, const std::vector<OptionWord>& rows) {
        Line out;
        ETW_TRY(out.words_, normalize(args, rows));
        const auto end = std::find(out.words_.begin(), out.words_.end(), "--");
        out.stray_.assign(end + 1, out.words_.end());
        out.words_.erase(end, out.words_.end());
        return out;
    }

    bool has(std::string_view word) const { return at(word) != words_.end(); }
    // Takes the option out of the line; its value, empty where it has none.
    std::string take(std::string_view word) {
        const auto found = at(word);
        if (found == words_.end()) return "";
        std::string text = *found;
        words_.erase(found);
        const size_t equals = text.find('=');
        return equals == std::string::npos ? "" : text.substr(equals + 1);
    }
    void add_stray(std::string word) { stray_.insert(stray_.begin(), std::move(word)); }
    const std::vector<std::string>& words() const { return words_; }
    const std::vector<std::string>& stray() const { return stray_; }
    static std::string name(const std::string& word) { return word.substr(2, word.find('=') - 2); }
    static bool has_value(const std::string& word) { return word.find('=') != std::string::npos; }

    // What is left, for the other tool's parser.
    template <class Parse>
    auto parse_rest(Parse parse) {
        std::vector<char*> pointers;
        for (std::string& word : words_) {
            // What normalize() put in the place of no value.
            if (word.ends_with("=-")) word.resize(word.size() - 2);
            pointers.push_back(word.data());
        }
        for (std::string& word : stray_) pointers.push_back(word.data());
        return parse(Args(pointers));
    }

private:
    using Words = std::vector<std::string>;
    Words::const_iterator at(std::string_view word) const {
        return std::find_if(words_.begin(), words_.end(),
                            [&](const std::string& w) { return name(w) == word; });
    }

    Words words_;
    Words stray_;
};

// Refuses what the other tool has and traceview has not.
template <size_t N>
Result<Ok, UsageError> check_documented(const Line& line, const std::string_view (&allowed)[N],
                                        const char* other_tool, const session::System& system) {
    for (const std::string& word : line.words()) {
        const std::string name = Line::name(word);
        if (grammar::is_refused(name, system)) continue;  // by tracelog, with the reason
        if (!contains(allowed, name))
            return UsageError{
                fmt::format("traceview has no -{0}; {1} has: {1} -{0}", name, other_tool)};
    }
    return Ok{};
}

Result<Join, UsageError> parse_join(const std::string& text) {
    constexpr std::pair<std::string_view, Join> kAnswers[] = {
        {"yes", Join::kYes}, {"no", Join::kNo}, {"cancel", Join::kCancel}};
    for (const auto& [word, join] : kAnswers) {
        if (to_lower(text) == word) return join;
    }
    return UsageError{fmt::format("-join: '{}' is not yes, no or cancel", text)};
}

Result<Ok, UsageError> check_named(const Line& line, const session::System& system) {
    for (const OptionWord& row : tracelog_words(system)) {
        if (row.takes != Takes::kName) continue;
        for (const std::string& word : line.words()) {
            if (Line::name(word) == row.word && !Line::has_value(word))
                return UsageError{fmt::format("-{0} needs a session name: -{0} NAME", row.word)};
        }
    }
    return Ok{};
}

Result<TraceviewOptions, UsageError> parse_control(Args args, const session::System& system) {
    auto read = Line::read(args, control_words(system));
    if (!read) return explain_missing_value(read.error());
    Line line = *std::move(read);
    TraceviewOptions out;
    out.command = TraceviewCommand::kControl;
    const bool has_join = line.has("join");
    const std::string join = line.take("join");
    out.display = line.has("display");
    line.take("display");
    if (has_join) {
        ETW_TRY(out.join, parse_join(join));
    }
    ETW_CHECK(check_documented(line, kControl, "tracelog", system));
    ETW_CHECK(check_named(line, system));
    auto control = line.parse_rest([&](Args rest) { return parse_tracelog(rest, system); });
    if (!control) {
        const UsageError& error = control.error();
        return UsageError{error.message, error.help ? kTraceviewHelp : nullptr};
    }
    out.control = *std::move(control);
    if (out.control.action == TracelogAction::kHelp) return TraceviewOptions{};
    if (out.display) {
        out.control.properties.log_file_mode |= kModeRealTime;
        if (!out.control.update.log_file) out.control.properties.log_file.clear();
    }
    if (out.control.action != TracelogAction::kStart && (has_join || out.display)) {
        return UsageError{fmt::format("-{} goes with -start", has_join ? "join" : "display")};
    }
    return out;
}

Result<TraceviewOptions, UsageError> parse_process(Args args, const session::System& system) {
    ETW_TRY(Line line, Line::read(args, process_words()));
    TraceviewOptions out;
    out.command = TraceviewCommand::kProcess;
    if (std::string file = line.take("process"); !file.empty()) line.add_stray(std::move(file));
    ETW_CHECK(check_documented(line, kProcess, "tracefmt", system));
    if (line.has("h")) return TraceviewOptions{};
    ETW_TRY(out.format, line.parse_rest(parse_tracefmt));
    return out;
}

// -parsepdb PDBs [-p folder] is tracepdb's -f, and writes TMC files, too.
Result<TraceviewOptions, UsageError> parse_pdb(Args args) {
    const std::vector<OptionWord> rows(std::begin(kParsePdb), std::end(kParsePdb));
    ETW_TRY(Line line, Line::read(args, rows));
    if (line.has("h")) return TraceviewOptions{};
    TraceviewOptions out;
    out.command = TraceviewCommand::kParsePdb;
    while (line.has("parsepdb")) out.pdb.files.push_back(line.take("parsepdb"));
    if (line.has("p")) out.pdb.folder = line.take("p");
    out.pdb.control_files = true;
    out.pdb.json = line.has("json");
    line.take("json");
    // `-parsepdb *.pdb`, which the shell has expanded.
    for (const std::string& more : line.stray()) out.pdb.files.push_back(more);
    return out;
}

bool has_command(Args args, std::string_view command) {
    return std::any_of(args.begin(), args.end(),
                       [&](std::string_view arg) { return option_name(arg) == command; });
}

}  // namespace

std::vector<OptionWord> traceview_words(Args words, const session::System& system) {
    if (has_command(words, "parsepdb")) return {std::begin(kParsePdb), std::end(kParsePdb)};
    const bool process = has_command(words, "process");
    auto rows = process ? process_words() : control_words(system);
    std::erase_if(rows, [&](const OptionWord& row) {
        const bool own = row.word == "process" || row.word == "join" || row.word == "display";
        const std::string_view word = row.stands_for.empty() ? row.word : row.stands_for;
        return !own && !(process ? contains(kProcess, word) : contains(kControl, word));
    });
    if (!process) {
        rows.push_back({"process", Takes::kMaybe});
        rows.push_back(kParsePdb[0]);
    }
    return rows;
}

Result<TraceviewOptions, UsageError> parse_traceview(Args args, const session::System& system) {
    if (has_command(args, "process")) return parse_process(args, system);
    if (has_command(args, "parsepdb")) return parse_pdb(args);
    return parse_control(args, system);
}

}  // namespace etw::cli
