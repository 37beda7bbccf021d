// Numbers to text. Each writes at `p` and returns the end; the comment says how much room it needs.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>

namespace etw::render {

constexpr size_t kMaxDecimal = 20;
constexpr size_t kMaxHex = 16;
constexpr size_t kMaxFloat = 32;

inline constexpr auto kDigitPairs = [] {
    std::array<char, 200> out{};
    for (size_t i = 0; i < 100; ++i) {
        out[i * 2] = char('0' + i / 10);
        out[i * 2 + 1] = char('0' + i % 10);
    }
    return out;
}();
inline constexpr auto kHexPairs = [] {
    std::array<char, 512> out{};
    constexpr const char* kDigits = "0123456789abcdef";
    for (size_t i = 0; i < 256; ++i) {
        out[i * 2] = kDigits[i >> 4];
        out[i * 2 + 1] = kDigits[i & 15];
    }
    return out;
}();

// Exactly two digits; `value` < 100.
inline char* put_two(char* p, uint32_t value) noexcept {
    std::memcpy(p, &kDigitPairs[size_t{value} * 2], 2);
    return p + 2;
}
// Exactly `width` digits, zero-padded; `value` < 10^width.
inline char* put_padded(char* p, uint32_t value, size_t width) noexcept {
    for (size_t i = width; i-- > 0; value /= 10) p[i] = char('0' + value % 10);
    return p + width;
}

char* put_long_decimal(char* p, uint64_t value) noexcept;  // kMaxDecimal
// Most numbers of events are small.
inline char* put_decimal(char* p, uint64_t value) noexcept {  // kMaxDecimal
    if (value >= 100) return put_long_decimal(p, value);
    if (value >= 10) return put_two(p, uint32_t(value));
    *p = char('0' + value);
    return p + 1;
}
inline char* put_signed(char* p, int64_t value) noexcept {  // kMaxDecimal
    if (value >= 0) return put_decimal(p, uint64_t(value));
    *p = '-';
    return put_decimal(p + 1, 0 - uint64_t(value));
}
// At least `width` (<= 16) hexadecimal digits.
char* put_hex(char* p, uint64_t value, size_t width, bool upper) noexcept;  // kMaxHex

// Shortest text that reads back as the same number. `value` is finite.
char* put_float(char* p, float value) noexcept;    // kMaxFloat
char* put_double(char* p, double value) noexcept;  // kMaxFloat

}  // namespace etw::render
