// What is known of a trace message besides its record: its text, where the program wrote it, and
// what its argument bytes are. TMF files, PDB files and the sections of our binaries all give this.
// Texts are UTF-8.
#pragma once
#include "etw/guid.h"

#include <cstdint>
#include <string>
#include <vector>

namespace etw::tmf {

// A named value of an argument: an entry of a list or an enumeration, a bit of a set.
struct NamedValue {
    uint64_t value;
    std::string name;

    friend bool operator==(const NamedValue&, const NamedValue&) = default;
};

// What the names of a list take, about. Lists are copied to the arguments that have them: a small
// file can ask for much, so that readers keep to a budget of so many bytes for all copies.
constexpr size_t kMaxCopiedNames = size_t{64} << 20;
inline size_t size_of(const std::vector<NamedValue>& names) noexcept {
    size_t size = 0;
    for (const NamedValue& value : names) size += sizeof(value) + value.name.size();
    return size;
}

// Arguments are numbered from here; lower numbers in a text are the prefix's variables.
constexpr uint16_t kFirstArgument = 10;

struct Argument {
    std::string expression;   // as the program wrote it; may be empty, may hold commas
    std::string type;         // "ItemLong", "ItemListByte", "ItemEnum": as TMF spells it
    std::string enumeration;  // of ItemEnum and ItemFlagsEnum: the name of the C type
    // Lists: 0, 1, 2 and so on; sets: 1, 2, 4 and so on; enumerations: what the C type says. Names
    // of lists and sets hold no commas and no parentheses.
    std::vector<NamedValue> names;
    uint16_t index = kFirstArgument;  // %10 in the text; ascending in the order of the payload

    friend bool operator==(const Argument&, const Argument&) = default;
};

struct MessageFormat {
    Guid guid;              // message GUID: of the source file, or of what it names
    uint16_t number = 0;    // within the GUID, from 10
    std::string component;  // friendly name of the message GUID, "tracedrv"
    std::string source;     // file, "tracedrv.c"; of the GUID
    std::string major;      // MJ=, MN=: names that %!COMPNAME! and %!SUBCOMP! stand for, of the
    std::string minor;      // GUID; mostly empty
    std::string name;       // file, extension and line, "tracedrv_c258"
    std::string text;       // "%0IOCTL = %10!d!": printf conversions between exclamation marks
    std::string level;      // names as the program wrote them; may be empty
    std::string flags;
    std::string function;
    std::vector<Argument> arguments;

    friend bool operator==(const MessageFormat&, const MessageFormat&) = default;
};

// A provider of trace messages: what sessions enable, and the names of its flags.
struct ControlGuid {
    Guid guid;
    std::string name;
    std::vector<std::string> flags;  // the first is bit 0

    friend bool operator==(const ControlGuid&, const ControlGuid&) = default;
};

}  // namespace etw::tmf
