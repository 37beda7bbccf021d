#include "tmf/tmf_writer.h"

#include "base/filetime.h"

#include <fmt/format.h>

#include <chrono>
#include <iterator>

namespace etw::tmf {
namespace {

using Out = std::back_insert_iterator<std::string>;

// A text in a line: what it must not have there becomes a blank.
std::string one_line(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c == '\n' || c == '\r') c = ' ';
    }
    return out;
}

std::string comments(const Origin& origin) {
    using namespace std::chrono;
    const sys_time<milliseconds> at(milliseconds((origin.updated - kFileTimeOfUnixEpoch) / 10'000));
    const auto day = floor<days>(at);
    const year_month_day date(day);
    const hh_mm_ss time(at - day);
    return fmt::format(
        "// PDB:  {}\n"
        "// PDB:  Last Updated :{:04}-{:02}-{:02}:{:02}:{:02}:{:02}:{:03} (UTC) [{}]\n",
        one_line(origin.file), int(date.year()), unsigned(date.month()), unsigned(date.day()),
        time.hours().count(), time.minutes().count(), time.seconds().count(),
        time.subseconds().count(), origin.tool);
}

void write_argument(Out out, const Argument& argument) {
    fmt::format_to(out, "{}, {}", one_line(argument.expression), argument.type);
    if (!argument.enumeration.empty()) {
        fmt::format_to(out, "({})", argument.enumeration);
    } else if (!argument.names.empty()) {
        const char* before = "(";
        for (const NamedValue& value : argument.names) {
            fmt::format_to(out, "{}{}", before, one_line(value.name));
            before = ",";
        }
        fmt::format_to(out, ")");
    }
    fmt::format_to(out, " -- {}\n", argument.index);
}

void write_message(Out out, const MessageFormat& m) {
    fmt::format_to(out, "#typev {} {} \"{}\" //", m.name, m.number, one_line(m.text));
    const char* before = "   ";
    const auto key = [&](const char* name, const std::string& value) {
        if (value.empty()) return;
        fmt::format_to(out, "{}{}={}", before, name, one_line(value));
        before = " ";
    };
    key("LEVEL", m.level);
    key("FLAGS", m.flags);
    key("FUNC", m.function);
    fmt::format_to(out, "\n{{\n");
    for (const Argument& argument : m.arguments) write_argument(out, argument);
    fmt::format_to(out, "}}\n");
}

using Enumerations = std::map<std::string, const std::vector<NamedValue>*>;

void write_enumerations(Out out, const Enumerations& enumerations) {
    for (const auto& [name, values] : enumerations) {
        fmt::format_to(out, "#enumv {}\n{{\n", name);
        for (const NamedValue& v : *values) fmt::format_to(out, "{},0x{:X}\n", v.name, v.value);
        fmt::format_to(out, "}}\n");
    }
}

}  // namespace

std::string tmf_text(const Origin& origin, const MessageSet& messages, const Guid* only) {
    std::string text = comments(origin);
    const Out out(text);
    const MessageFormat* previous = nullptr;
    Enumerations enumerations;
    for (const auto& [key, m] : messages.formats()) {
        if (only != nullptr && key.guid != *only) continue;
        if (previous == nullptr || previous->guid != m.guid) {
            fmt::format_to(out, "{} {} // SRC={} MJ={} MN={}\n", to_string(m.guid),
                           one_line(m.component), one_line(m.source), m.major, m.minor);
        }
        write_message(out, m);
        for (const Argument& a : m.arguments) {
            if (!a.enumeration.empty() && !a.names.empty()) {
                enumerations.emplace(a.enumeration, &a.names);
            }
        }
        previous = &m;
    }
    write_enumerations(out, enumerations);
    return text;
}

std::string tmc_text(const Origin& origin, const ControlGuid& control) {
    std::string text = comments(origin);
    const Out out(text);
    fmt::format_to(out, "{} {}\n", to_string(control.guid), one_line(control.name));
    for (const std::string& flag : control.flags) fmt::format_to(out, "{}\n", one_line(flag));
    return text;
}

namespace {

struct Level {
    const char* name;
    const char* symbol;
    const char* meaning;
};
constexpr Level kLevels[] = {
    {"Fatal", "TRACE_LEVEL_FATAL", "The program or a part of it ends"},
    {"Error", "TRACE_LEVEL_ERROR", "Something failed"},
    {"Warning", "TRACE_LEVEL_WARNING", "Something may go wrong"},
    {"Information", "TRACE_LEVEL_INFORMATION", "What happens when all goes well"},
    {"Verbose", "TRACE_LEVEL_VERBOSE", "Each step"},
};

std::string mof_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : one_line(text)) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out += '"';
}

// A class name: what is no letter, digit or underscore becomes one.
std::string identifier(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool digit = c >= '0' && c <= '9';
        const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (digit && out.empty()) out += '_';
        out += digit || letter ? c : '_';
    }
    return out.empty() ? "_" : out;
}

// `Qualifier{"a", "b"}` of one property, each entry on a line.
template <class Entries, class Text>
void qualifier(Out out, const char* name, const Entries& entries, Text text, const char* end) {
    fmt::format_to(out, "     {}{{", name);
    const char* before = "\n";
    size_t i = 0;
    for (const auto& entry : entries) {
        fmt::format_to(out, "{}         {}", before, mof_string(text(entry, i++)));
        before = ",\n";
    }
    fmt::format_to(out, "\n     }}{}\n", end);
}

}  // namespace

std::string mof_text(const Origin& origin, std::span<const ControlGuid> controls) {
    std::string text = comments(origin);
    const Out out(text);
    fmt::format_to(out,
                   "#pragma classflags(\"forceupdate\")\n"
                   "#pragma namespace (\"\\\\\\\\.\\\\Root\\\\WMI\")\n"
                   "#pragma autorecover\n");
    for (const ControlGuid& control : controls) {
        fmt::format_to(
            out,
            "\n[Dynamic,\n Description({}),\n guid(\"{{{}}}\"),\n locale(\"MS\\\\0x409\")]\n"
            "class {} : EventTrace\n{{\n",
            mof_string(control.name), to_string(control.guid), identifier(control.name));
        if (!control.flags.empty()) {
            const auto name = [](const std::string& flag, size_t) { return flag; };
            const auto bit = [](const std::string&, size_t i) {
                return fmt::format("0x{:08X}", i < 32 ? 1u << i : 0u);
            };
            fmt::format_to(out, "    [Description(\"Enable Flags\"),\n");
            qualifier(out, "DefineValues", control.flags, name, ",");
            qualifier(out, "Values", control.flags, name, ",");
            qualifier(out, "ValueMap", control.flags, bit, "]");
            fmt::format_to(out, "    uint32 Flags;\n");
        }
        fmt::format_to(out, "    [Description(\"Levels\"),\n");
        qualifier(
            out, "ValueDescriptions", kLevels,
            [](const Level& level, size_t) { return level.meaning; }, ",");
        qualifier(
            out, "DefineValues", kLevels, [](const Level& level, size_t) { return level.symbol; },
            ",");
        qualifier(
            out, "Values", kLevels, [](const Level& level, size_t) { return level.name; }, ",");
        qualifier(
            out, "ValueMap", kLevels,
            [](const Level&, size_t i) { return fmt::format("0x{:X}", i + 1); }, "]");
        fmt::format_to(out, "    uint32 Level;\n}};\n");
    }
    return text;
}

}  // namespace etw::tmf
