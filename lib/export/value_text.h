// Single values as text without quotes, for formats that have strings of their own.
#pragma once
#include "etw/event.h"

#include <string>

namespace etw::exports {

// Valid UTF-8, whatever the bytes.
std::string value_text(const decode::Field& field, Bytes bytes);

// Valid UTF-8 of text that need not be.
std::string valid_utf8(std::string_view text);

}  // namespace etw::exports
