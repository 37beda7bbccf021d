// Names of error codes: the well-known values that are public, as their headers call them.
#pragma once
#include <cstdint>
#include <string_view>

namespace etw::render {

// Empty where the code has no name here.
std::string_view ntstatus_name(uint32_t code) noexcept;
std::string_view win32_error_name(uint32_t code) noexcept;
// COM's own, and system errors in their HRESULT form (0x80070005).
std::string_view hresult_name(uint32_t code) noexcept;
std::string_view errno_name(uint32_t code) noexcept;  // Linux

}  // namespace etw::render
