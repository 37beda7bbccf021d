// What a manifest says of a provider, whichever form the manifest had: XML, the resource of a
// program, a record in the log. Every source fills this model; compile_event.h makes of it what
// payloads are read with.
#pragma once
#include "etw/event.h"
#include "etw/guid.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace etw::decode {

// How often a field repeats, or how long it is. kToEnd: as often as it fits into the payload.
struct Amount {
    enum class Kind : uint8_t { kNone, kFixed, kField, kToEnd };
    Kind kind = Kind::kNone;
    uint16_t value = 0;  // kField: position of an earlier field in TemplateModel::fields
};

// Types are TDH's numbers (_TDH_IN_TYPE, _TDH_OUT_TYPE of tdh.h).
struct FieldModel {
    std::string name;
    uint16_t in_type = 0;
    uint16_t out_type = 0;
    bool is_struct = false;
    uint16_t end = 0;  // position of the first field behind this one and its members
    Amount count;
    Amount length;  // characters of a text, bytes of a binary
    std::shared_ptr<const ValueMap> map;
};

// Fields in the order of the payload, a struct before its members.
struct TemplateModel {
    std::vector<FieldModel> fields;
};

struct EventModel {
    uint16_t id = 0;
    uint8_t version = 0;
    bool is_classic = false;  // `id` is the opcode of a classic event
    std::string symbol;
    // Names as people read them: the message of a level, task and so on, else its name.
    std::string level, task, opcode, channel;
    std::vector<std::string> keywords;
    std::string message;                          // as manifests write it: %1, %2!x!, %n
    std::shared_ptr<const TemplateModel> fields;  // null: the event has none
};

struct ProviderModel {
    Guid guid;
    std::string name;  // may be empty
    std::vector<EventModel> events;
};

using MapsByName = std::map<std::string, std::shared_ptr<const ValueMap>, std::less<>>;

// A name for people: one line, without blanks at its ends. Windows' own library hands out names
// with a blank behind them.
std::string clean_label(std::string_view text);

// Into the order that ValueMap wants; of equal values the first stays.
void sort_names(ValueMap& map);

// Descriptions come from files that anyone may have written. Real ones stay far below each limit;
// what is beyond is left out.
constexpr size_t kMaxTemplateFields = 1024;
constexpr size_t kMaxModelBytes = size_t{64} << 20;     // of one manifest
constexpr size_t kMaxCatalogBytes = size_t{256} << 20;  // of all that are known

// Roughly what an event takes. A short manifest can ask for much: its events share texts by name.
size_t size_of(const EventModel& event) noexcept;

}  // namespace etw::decode
