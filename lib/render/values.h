// Single values as text. JSON and plain text differ only in what needs quotes.
#pragma once
#include "etw/event.h"
#include "render/out_buffer.h"

namespace etw::render {

enum class Style : uint8_t { kText, kJson };

// `bytes` hold one value of `format`; bytes of an unfitting size are shown in hexadecimal.
void append_value(OutBuffer& out, decode::Format format, Bytes bytes, Style style);

void append_hex_bytes(OutBuffer& out, Bytes bytes);  // two digits a byte, nothing around
void append_guid(OutBuffer& out, const Guid& guid);  // 36 characters, lower case
void append_number(OutBuffer& out, uint64_t value);

// "name=value name=value", {} around structs and [] around arrays; or the members of a JSON object.
void append_fields(OutBuffer& out, const std::vector<decode::Item>& items, Style style);

// What the session added to the event, if anything: further members of a JSON object, or
// " name=value" each.
void append_added(OutBuffer& out, const decode::Added& added, Style style);

}  // namespace etw::render
