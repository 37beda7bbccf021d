// The resources of a Windows program or library (PE file).
#pragma once
#include "etw/bytes.h"

#include <string_view>
#include <variant>
#include <vector>

namespace etw::decode {

using ResourceType =
    std::variant<uint16_t, std::u16string_view>;  // RT_ number, or a name of its own
constexpr uint16_t kResourceMessageTable = 11;
constexpr std::u16string_view kResourceWevtTemplate = u"WEVT_TEMPLATE";

// The data of every resource of the type, those in American English first. Views into `file`. Empty
// where there is none; kInvalidData where the bytes are no PE file or its resources are damaged.
Result<std::vector<Bytes>> find_resources(Bytes file, const ResourceType& type);

}  // namespace etw::decode
