#include "cli/complete.h"

#include "base/letter_case.h"
#include "cli/cli.h"
#include "cli/tracelog_grammar.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace etw::cli {
namespace {

// What stands after an option, where something better than a file name can be offered.
enum class Value : uint8_t { kOther, kSession, kProvider, kJoin, kGlobalLogger, kEncoding };
constexpr std::pair<std::string_view, Value> kValues[] = {
    {"stop", Value::kSession},
    {"q", Value::kSession},
    {"update", Value::kSession},
    {"flush", Value::kSession},
    {"enable", Value::kSession},
    {"disable", Value::kSession},
    {"capturestate", Value::kSession},
    {"incrementfile", Value::kSession},
    {"systemrundown", Value::kSession},
    {"rt", Value::kSession},
    {"guid", Value::kProvider},
    {"enumguidex", Value::kProvider},
    {"join", Value::kJoin},
    {"remove", Value::kGlobalLogger},
    {"cp", Value::kEncoding},
};

Value value_of(const OptionWord& option) {
    const auto at = std::find_if(std::begin(kValues), std::end(kValues),
                                 [&](const auto& row) { return row.first == option.word; });
    return at == std::end(kValues) || option.takes == Takes::kNothing ? Value::kOther : at->second;
}

bool begins_with(std::string_view text, std::string_view prefix) {
    return capitals(text).starts_with(capitals(prefix));
}

// A name that a program made up may hold anything; a terminal and a shell read what we print.
bool printable(std::string_view name) {
    return !name.empty() && std::none_of(name.begin(), name.end(),
                                         [](char c) { return uint8_t(c) < ' ' || c == 0x7F; });
}

// The option that `word` spells, aliases resolved.
const OptionWord* option_of(std::string_view word, std::span<const OptionWord> options) {
    if (word.size() < 2 || (word[0] != '-' && word[0] != '/')) return nullptr;
    const auto find = [&](std::string_view name) {
        const auto at = std::find_if(options.begin(), options.end(), [&](const OptionWord& row) {
            return to_lower(row.word) == to_lower(name);
        });
        return at == options.end() ? nullptr : &*at;
    };
    const OptionWord* row = find(word.substr(1));
    return row && !row->stands_for.empty() ? find(row->stands_for) : row;
}

std::vector<std::string> values(Value value, std::string_view typed, session::Backend& backend) {
    std::vector<std::string> out;
    if (value == Value::kJoin) return {"yes", "no", "cancel"};
    if (value == Value::kGlobalLogger) return {session::kGlobalLoggerName};
    if (value == Value::kEncoding) return {"utf8", "utf16", "ansi"};
    if (value == Value::kSession) {
        const auto sessions = backend.list();
        if (!sessions) return {};
        for (const session::SessionStatus& status : *sessions)
            out.push_back(status.properties.name);
    }
    if (value == Value::kProvider) {
        auto providers = backend.registered_providers();
        if (!providers) return {};
        // The kernel has a hundred: not before something is typed that they may be.
        if (!typed.empty()) {
            const auto kernel = backend.kernel_providers();
            if (kernel) providers->insert(providers->end(), kernel->begin(), kernel->end());
        }
        for (const session::RegisteredProvider& provider : *providers) {
            // A name names the provider whose GUID is made from it, and no other.
            const bool named =
                printable(provider.name) && guid_from_name(provider.name) == provider.guid;
            out.push_back(named ? provider.name : to_string(provider.guid));
        }
    }
    return out;
}

std::vector<std::string> unused_options(Args before, std::span<const OptionWord> options,
                                        const session::System& system) {
    std::vector<std::string> out;
    for (const OptionWord& option : options) {
        const bool given = std::any_of(before.begin(), before.end(), [&](const char* word) {
            return option_of(word, options) == &option;
        });
        const bool offered = option.stands_for.empty() && !option.refused &&
                             !grammar::is_refused(option.word, system);
        if (offered && (!given || option.repeats)) out.push_back(fmt::format("-{}", option.word));
    }
    return out;
}

}  // namespace

std::optional<Args> words_to_complete(Args args) {
    if (args.empty() || args.front() != kComplete) return std::nullopt;
    return args.subspan(1);
}

std::vector<std::string> candidates(Args words, std::span<const OptionWord> options,
                                    session::Backend& backend) {
    if (words.empty()) return {};
    const std::string_view current = words.back();
    const Args before = words.first(words.size() - 1);
    const OptionWord* previous = before.empty() ? nullptr : option_of(before.back(), options);
    const Takes takes = previous ? previous->takes : Takes::kNothing;
    std::vector<std::string> out;
    if (takes != Takes::kNothing && !current.starts_with('-'))
        out = values(value_of(*previous), current, backend);
    const bool option_may_stand =
        takes == Takes::kNothing || (takes == Takes::kName && value_of(*previous) == Value::kOther);
    if (current.starts_with('-') || (current.empty() && option_may_stand && out.empty())) {
        const auto more = unused_options(before, options, backend.system());
        out.insert(out.end(), more.begin(), more.end());
    }
    std::erase_if(out, [&](const std::string& text) {
        return !printable(text) || !begins_with(text, current);
    });
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());  // the kernel's that are enabled
    return out;
}

int print_candidates(Args words, std::span<const OptionWord> options, session::Backend& backend) {
    for (const std::string& text : candidates(words, options, backend)) say(stdout, "{}\n", text);
    return std::fflush(stdout) == 0 ? kExitDone : kExitFailed;
}

}  // namespace etw::cli
