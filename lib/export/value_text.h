// Texts without quotes, for formats that have strings of their own. All of it is valid UTF-8.
#pragma once
#include "etw/event.h"
#include "etw/log_reader.h"

#include <string>

namespace etw::exports {

std::string value_text(const decode::Field& field, Bytes bytes);
std::string message_text(const etl::Record& record, const decode::Event& event);  // which has one
std::string valid_utf8(std::string_view text);

}  // namespace etw::exports
