// The texts of manifests and message tables, as the message compiler has them.
#pragma once
#include "etw/event.h"

#include <deque>
#include <string>

namespace etw::decode {

// "%1 opened%n" in parts. Inserts count from 1 in the text and from 0 in the parts. The line breaks
// that a text asks for become blanks: an event is a line. `store` owns what the parts view.
std::vector<MessagePart> parse_message(std::string_view message, std::deque<std::string>& store);

}  // namespace etw::decode
