// The names that every manifest may use without defining them, those of winmeta.xml.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace etw::decode {

// TDH's numbers of "win:UInt32" and of "xs:string" or "win:PID". The prefix does not matter.
std::optional<uint16_t> in_type_number(std::string_view name) noexcept;
std::optional<uint16_t> out_type_number(std::string_view name) noexcept;

// What people call a level or an opcode of winmeta.xml; empty where the number is none of those.
std::string_view level_name(uint8_t level) noexcept;
std::string_view opcode_name(uint8_t opcode) noexcept;

// A name without the prefix that says whose it is ("win:").
std::string_view local_name(std::string_view name) noexcept;

}  // namespace etw::decode
