#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace etw {

// A GUID in its memory order, the way files, the wire and Windows' API hold it.
struct Guid {
    uint32_t data1 = 0;
    uint16_t data2 = 0;
    uint16_t data3 = 0;
    std::array<uint8_t, 8> data4{};

    friend auto operator<=>(const Guid&, const Guid&) = default;
};
static_assert(sizeof(Guid) == 16 && alignof(Guid) == 4);

// "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", lower case, no braces.
std::string to_string(const Guid& guid);

// Accepts the 36-character form with or without braces, any case, nothing before or after.
std::optional<Guid> parse_guid(std::string_view text);

// The GUID that EventSource and `-guid *Name` derive from a provider name: SHA-1 over a fixed
// name space and the upper-cased name in UTF-16BE, version 5 in byte 7. `name` is UTF-8.
// Source: etl-format (g), with published vectors.
Guid guid_from_name(std::string_view name);

}  // namespace etw

template <>
struct std::hash<etw::Guid> {
    size_t operator()(const etw::Guid& guid) const noexcept {
        uint64_t half[2];
        std::memcpy(half, &guid, sizeof(guid));
        return size_t(half[0] * 0x9E3779B97F4A7C15u ^ half[1]);
    }
};
