// Single values as text. The styles differ only in what needs quotes.
#pragma once
#include "etw/event.h"
#include "etw/log_reader.h"
#include "render/out_buffer.h"

namespace etw::render {

class AddressNames;

enum class Style : uint8_t {
    kText,  // texts in quotes: a value is told from what stands around it
    kJson,
    kBare,  // texts as they are, in the sentence of a message or the content of an element
};

struct ValueRules {
    ValueRules(Style s, bool local = false) : style(s), local_times(local) {}  // NOLINT(*explicit*)
    Style style;
    bool local_times;        // FILETIMEs in local time, not in UTC
    bool code_names = true;  // error codes with their names, for people; JSON never has them
};

// `bytes` hold one value of `format`; bytes of an unfitting size are shown in hexadecimal.
void append_value(OutBuffer& out, decode::Format format, Bytes bytes, ValueRules rules);
// The same, by what the field knows beside the format: names of its values, in UTC or not.
void append_field_value(OutBuffer& out, const decode::Field& field, Bytes bytes, ValueRules rules);

void append_hex_bytes(OutBuffer& out, Bytes bytes);  // two digits a byte, nothing around
void append_guid(OutBuffer& out, const Guid& guid);  // 36 characters, lower case
void append_number(OutBuffer& out, uint64_t value);

// "name=value name=value", {} around structs and [] around arrays; or the members of a JSON object.
void append_fields(OutBuffer& out, const std::vector<decode::Item>& items, ValueRules rules);

// One of the items of an event: a value or values, or what is between begin and end. Returns the
// index behind it.
size_t append_item(OutBuffer& out, const std::vector<decode::Item>& items, size_t index,
                   ValueRules rules);

// What the session added to the event, if anything: further members of a JSON object, or
// " name=value" each.
// `names` may be null: addresses are then shown as they are.
void append_added(OutBuffer& out, const etl::Record& record, const decode::Event& event,
                  const AddressNames* names, Style style);

}  // namespace etw::render
