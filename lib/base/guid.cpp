#include "etw/guid.h"

#include "base/utf16.h"

#include <fmt/format.h>

#include <bit>
#include <vector>

namespace etw {
namespace {

// FIPS 180-4. Only names pass through here, a few times per command; no speed is needed.
std::array<uint8_t, 20> sha1(std::vector<uint8_t> message) {
    const uint64_t bits = uint64_t(message.size()) * 8;
    message.push_back(0x80);
    while (message.size() % 64 != 56) message.push_back(0);
    for (int shift = 56; shift >= 0; shift -= 8) message.push_back(uint8_t(bits >> shift));

    std::array<uint32_t, 5> h{0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    for (size_t block = 0; block < message.size(); block += 64) {
        std::array<uint32_t, 80> w{};
        for (size_t i = 0; i < 16; ++i) {
            const uint8_t* p = &message[block + i * 4];
            w[i] = uint32_t(p[0]) << 24 | uint32_t(p[1]) << 16 | uint32_t(p[2]) << 8 | p[3];
        }
        for (size_t i = 16; i < 80; ++i)
            w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        auto [a, b, c, d, e] = h;
        for (size_t i = 0; i < 80; ++i) {
            uint32_t f = b ^ c ^ d, k = 0x6ED9EBA1;
            if (i < 20) {
                f = (b & c) | (~b & d), k = 0x5A827999;
            } else if (i >= 40 && i < 60) {
                f = (b & c) | (b & d) | (c & d), k = 0x8F1BBCDC;
            } else if (i >= 60) {
                k = 0xCA62C1D6;
            }
            const uint32_t next = std::rotl(a, 5) + f + e + k + w[i];
            e = d, d = c, c = std::rotl(b, 30), b = a, a = next;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
    }
    std::array<uint8_t, 20> out{};
    for (size_t i = 0; i < 20; ++i) out[i] = uint8_t(h[i / 4] >> (24 - i % 4 * 8));
    return out;
}

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
    std::vector<uint8_t> message{0x48, 0x2C, 0x2D, 0xB2, 0xC3, 0x90, 0x47, 0xC8,
                                 0x87, 0xF8, 0x1A, 0x15, 0xBF, 0xC1, 0x30, 0xFB};
    for (char16_t unit : to_utf16(name)) {
        if (unit >= u'a' && unit <= u'z') unit = char16_t(unit - u'a' + u'A');
        message.push_back(uint8_t(unit >> 8));
        message.push_back(uint8_t(unit));
    }
    auto hash = sha1(std::move(message));
    hash[7] = uint8_t((hash[7] & 0x0F) | 0x50);
    Guid g;
    std::memcpy(&g, hash.data(), sizeof(g));
    return g;
}

}  // namespace etw
