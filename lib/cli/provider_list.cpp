#include "cli/provider_list.h"

#include "base/path.h"
#include "base/utf16.h"
#include "etw/kernel_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace etw::cli {
namespace {

using session::Failure;
using session::Outcome;
using session::ProviderEnable;

constexpr size_t kMaxFileSize = 1 << 20;  // bytes; a list of providers is a few kilobytes
constexpr std::string_view kBlanks = " \t\r\n\f\v";

std::string_view trim(std::string_view text) {
    const size_t first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// Takes what stands before `separator` (or all) off the front of `rest`.
std::string_view take_until(std::string_view& rest, std::string_view separators) {
    const size_t end = std::min(rest.find_first_of(separators), rest.size());
    const std::string_view out = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return out;
}

// 32 hex digits cut by commas: `1A2B3C4D,5E6F,7081,92A3,B4C5D6E7F809` and finer.
std::optional<Guid> parse_comma_guid(std::string_view text) {
    std::string digits;
    for (const char c : text) {
        if (c != ',' && c != ' ' && c != '\t' && c != '{' && c != '}') digits += c;
    }
    if (text.find(',') == std::string_view::npos || digits.size() != 32) return std::nullopt;
    for (const size_t at : {8u, 13u, 18u, 23u}) digits.insert(at, "-");
    return parse_guid(digits);
}

ProviderEnable with_defaults(const Guid& guid, const ProviderEnable& defaults) {
    ProviderEnable out = defaults;
    out.guid = guid;
    return out;
}

// GUID, then what follows it: `;keyword;level` or a friendly name.
std::optional<ProviderEnable> parse_line(std::string_view line, const ProviderEnable& defaults) {
    std::string_view rest = line;
    const std::string_view head = trim(take_until(rest, ";"));
    std::string_view words = head;
    auto guid = parse_guid(take_until(words, kBlanks));
    if (!guid) guid = parse_comma_guid(head);
    if (!guid) return std::nullopt;
    ProviderEnable out = with_defaults(*guid, defaults);
    const std::string_view keyword = trim(take_until(rest, ";"));
    const std::string_view level = trim(take_until(rest, ";"));
    if (!keyword.empty()) {
        const auto value = parse_number("guid", keyword, UINT64_MAX);
        if (!value) return std::nullopt;
        out.match_any_keyword = *value;
    }
    if (!level.empty()) {
        const auto value = parse_number("guid", level, UINT32_MAX);
        if (!value) return std::nullopt;
        out.level = uint8_t(*value);
    }
    return out;
}

// The last mention of a provider counts.
void add(std::vector<ProviderEnable>& providers, const ProviderEnable& provider) {
    const auto same = std::find_if(providers.begin(), providers.end(),
                                   [&](const auto& other) { return other.guid == provider.guid; });
    if (same == providers.end()) {
        providers.push_back(provider);
    } else {
        *same = provider;
    }
}

bool looks_like_a_path(const std::string& source) {
    const std::string lower = to_lower(source);
    return lower.find_first_of("/\\") != std::string::npos || lower.ends_with(".guid") ||
           lower.ends_with(".ctl") || lower.ends_with(".txt");
}

// One with a digit or a brace missing: as a name it would record nothing, and nobody saw why.
bool looks_like_a_guid(const std::string& source) {
    return source.starts_with('{') ||
           (std::count(source.begin(), source.end(), '-') >= 3 &&
            source.find_first_not_of("-}0123456789abcdefABCDEF") == std::string::npos);
}

Outcome<std::string> read_text(const std::string& name) {
    std::ifstream file(to_path(name), std::ios::binary);
    std::string text;
    text.resize(kMaxFileSize);
    file.read(text.data(), std::streamsize(text.size()));
    if (file.bad() || (file.gcount() == 0 && !file.eof())) {
        return Failure{Code::kAccessDenied,
                       fmt::format("cannot read the provider file '{}'", name)};
    }
    if (!file.eof()) {
        return Failure{Code::kInvalidParameter,
                       fmt::format("'{}' is too large for a provider file", name)};
    }
    text.resize(size_t(file.gcount()));
    if (text.starts_with("\xFF\xFE")) text = to_utf8(std::as_bytes(std::span(text)).subspan(2));
    if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
    return text;
}

Outcome<Ok> add_file(const std::string& name, const ProviderEnable& defaults, ProviderList& out) {
    ETW_TRY(const std::string text, read_text(name));
    ProviderList list = parse_provider_file(text, name, defaults);
    for (const ProviderEnable& provider : list.providers) add(out.providers, provider);
    std::move(list.notes.begin(), list.notes.end(), std::back_inserter(out.notes));
    if (!list.providers.empty()) return Ok{};
    return Failure{Code::kInvalidParameter,
                   fmt::format("'{}' has no line that begins with a GUID", name)};
}

// Known to the host by its name; the host is in another folder.
Outcome<Ok> add_usdt(const std::string& source, const ProviderEnable& defaults, ProviderList& out) {
    const std::string rest = source.substr(kUsdtPrefix.size());
    const size_t colon = rest.rfind(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == rest.size()) {
        return Failure{Code::kInvalidParameter,
                       fmt::format("'{}' is not usdt:<path>:<provider>", source)};
    }
    const auto path = to_absolute(to_path(rest.substr(0, colon)));
    const std::string name =
        fmt::format("{}{}{}", kUsdtPrefix, to_text(path.lexically_normal()), rest.substr(colon));
    ProviderEnable provider = with_defaults(guid_from_name(name), defaults);
    provider.name = name;
    add(out.providers, provider);
    return Ok{};
}

// The host is told a name that may be one of the kernel's tracepoints, which it may not see itself.
ProviderEnable by_name(const std::string& name, const ProviderEnable& defaults) {
    ProviderEnable out = with_defaults(guid_from_name(name), defaults);
    if (name.starts_with(kTracepointPrefix)) out.name = name;
    return out;
}

Outcome<Ok> add_source(const std::string& source, const ProviderEnable& defaults,
                       ProviderList& out) {
    if (source.starts_with(kUsdtPrefix)) return add_usdt(source, defaults, out);
    const bool hash = source.starts_with('#');
    if (const auto guid = parse_guid(std::string_view(source).substr(hash ? 1 : 0))) {
        add(out.providers, with_defaults(*guid, defaults));
        return Ok{};
    }
    const Failure not_a_guid{
        Code::kInvalidParameter,
        fmt::format("'{}' is not a GUID: {}xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", source,
                    hash ? "#" : "")};
    if (hash) return not_a_guid;
    if (source.starts_with('*') && source.size() > 1) {
        add(out.providers, by_name(source.substr(1), defaults));
        return Ok{};
    }
    std::error_code ignored;
    if (std::filesystem::is_directory(to_path(source), ignored))
        return Failure{Code::kInvalidParameter, fmt::format("'{}' is a folder", source)};
    if (std::filesystem::exists(to_path(source), ignored)) return add_file(source, defaults, out);
    if (looks_like_a_path(source) || source.starts_with('*')) {
        return Failure{Code::kFileNotFound, fmt::format("there is no provider file '{}'", source)};
    }
    if (looks_like_a_guid(source)) return not_a_guid;
    add(out.providers, by_name(source, defaults));
    return Ok{};
}

}  // namespace

ProviderList parse_provider_file(std::string_view text, const std::string& name,
                                 const ProviderEnable& defaults) {
    ProviderList out;
    for (size_t number = 1; !text.empty(); ++number) {
        const std::string_view line = trim(take_until(text, "\n"));
        if (line.empty() || line.starts_with(';')) continue;
        if (const auto provider = parse_line(line, defaults)) {
            add(out.providers, *provider);
        } else {
            out.notes.push_back(fmt::format("{}:{}: skipped, not GUID;keyword;level: '{}'", name,
                                            number, line.substr(0, 60)));
        }
    }
    return out;
}

Outcome<ProviderList> resolve_providers(const std::vector<std::string>& sources,
                                        const ProviderEnable& defaults) {
    ProviderList out;
    for (const std::string& source : sources) ETW_CHECK(add_source(source, defaults, out));
    return out;
}

}  // namespace etw::cli
