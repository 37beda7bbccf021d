// What decoding gives: an event as a flat run of items that describe its fields in order, each with
// a view of its bytes. Nothing is copied out of the payload.
#pragma once
#include "etw/bytes.h"
#include "etw/guid.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace etw::decode {

// How the bytes of one value read. Chosen once per field from its in- and out-type, so that a
// renderer needs a single switch.
enum class Format : uint8_t {
    kNull,
    kUnsigned,  // 1, 2, 4 or 8 bytes
    kSigned,
    kHex,
    kFloat,  // 4 or 8 bytes
    kBool,   // any integer size; not 0 is true
    kChar,   // one UTF-8 (1 byte) or UTF-16 (2 bytes) unit
    kUtf16,
    kUtf8,
    kBinary,
    kGuid,
    kFileTime,
    kSystemTime,
    kSid,
    kPort,      // 2 bytes, big-endian
    kIpv4,      // 4 bytes
    kIpv6,      // 16 bytes
    kSockAddr,  // family, then what the family needs
    kWin32Error,
    kStatus,      // NTSTATUS or HRESULT
    kErrno,       // error number of Linux, 4 bytes
    kTimeSpan,    // 8 bytes, 100 ns units
    kMacAddress,  // 6 bytes
    kStruct,
};

// Names of a field's values: what a manifest calls a map, a trace message format a list or a set.
struct ValueMap {
    // How text shows a value; each with the names or, where it has none, the number.
    enum class Show : uint8_t {
        kName,         // Active, or of bits Read|Write
        kNumberFirst,  // 0x00000001(Active): ItemList
        kBrackets,     // [Read,Write]: ItemSet
        kNumberLast,   // Read | Write(0x3): ItemFlagsEnum
    };
    bool bits = false;                                    // a value is the sum of the named bits
    std::vector<std::pair<uint64_t, std::string>> names;  // in ascending order of the values
    Show show = Show::kName;
};

struct Field {
    enum class Repeat : uint8_t {
        kNone,
        kConstant,  // `count` times
        kCounted,   // a u16 in the payload says how often
        kReferred,  // as often as an earlier field says
        kToEnd,     // as often as it fits into the rest of the payload
    };
    std::string_view name;  // UTF-8, no control characters; not always unique before compile
    Format format = Format::kNull;
    uint8_t type = 0;  // in-type as the schema has it (see schema.h)
    uint8_t out = 0;   // out-type likewise
    uint8_t size = 0;  // bytes of one value; 0: it varies, or a struct
    Repeat repeat = Repeat::kNone;
    bool optional = false;    // may be absent at the end of the payload
    bool hidden = false;      // "no print": renderers for people leave it out
    uint8_t kept_as = 0;      // not 0: an integer that later fields refer to by this number
    uint8_t count_from = 0;   // kReferred: which integer says how often
    uint8_t length_from = 0;  // not 0: which integer says how long one value is, in units
    uint16_t count = 0;       // of a constant array; bytes of a skipped or fixed-length text
    uint16_t length = 0;      // units of one value of a sized type, unless length_from
    uint16_t end = 0;         // index of the first field behind this one and its members
    uint32_t tag = 0;
    const ValueMap* map = nullptr;  // of an integer whose values have names
};

struct Item {
    enum class Kind : uint8_t {
        kValue,
        kValues,  // `count` values of field->size bytes each, back to back
        kArrayBegin,
        kArrayEnd,
        kStructBegin,
        kStructEnd,
    };
    Kind kind;
    uint32_t count;
    const Field* field;
    Bytes bytes;
};

enum class Outcome : uint8_t {
    kDecoded,
    kUnknown,    // nothing describes the payload
    kMalformed,  // its description or the payload is damaged, or the payload has more than
                 // described
};

// A piece of the text that a description gives an event.
struct MessagePart {
    enum class Kind : uint8_t {
        kText,    // `text` itself
        kValue,   // the value of top-level item number `value`, converted as `text` says
        kHeader,  // the prefix's variable %`value`, a number of the header, converted likewise
        kFunction,
        kLevel,
        kFlags,
        kComponent,
        kSubcomponent,
    };
    Kind kind = Kind::kText;
    uint16_t value = 0;
    std::string_view text;  // of kValue: a printf conversion without its %, or empty: as it reads
};

// Whose text an event has, and what a trace message format knows of where it was written.
struct Message {
    std::vector<MessagePart> parts;
    std::string_view component;     // prefix variable %1: friendly name of the message GUID
    std::string_view source;        // %2: source file and line, "main_c120"
    std::string_view function;      // %!FUNC!
    std::string_view level;         // %!LEVEL!
    std::string_view flags;         // %!FLAGS!
    std::string_view subcomponent;  // %!SUBCOMP!
};

// The names that a description has for the numbers of an event's header. Each is empty where it has
// none: renderers then show the number.
struct HeaderNames {
    std::string_view symbol;  // the event's own name
    std::string_view level;
    std::string_view task;
    std::string_view opcode;
    std::string_view channel;
    std::vector<std::string_view> keywords;
};

// What a session had added to the event; each is empty where it had not.
struct Added {
    Bytes user;           // SID
    Bytes login_session;  // u32
    Bytes process_key;    // u64, of the process in its boot
    Bytes event_key;      // u64
    Bytes stack;          // addresses, innermost first; the event's own or that of its stack record
    uint8_t address_size = 8;
    uint32_t process = 0;  // whose stack it is
    Bytes counters;        // u64s: what was counted on its processor, as the session asked

    bool empty() const {
        return user.empty() && login_session.empty() && process_key.empty() && event_key.empty() &&
               stack.empty() && counters.empty();
    }
};

// One event. Every view is valid until the next decode() of the same Decoder, and not longer than
// the record.
struct Event {
    std::string_view provider;  // provider or kernel class name; empty: only the GUID is known
    std::string_view name;      // event name; empty: unknown
    // Of kernel events name is the class and this the opcode; of events that a description knows by
    // task and opcode the same. Empty elsewhere.
    std::string_view opcode;
    uint32_t tag = 0;               // of a self-describing event
    const Guid* group = nullptr;    // provider group, if the provider has one
    const Guid* related = nullptr;  // related activity, if the event has one
    Added added;
    const Message* message = nullptr;    // its text, if its description has one
    const HeaderNames* names = nullptr;  // if something describes the event from outside
    std::vector<Item> items;             // what could be decoded, whole fields only
    // Payload bytes behind that; decoded events have some where they have more than their manifest
    // says.
    Bytes rest;
    Outcome outcome = Outcome::kDecoded;
    const char* reason = "";  // why outcome is not kDecoded
};

}  // namespace etw::decode
