// The message table of a Windows program (resource RT_MESSAGETABLE): texts by number.
#pragma once
#include "etw/bytes.h"

#include <cstdint>
#include <string>
#include <unordered_map>

namespace etw::decode {

using MessageTable =
    std::unordered_map<uint32_t, std::string>;  // UTF-8, as the compiler wrote them

// Adds the texts of `resource`; numbers that `out` has already keep their text. kInvalidData where
// the table is damaged: what came before the damage is in `out`.
Status read_message_table(Bytes resource, MessageTable& out);

}  // namespace etw::decode
