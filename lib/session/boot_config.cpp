#include "session/boot_config.h"

#include "base/letter_case.h"
#include "session/boot_rules.h"
#include "session/boot_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

namespace etw::session {
namespace {

constexpr size_t kMaxProviders = 4096;  // a bound on what a file may ask for

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";  // editors of Windows begin with it

Failure refuse(Code code, std::string detail) { return {code, std::move(detail)}; }

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r";
    const size_t first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// --- writing ---------------------------------------------------------------------------------

class Writer {
public:
    explicit Writer(std::string& out) : out_(out) {}

    void operator()(const char* name, bool value, WriteBoot when = WriteBoot::kIfSet) {
        number(name, uint64_t(value), NumberForm::kDecimal, when);
    }
    template <std::unsigned_integral T>
    void operator()(const char* name, const T& value, WriteBoot when) {
        number(name, value, NumberForm::kDecimal, when);
    }
    template <std::unsigned_integral T>
    void operator()(const char* name, const T& value, NumberForm as = NumberForm::kDecimal) {
        number(name, value, as, WriteBoot::kIfSet);
    }
    void operator()(const char* name, const std::optional<uint32_t>& value) {
        if (value) number(name, *value, NumberForm::kDecimal, WriteBoot::kAlways);
    }
    void operator()(const char* name, ClockType value) {
        number(name, uint32_t(value), NumberForm::kDecimal, WriteBoot::kAlways);
    }
    void operator()(const char* name, const Guid& value) {
        if (value != Guid()) text(name, "{" + to_string(value) + "}");
    }
    void operator()(const char* name, const std::string& value) {
        if (value.empty()) return;
        // What the reader would take away.
        const bool quoted = trimmed(value).size() != value.size() || value.front() == '"';
        text(name, quoted ? '"' + value + '"' : value);
    }
    void operator()(const char* name, const std::vector<uint32_t>& words) {
        std::string bytes;
        for (const uint32_t word : words) {
            for (uint32_t shift = 0; shift < 32; shift += 8) {
                fmt::format_to(std::back_inserter(bytes), "{}{:02x}", bytes.empty() ? "" : ",",
                               word >> shift & 0xFF);
            }
        }
        if (!words.empty()) text(name, bytes);
    }

private:
    void number(const char* name, uint64_t value, NumberForm as, WriteBoot when) {
        if (value == 0 && when == WriteBoot::kIfSet) return;
        text(name, as == NumberForm::kHex ? fmt::format("{:#x}", value) : fmt::format("{}", value));
    }
    void text(const char* name, const std::string& value) {
        fmt::format_to(std::back_inserter(out_), "{} = {}\n", name, value);
    }

    std::string& out_;
};

// --- reading ---------------------------------------------------------------------------------

std::string_view unquoted(std::string_view text) {
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
        return text.substr(1, text.size() - 2);
    return text;
}

// What follows a blank and a # or ; behind a number or a GUID.
std::string_view without_comment(std::string_view text) {
    for (size_t i = 1; i < text.size(); ++i) {
        const bool blank = text[i - 1] == ' ' || text[i - 1] == '\t';
        if (blank && (text[i] == '#' || text[i] == ';')) return trimmed(text.substr(0, i));
    }
    return text;
}

std::optional<uint64_t> number_of(std::string_view text) {
    const bool hex = text.starts_with("0x") || text.starts_with("0X");
    if (hex) text.remove_prefix(2);
    uint64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [last, error] = std::from_chars(text.data(), end, value, hex ? 16 : 10);
    if (error != std::errc() || last != end) return std::nullopt;
    return value;
}

// Gives one `name = value` of the file to the member of that name.
class Reader {
public:
    Reader(std::string_view name, std::string_view value) : name_(name), value_(value) {}

    bool known() const { return known_; }
    const std::string& error() const { return error_; }

    void operator()(const char* name, bool& value, WriteBoot = WriteBoot::kIfSet) {
        if (const auto number = take(name, 1)) value = *number == 1;
    }
    template <std::unsigned_integral T, class... How>
    void operator()(const char* name, T& value, How...) {
        if (const auto number = take(name, std::numeric_limits<T>::max())) value = T(*number);
    }
    // The low byte: documents say 0xFFFF for "all".
    template <class... How>
    void operator()(const char* name, uint8_t& value, How...) {
        constexpr uint64_t kMaximum = std::numeric_limits<uint32_t>::max();
        if (const auto number = take(name, kMaximum)) value = uint8_t(*number);
    }
    void operator()(const char* name, std::optional<uint32_t>& value) {
        if (const auto number = take(name, std::numeric_limits<uint32_t>::max()))
            value = uint32_t(*number);
    }
    void operator()(const char* name, ClockType& value) {
        const auto number = take(name, uint32_t(ClockType::kCpuCycle));
        if (!number) return;
        if (*number == 0) return fail("is 1 (performance counter), 2 (system time) or 3 (cycles)");
        value = ClockType(*number);
    }
    void operator()(const char* name, Guid& value) {
        if (!matches(name)) return;
        const auto guid = parse_guid(unquoted(without_comment(value_)));
        if (!guid || *guid == Guid())
            return fail("is a GUID: {xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx}");
        value = *guid;
    }
    void operator()(const char* name, std::string& value) {
        if (matches(name)) value = unquoted(value_);
    }
    // Bytes, least significant first, as the registry has them, or one number.
    void operator()(const char* name, std::vector<uint32_t>& words) {
        if (!matches(name)) return;
        std::string_view rest = without_comment(value_);
        words.clear();
        if (rest.find(',') == std::string_view::npos) {
            const auto number = number_of(rest);
            if (!number || *number > std::numeric_limits<uint32_t>::max()) return fail_bytes();
            words.push_back(uint32_t(*number));
            return;
        }
        for (size_t count = 0; !rest.empty(); ++count) {
            const size_t comma = std::min(rest.find(','), rest.size());
            const std::string_view digits = trimmed(rest.substr(0, comma));
            rest.remove_prefix(std::min(comma + 1, rest.size()));
            uint8_t byte = 0;
            const char* const end = digits.data() + digits.size();
            const auto [last, bad] = std::from_chars(digits.data(), end, byte, 16);
            if (bad != std::errc() || last != end || count == kMaxKernelFlagWords * 4)
                return fail_bytes();
            if (count % 4 == 0) words.push_back(0);
            words.back() |= uint32_t(byte) << (count % 4 * 8);
        }
    }

private:
    bool matches(const char* name) {
        const bool same = same_name(name, name_) || same_name(name, other_name());
        known_ = known_ || same;
        return same;
    }
    // Windows' documents have two names for some values.
    std::string_view other_name() const {
        constexpr std::pair<std::string_view, std::string_view> kNames[] = {
            {"MaxFileSize", "MaximumFileSize"}, {"MaximumFileSize", "MaxFileSize"},
            {"Flags", "EnableFlags"},           {"EnableFlags", "Flags"},
            {"Level", "EnableLevel"},           {"EnableLevel", "Level"}};
        for (const auto& [name, other] : kNames) {
            if (same_name(name, name_)) return other;
        }
        return name_;
    }
    std::optional<uint64_t> take(const char* name, uint64_t maximum) {
        if (!matches(name)) return std::nullopt;
        const auto number = number_of(unquoted(without_comment(value_)));
        if (number && *number <= maximum) return number;
        fail(fmt::format("is a number from 0 to {}, decimal or 0x hexadecimal", maximum));
        return std::nullopt;
    }
    void fail(const std::string& rule) {
        error_ = fmt::format("{} {}; it says '{}'", name_, rule, value_);
    }
    void fail_bytes() {
        fail("is a number of 32 bits, or up to 32 bytes in hexadecimal: 03,00,01,00");
    }

    std::string_view name_;
    std::string_view value_;
    bool known_ = false;
    std::string error_;
};

// `name = value`; nothing where the line has no =.
std::optional<std::pair<std::string_view, std::string_view>> split(std::string_view line) {
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    return std::pair(unquoted(trimmed(line.substr(0, equals))), trimmed(line.substr(equals + 1)));
}

bool is_comment(std::string_view line) {
    return line.empty() || line.front() == '#' || line.front() == ';';
}

class Parser {
public:
    Parser(const std::string& file, BootSession defaults) : file_(file) {
        out_.session = std::move(defaults);
    }

    Outcome<ParsedBoot> run(std::string_view text) {
        if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
        // Whether it has a default depends on the mode, which may come later.
        const std::string log = std::exchange(out_.session.properties.log_file, "");
        for (bool more = !text.empty(); more;) {
            const size_t end = text.find('\n');
            ++line_;
            ETW_CHECK(take(trimmed(text.substr(0, end))));
            more = end != std::string_view::npos;
            if (more) text.remove_prefix(end + 1);
        }
        BootSession& boot = out_.session;
        const bool files_only =
            (boot.properties.log_file_mode & (kModeRealTime | kModeBuffering)) == 0;
        if (boot.properties.log_file.empty() && files_only) boot.properties.log_file = log;
        return std::move(out_);
    }

private:
    Outcome<Ok> take(std::string_view line) {
        if (is_comment(line)) return Ok{};
        if (line.front() == '[') return begin_provider(without_comment(line));
        const auto parts = split(line);
        if (!parts)
            return wrong(
                fmt::format("'{}' is neither a value (Name = value) nor a "
                            "provider ([GUID])",
                            line));
        Reader reader(parts->first, parts->second);
        if (provider_) {
            const bool global = is_global_logger(out_.session.properties.name);
            boot_values(out_.session.providers[*provider_], global, reader);
        } else {
            boot_values(out_.session, reader);
        }
        if (!reader.error().empty()) return wrong(reader.error());
        if (!reader.known()) {
            out_.notes.push_back(fmt::format("{}:{}: '{}' is no value of {} and has no effect",
                                             file_, line_, parts->first,
                                             provider_ ? "a provider" : "a session"));
        }
        return Ok{};
    }

    Outcome<Ok> begin_provider(std::string_view line) {
        const auto guid = line.ends_with(']') ? parse_guid(trimmed(line.substr(1, line.size() - 2)))
                                              : std::nullopt;
        if (!guid || *guid == Guid()) {
            return wrong(
                fmt::format("'{}' is not the GUID of a provider: "
                            "[xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx]",
                            line));
        }
        auto& providers = out_.session.providers;
        const auto known = std::find_if(providers.begin(), providers.end(),
                                        [&](const BootProvider& p) { return p.how.guid == *guid; });
        provider_ = size_t(known - providers.begin());
        if (known != providers.end()) return Ok{};
        if (providers.size() == kMaxProviders) return wrong("there are too many providers");
        providers.emplace_back().how.guid = *guid;
        return Ok{};
    }

    Failure wrong(const std::string& what) const {
        return refuse(Code::kInvalidData, fmt::format("{}:{}: {}", file_, line_, what));
    }

    const std::string& file_;
    ParsedBoot out_;
    size_t line_ = 0;
    std::optional<size_t> provider_;  // whose section the line is in
};

}  // namespace

Outcome<ParsedBoot> parse_boot(std::string_view text, const std::string& file,
                               const std::string& name, const std::string& log_folder) {
    return Parser(file, boot_defaults(name, log_folder)).run(text);
}

std::string format_boot(const BootSession& boot) {
    std::string out;
    Writer writer(out);
    boot_values(boot, writer);
    for (const BootProvider& provider : boot.providers) {
        fmt::format_to(std::back_inserter(out), "\n[{{{}}}]\n", to_string(provider.how.guid));
        boot_values(provider, is_global_logger(boot.properties.name), writer);
    }
    return out;
}

std::string with_boot_value(std::string_view text, std::string_view name, uint32_t value) {
    const std::string line = fmt::format("{} = {}\n", name, value);
    std::string out;
    size_t behind = 0;  // in `out`, the session's last line that is not blank
    bool in_session = true;
    bool done = false;
    while (!text.empty()) {
        const std::string_view whole =
            text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
        const std::string_view content = trimmed(whole.substr(0, whole.find('\n')));
        text.remove_prefix(whole.size());
        const auto parts = is_comment(content) ? std::nullopt : split(content);
        in_session = in_session && !content.starts_with('[');
        if (in_session && parts && same_name(parts->first, name)) {
            if (!std::exchange(done, true)) out += line;  // one that was given twice stands once
            continue;
        }
        out += whole;
        if (in_session && !content.empty()) behind = out.size();
    }
    if (done) return out;
    const bool unended = behind != 0 && out[behind - 1] != '\n';
    return out.insert(behind, unended ? "\n" + line : line);
}

}  // namespace etw::session
