#include "cli/cli.h"

#include "base/letter_case.h"
#include "base/platform.h"
#include "base/signals.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <iostream>
#include <limits>
#include <optional>
#include <set>

namespace etw::cli {
namespace {

constexpr std::string_view kTypographicMinus[] = {"\u2212", "\u2013", "\u2014"};

// A word as it might spell an option.
struct Spelling {
    bool dash = false;   // begins with - (or --), so it can be nothing but an option
    bool slash = false;  // begins with /, so it may as well be a path
    std::string name;    // lower case, without the prefix and without =value
    std::optional<std::string> value;
};

std::optional<Spelling> spelling(std::string_view word) {
    Spelling out;
    if (word.starts_with("--") && word.size() > 2) {
        word.remove_prefix(2);
        out.dash = true;
    } else if (word.starts_with('-') && word.size() > 1) {
        word.remove_prefix(1);
        out.dash = true;
    } else if (word.starts_with('/')) {
        word.remove_prefix(1);
        out.slash = true;
    } else {
        const auto minus = std::find_if(std::begin(kTypographicMinus), std::end(kTypographicMinus),
                                        [&](std::string_view m) { return word.starts_with(m); });
        if (minus == std::end(kTypographicMinus)) return std::nullopt;
        word.remove_prefix(minus->size());
    }
    const size_t equals = word.find('=');
    if (equals != std::string_view::npos) out.value = word.substr(equals + 1);
    out.name = to_lower(word.substr(0, equals));
    return out;
}

const OptionWord* find(std::span<const OptionWord> options, std::string_view name) {
    const auto at = std::find_if(options.begin(), options.end(), [&](const OptionWord& option) {
        return to_lower(option.word) == name;
    });
    return at == options.end() ? nullptr : &*at;
}

size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = std::exchange(row[0], i);
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
        }
    }
    return row[b.size()];
}

UsageError unknown_option(std::string_view word, const std::string& name,
                          std::span<const OptionWord> options) {
    const OptionWord* nearest = nullptr;
    size_t distance = name.size() / 2 + 1;  // further than that is a guess, not a hint
    for (const OptionWord& option : options) {
        const size_t d = edit_distance(name, to_lower(option.word));
        if (d < distance) distance = d, nearest = &option;
    }
    if (!nearest && word.find('.') != word.npos) {
        return {fmt::format("unknown option '{0}'; a file of this name is ./{0}", word)};
    }
    if (!nearest) return {fmt::format("unknown option '{}'", word)};
    return {fmt::format("unknown option '{}'; did you mean -{}?", word, nearest->word)};
}

constexpr uint64_t kLargest = std::numeric_limits<uint64_t>::max();

struct Number {
    uint64_t value = 0;
    bool larger = false;  // than any that there is room for; `value` is the largest of these

    bool is_more_than(uint64_t maximum) const { return larger || value > maximum; }
};

std::optional<Number> to_number(std::string_view text) {
    const auto all = [&](std::string_view digits) {
        return text.find_first_not_of(digits) == std::string_view::npos;
    };
    int base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        text.remove_prefix(2);
        base = 16;
    } else if (!all("0123456789")) {
        base = 16;
    }
    if (text.empty() || !all("0123456789abcdefABCDEF")) return std::nullopt;
    Number number;
    const auto end = text.data() + text.size();
    const auto [last, error] = std::from_chars(text.data(), end, number.value, base);
    if (error == std::errc::result_out_of_range) return Number{kLargest, true};
    if (error != std::errc{} || last != end) return std::nullopt;
    return number;
}

// The normaliser's walk over the words.
class Walk {
public:
    Walk(Args args, std::span<const OptionWord> options) : args_(args), options_(options) {}

    Result<std::vector<std::string>, UsageError> run() {
        while (at_ < args_.size()) {
            const std::string_view word = args_[at_++];
            auto spelled = spelling(word);
            const OptionWord* option = spelled ? find(options_, spelled->name) : nullptr;
            if (option) {
                ETW_CHECK(take_option(*option, std::move(spelled->value)));
            } else if (spelled && spelled->dash) {
                return unknown_option(word, spelled->name, options_);
            } else {
                words_.emplace_back(word);
            }
        }
        out_.emplace_back("--");
        out_.insert(out_.end(), words_.begin(), words_.end());
        return std::move(out_);
    }

private:
    Result<Ok, UsageError> take_option(const OptionWord& row, std::optional<std::string> value) {
        const OptionWord& option = row.stands_for.empty() ? row : *find(options_, row.stands_for);
        if (!seen_.insert(option.word).second && !option.repeats)
            return UsageError{fmt::format("-{} is given twice", option.word)};
        if (option.takes == Takes::kNothing && value)
            return UsageError{fmt::format("-{} takes no value", row.word)};
        if (option.takes == Takes::kList || option.takes == Takes::kInOutList ||
            (option.takes == Takes::kNameOrList && is_count(value)))
            return take_list(option, std::move(value));
        if (option.takes == Takes::kPair) return take_pair(option, std::move(value));
        if (!value && next_is_value(option.takes)) value = args_[at_++];
        if (!value && (option.takes == Takes::kValue || option.takes == Takes::kNameOrList)) {
            const bool last = at_ == args_.size();
            return UsageError{last ? fmt::format("-{} needs a value", row.word)
                                   : fmt::format("-{} needs a value, and '{}' is an option",
                                                 row.word, args_[at_])};
        }
        if (!value && !option.absent.empty()) value = option.absent;
        if (value && value->empty())
            return UsageError{fmt::format("-{} has an empty value", row.word)};
        const std::string name = to_lower(option.word);
        out_.push_back(value ? fmt::format("--{}={}", name, *value) : "--" + name);
        return Ok{};
    }

    bool is_count(const std::optional<std::string>& value) const {
        const std::string_view first = value                ? std::string_view(*value)
                                       : at_ < args_.size() ? std::string_view(args_[at_])
                                                            : std::string_view();
        return !first.empty() && first[0] >= '0' && first[0] <= '9';
    }

    // `first`: what followed an =.
    Result<Ok, UsageError> take_list(const OptionWord& option, std::optional<std::string> first) {
        const bool in_out = option.takes == Takes::kInOutList;
        const UsageError form{
            fmt::format("-{0} needs {1}how many values follow, and then those: -{0} {2}2 100 200",
                        option.word, in_out ? "-in or -out, " : "", in_out ? "-in " : "")};
        const std::string prefix = "--" + to_lower(option.word) + "=";
        const auto next = [&]() -> std::string {
            if (first) return *std::exchange(first, std::nullopt);
            return at_ < args_.size() ? args_[at_++] : "";
        };
        if (in_out) {
            const auto spelled = spelling(next());
            if (!spelled || (spelled->name != "in" && spelled->name != "out")) return form;
            out_.push_back(prefix + "-" + spelled->name);
        }
        const auto count = to_number(next());
        if (!count || count->value == 0) return form;
        for (uint64_t taken = 0; taken < count->value; ++taken) {
            if (!next_is_value(Takes::kName)) {
                return UsageError{fmt::format("-{} announces {} values, and {} follow", option.word,
                                              count->value, taken)};
            }
            out_.push_back(prefix + args_[at_++]);
        }
        return Ok{};
    }

    Result<Ok, UsageError> take_pair(const OptionWord& option, std::optional<std::string> first) {
        const std::string prefix = "--" + to_lower(option.word) + "=";
        for (int taken = first ? 1 : 0; taken < 2; ++taken) {
            if (!next_is_value(Takes::kName))
                return UsageError{fmt::format("-{} needs two values", option.word)};
            if (first) out_.push_back(prefix + *std::exchange(first, std::nullopt));
            out_.push_back(prefix + args_[at_++]);
        }
        return Ok{};
    }

    bool next_is_value(Takes takes) const {
        if (takes == Takes::kNothing || at_ == args_.size()) return false;
        const auto spelled = spelling(args_[at_]);
        if (!spelled) return true;
        const bool known = find(options_, spelled->name) != nullptr;
        switch (takes) {
            // A typographic minus is one only before an option; a / may begin a path.
            case Takes::kMaybe:
                return !known && !spelled->dash;
            case Takes::kName:
                return !known && !spelled->dash && !spelled->slash;
            case Takes::kValue:
            case Takes::kNameOrList:
                return !known || spelled->slash;
            case Takes::kNothing:
            case Takes::kList:
            case Takes::kInOutList:
            case Takes::kPair:
                break;
        }
        return false;
    }

    Args args_;
    std::span<const OptionWord> options_;
    size_t at_ = 0;
    std::set<std::string_view> seen_;
    std::vector<std::string> out_;
    std::vector<std::string> words_;
};

// Takes K, M or G with or without B from the end of `text`; the bytes it stands for, 0 if none.
uint64_t take_suffix(std::string_view& text) {
    const std::string lower = to_lower(text);
    std::string_view rest = lower;
    if (rest.ends_with('b')) rest.remove_suffix(1);
    const auto suffix = [&](char letter) { return rest.ends_with(letter); };
    const uint64_t bytes = suffix('k')   ? uint64_t{1} << 10
                           : suffix('m') ? uint64_t{1} << 20
                           : suffix('g') ? uint64_t{1} << 30
                                         : 0;
    if (bytes != 0) text = text.substr(0, rest.size() - 1);
    return bytes;
}

const char* unit_name(uint64_t unit) { return unit == 1024 ? "KB" : "MB"; }

}  // namespace

std::string to_lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
    }
    return out;
}

Ask ask_terminal() {
    if (!is_terminal(stdin)) return {};
    return [](const std::string& text) -> std::optional<std::string> {
        say_text(stdout, text);
        std::fflush(stdout);
        std::string line;
        if (!std::getline(std::cin, line)) return std::nullopt;
        return line;
    };
}

Args begin(int argc, char** argv) {
    prepare_output();
    ignore_file_size_limits();
    return argc > 1 ? Args(argv + 1, size_t(argc - 1)) : Args();
}

void say_text(std::FILE* to, std::string_view text) {
    static_cast<void>(std::fwrite(text.data(), 1, text.size(), to));
}

int print_help(const char* text) {
    const bool written = std::fputs(text, stdout) >= 0 && std::fflush(stdout) == 0;
    return written ? kExitDone : kExitFailed;
}

int usage(const char* tool, const UsageError& error) {
    say(stderr, "{}: {}\n", tool, error.message);
    if (error.help) {
        say(stderr, "\n{}", error.help);
    } else {
        say(stderr, "Try '{} -h'.\n", tool);
    }
    return kExitUsage;
}

std::string status_text(Code code) {
    static const std::string unknown = code_text(Code{UINT32_MAX});  // no system has it
    const std::string ours = code_text(code);
    if (ours != unknown) return ours;
    const std::string theirs = system_text(uint32_t(code));
    return theirs.empty() ? unknown : theirs;
}

int failure(const char* tool, const std::string& subject, const Error& error) {
    // Of damage, where it is; of what the system refused that is its own number.
    const bool damage = error.code == Code::kInvalidData && error.where != 0;
    const std::string where = damage ? fmt::format(" (at {})", error.where) : "";
    say(stderr, "{}: {}: {}{}: {} [{}]\n", tool, subject, error.what, where,
        status_text(error.code), uint32_t(error.code));
    return kExitFailed;
}

std::string about_session(const std::string& name, const std::string& text) {
    const bool says_it = capitals(text).find(fmt::format("'{}'", capitals(name))) != text.npos;
    return name.empty() || says_it ? text : fmt::format("'{}': {}", name, text);
}

int session_failure(const char* tool, const std::string& name, const session::Failure& failure) {
    const std::string detail = failure.detail.empty() ? "" : failure.detail + ": ";
    say(stderr, "{}: {} [{}]\n", tool, about_session(name, detail + status_text(failure.code)),
        uint32_t(failure.code));
    return kExitFailed;
}

namespace {

// CLI11 takes a value in brackets for a list of values, [a,b] for two and [] for none; here it is a
// name. So every value crosses CLI11 behind a mark.
void hide_values(std::vector<std::string>& words, CLI::App& app) {
    constexpr char kMark = '=';
    bool past_options = false;
    for (std::string& word : words) {
        const size_t before_value = past_options ? 0 : word.find('=') + 1;
        if (past_options || before_value != 0) word.insert(before_value, 1, kMark);
        past_options = past_options || word == "--";
    }
    for (CLI::Option* option : app.get_options()) {
        option->transform([](const std::string& value) {
            return value.substr(value.starts_with(kMark) ? 1 : 0);
        });
    }
}

}  // namespace

Result<std::vector<std::string>, UsageError> normalize(Args args,
                                                       std::span<const OptionWord> options) {
    return Walk(args, options).run();
}

std::string option_name(std::string_view word) {
    const auto spelled = spelling(word);
    return spelled ? spelled->name : "";
}

Result<Ok, UsageError> parse(CLI::App& app, Args args, std::span<const OptionWord> options) {
    ETW_TRY(auto words, normalize(args, options));
    hide_values(words, app);
    std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
    app.allow_windows_style_options(false);    // what /word means is decided by now
    try {
        app.parse(std::move(words));
    } catch (const CLI::ParseError& error) {
        return UsageError{error.what()};
    }
    return Ok{};
}

Result<uint64_t, UsageError> parse_number(std::string_view option, std::string_view text,
                                          uint64_t maximum) {
    const auto value = to_number(text);
    if (!value) {
        return UsageError{fmt::format(
            "-{}: '{}' is not a number; give digits, or hexadecimal as 0x1f", option, text)};
    }
    if (value->is_more_than(maximum))
        return UsageError{fmt::format("-{}: {} is more than {}", option, text, maximum)};
    return value->value;
}

Result<uint32_t, UsageError> parse_size(std::string_view option, std::string_view text,
                                        uint64_t unit) {
    constexpr uint64_t kMaximum = std::numeric_limits<uint32_t>::max();
    std::string_view digits = text;
    const uint64_t suffix = take_suffix(digits);
    const auto value = to_number(digits);
    if (!value) {
        return UsageError{
            fmt::format("-{}: '{}' is not a size; give a number of {}, or 64K, 2M, 1G", option,
                        text, unit_name(unit))};
    }
    const uint64_t scale = suffix == 0 ? unit : suffix;
    if (value->is_more_than(kMaximum * unit / scale))
        return UsageError{fmt::format("-{}: {} is too large", option, text)};
    const uint64_t bytes = value->value * scale;
    if (bytes % unit != 0) {
        return UsageError{fmt::format("-{}: {} is not a whole number of {}{}", option, text,
                                      unit_name(unit), unit == 1024 ? "" : "; add -kb")};
    }
    return uint32_t(bytes / unit);
}

Result<uint32_t, UsageError> parse_seconds(std::string_view option, std::string_view text) {
    const uint64_t unit = text.ends_with('h') ? 3600 : text.ends_with('m') ? 60 : 1;
    std::string_view digits = text;
    if (text.ends_with('h') || text.ends_with('m') || text.ends_with('s')) digits.remove_suffix(1);
    const auto value = to_number(digits);
    if (!value) {
        return UsageError{
            fmt::format("-{}: '{}' is not a time; give seconds, or 90s, 10m, 2h", option, text)};
    }
    if (value->is_more_than(std::numeric_limits<uint32_t>::max() / unit))
        return UsageError{fmt::format("-{}: {} is too long", option, text)};
    return uint32_t(value->value * unit);
}

}  // namespace etw::cli
