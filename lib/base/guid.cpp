#include "etw/guid.h"

#include "base/letter_case.h"
#include "base/sha1.h"
#include "base/utf16.h"

#include <fmt/format.h>

namespace etw {
namespace {

std::optional<uint8_t> hex_digit(char c) {
    if (c >= '0' && c <= '9') return uint8_t(c - '0');
    const char lower = char(c | 0x20);
    if (lower >= 'a' && lower <= 'f') return uint8_t(lower - 'a' + 10);
    return std::nullopt;
}

}  // namespace

std::string to_string(const Guid& g) {
    return fmt::format("{:08x}-{:04x}-{:04x}-{:02x}{:02x}-{:02x}{:02x}{:02x}{:02x}{:02x}{:02x}",
                       g.data1, g.data2, g.data3, g.data4[0], g.data4[1], g.data4[2], g.data4[3],
                       g.data4[4], g.data4[5], g.data4[6], g.data4[7]);
}

std::optional<Guid> parse_guid(std::string_view text) {
    if (text.size() == 38 && text.front() == '{' && text.back() == '}') text = text.substr(1, 36);
    if (text.size() != 36) return std::nullopt;
    std::array<uint8_t, 16> bytes{};  // in text order
    size_t at = 0;
    for (size_t i = 0; i < 36;) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-') return std::nullopt;
            ++i;
            continue;
        }
        const auto high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
        if (!high || !low) return std::nullopt;
        bytes[at++] = uint8_t(*high << 4 | *low);
        i += 2;
    }
    Guid g;
    g.data1 =
        uint32_t(bytes[0]) << 24 | uint32_t(bytes[1]) << 16 | uint32_t(bytes[2]) << 8 | bytes[3];
    g.data2 = uint16_t(bytes[4] << 8 | bytes[5]);
    g.data3 = uint16_t(bytes[6] << 8 | bytes[7]);
    std::memcpy(g.data4.data(), &bytes[8], 8);
    return g;
}

Guid guid_from_name(std::string_view name) {
    constexpr uint8_t kNameSpace[] = {0x48, 0x2C, 0x2D, 0xB2, 0xC3, 0x90, 0x47, 0xC8,
                                      0x87, 0xF8, 0x1A, 0x15, 0xBF, 0xC1, 0x30, 0xFB};
    Sha1 sum;
    sum.add(kNameSpace, sizeof(kNameSpace));
    for (const char16_t unit : to_utf16(capitals(name))) {
        const uint8_t bytes[] = {uint8_t(unit >> 8), uint8_t(unit)};
        sum.add(bytes, sizeof(bytes));
    }
    auto hash = sum.finish();
    hash[7] = uint8_t((hash[7] & 0x0F) | 0x50);
    Guid g;
    std::memcpy(&g, hash.data(), sizeof(g));
    return g;
}

}  // namespace etw
