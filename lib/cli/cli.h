// What the command line tools share: the spelling of options, numbers, messages and exit statuses.
//
// What a tool prints in place of the Windows tool goes to stdout; what it adds (the cause of a
// failure, its remedy, notes) and usage errors go to stderr, as `tool: subject: what [code]`.
#pragma once
#include "etw/result.h"
#include "etw/session.h"

#include <fmt/core.h>

#include <cstdint>
#include <cstdio>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace etw::cli {

// Not the Win32 code: a status has 8 bits (4352 becomes 0).
enum ExitStatus : int {
    kExitDone = 0,
    kExitFailed = 1,
    kExitUsage = 2,
    kExitLoss = 3,
    kExitInterrupted = 130,  // as shells have it for SIGINT
};

// Asks a person: prints `text`, which ends in the question, and returns the line of the answer.
// Nothing at the end of input.
using Ask = std::function<std::optional<std::string>(const std::string& text)>;
// Asks on the terminal; empty where standard input is none, so that no script hangs on a question.
Ask ask_terminal();

using Args = std::span<char* const>;
// What main() begins with: the words behind the program's name. Output is UTF-8 with LF line ends
// from then on, on every system.
Args begin(int argc, char** argv);

struct UsageError {
    std::string message;         // one line, names the option and the remedy
    const char* help = nullptr;  // the whole usage text, to show after it
};

// What a tool says beside its output. Where nobody can be told (a pipe whose reader is gone, a disk
// that is full) its work goes on: fmt::print() throws there.
void say_text(std::FILE* to, std::string_view text);
template <class... Values>
void say(std::FILE* to, fmt::format_string<Values...> format, Values&&... values) {
    say_text(to, fmt::format(format, std::forward<Values>(values)...));
}

// To stdout. Returns the exit status: kExitDone, or kExitFailed if it could not be written.
int print_help(const char* text);
// Returns kExitUsage.
int usage(const char* tool, const UsageError& error);
// What is shown of a code: our own text of it, else the system's.
std::string status_text(Code code);
// Returns kExitFailed.
int failure(const char* tool, const std::string& subject, const Error& error);
// `text` about the session `name`, with the name in front unless the text has it ('name', in any
// case) or there is none.
std::string about_session(const std::string& name, const std::string& text);
// Of a request about the session `name`. Returns kExitFailed.
int session_failure(const char* tool, const std::string& name, const session::Failure& failure);

// --- options ---------------------------------------------------------------------------------

enum class Takes : uint8_t {
    kNothing,
    kMaybe,       // the next word, unless that begins with - or is an option spelled with /
    kName,        // the next word, unless that begins with - or /
    kValue,       // the next word; an error if there is none, or if it is an option spelled with -
    kList,        // a count, and then so many words: `2 100 200`
    kInOutList,   // `-in` or `-out`, and then a list
    kPair,        // two words
    kNameOrList,  // a name, or a list, which begins with a digit
};

// One option of a tool. An alias has a row of its own and names the option it stands for.
struct OptionWord {
    std::string_view word;
    Takes takes = Takes::kNothing;
    bool repeats = false;  // may be given more than once
    std::string_view stands_for = {};
    std::string_view absent = {};  // kMaybe, kName: the value where the command line has none
    bool refused = false;          // known, and refused with the reason: never a candidate
};

// Rewrites the words of a command line for CLI11, which has no `-word` options: `-word`, `/word`,
// `-word=value` and `-word value` in any case become `--word` or `--word=value`, all other words
// follow in their order after `--`. Rules:
//   - `/word` is an option only if `word` is the whole name of one, and only where an option may
//     stand: `-f /tmp/x.etl` is a value, `/tmp/x.etl` a word, `/f` an option.
//   - A typographic minus (U+2212, U+2013, U+2014; documents have them) before a known option
//     counts as `-`.
//   - A word that begins with `-` and is no option is an error that names the nearest option.
//   - Of a list, each word becomes a `--word=value` of its own, without the count; of a list that
//     begins with -in or -out the first of them says which. A name in place of a list is one word.
Result<std::vector<std::string>, UsageError> normalize(Args args,
                                                       std::span<const OptionWord> options);

// The option that a word spells in any of these ways, in lower case, known or not; "" where it can
// be none. What begins with / may as well be a path.
std::string option_name(std::string_view word);

// normalize(), then CLI11. `app` has an option `--word` for each row that is no alias.
Result<Ok, UsageError> parse(CLI::App& app, Args args, std::span<const OptionWord> options);

// --- numbers ---------------------------------------------------------------------------------

// `0x...` is hexadecimal, digits alone are decimal, anything else made of hex digits is
// hexadecimal (`ffff`). No sign, no trailing text; at most `maximum`. `option` is for the message.
Result<uint64_t, UsageError> parse_number(std::string_view option, std::string_view text,
                                          uint64_t maximum);

// A number of `unit` bytes, or with a suffix: 64K, 64KB, 2M, 1G. Fails where the size is not a
// whole number of units.
Result<uint32_t, UsageError> parse_size(std::string_view option, std::string_view text,
                                        uint64_t unit);

// Seconds, or with a unit: 90s, 10m, 2h.
Result<uint32_t, UsageError> parse_seconds(std::string_view option, std::string_view text);

std::string to_lower(std::string_view text);  // ASCII letters

}  // namespace etw::cli
