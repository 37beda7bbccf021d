// SHA-1 (FIPS 180-4) and the GUIDs that are made of names with it. A few short names pass through
// here; no speed is needed. No allocation and nothing but libc: traced programs use it too.
#pragma once
#include "etw/guid.h"

#include <bit>
#include <cstddef>

namespace etw {

class Sha1 {
public:
    void add(const void* data, size_t size) noexcept {
        const auto* bytes = static_cast<const uint8_t*>(data);
        for (size_t i = 0; i < size; ++i) {
            block_[size_++ % sizeof(block_)] = bytes[i];
            if (size_ % sizeof(block_) == 0) mix();
        }
    }
    std::array<uint8_t, 20> finish() noexcept {
        const uint64_t bits = size_ * 8;
        const uint8_t mark = 0x80, zero = 0;
        add(&mark, 1);
        while (size_ % sizeof(block_) != 56) add(&zero, 1);
        for (int shift = 56; shift >= 0; shift -= 8) {
            const auto byte = uint8_t(bits >> shift);
            add(&byte, 1);
        }
        std::array<uint8_t, 20> out{};
        for (size_t i = 0; i < out.size(); ++i) out[i] = uint8_t(h_[i / 4] >> (24 - i % 4 * 8));
        return out;
    }

private:
    void mix() noexcept {
        uint32_t w[80];
        for (size_t i = 0; i < 16; ++i) {
            const uint8_t* p = block_ + i * 4;
            w[i] = uint32_t(p[0]) << 24 | uint32_t(p[1]) << 16 | uint32_t(p[2]) << 8 | p[3];
        }
        for (size_t i = 16; i < 80; ++i) {
            w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        }
        uint32_t a = h_[0], b = h_[1], c = h_[2], d = h_[3], e = h_[4];
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
        h_[0] += a, h_[1] += b, h_[2] += c, h_[3] += d, h_[4] += e;
    }

    uint32_t h_[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    uint8_t block_[64] = {};
    uint64_t size_ = 0;
};

// Name-based UUID, version 5 (RFC 9562, 5.5): both GUIDs count in the order of their text.
inline Guid uuid5(const Guid& name_space, const char* name, size_t size) noexcept {
    const Guid& n = name_space;
    const uint8_t head[] = {uint8_t(n.data1 >> 24), uint8_t(n.data1 >> 16), uint8_t(n.data1 >> 8),
                            uint8_t(n.data1),       uint8_t(n.data2 >> 8),  uint8_t(n.data2),
                            uint8_t(n.data3 >> 8),  uint8_t(n.data3)};
    Sha1 hash;
    hash.add(head, sizeof(head));
    hash.add(n.data4.data(), n.data4.size());
    hash.add(name, size);
    const auto b = hash.finish();
    Guid guid;
    guid.data1 = uint32_t(b[0]) << 24 | uint32_t(b[1]) << 16 | uint32_t(b[2]) << 8 | b[3];
    guid.data2 = uint16_t(b[4] << 8 | b[5]);
    guid.data3 = uint16_t((b[6] & 0x0F) << 8 | 0x5000 | b[7]);
    std::memcpy(guid.data4.data(), b.data() + 8, guid.data4.size());
    guid.data4[0] = uint8_t((guid.data4[0] & 0x3F) | 0x80);
    return guid;
}

}  // namespace etw
