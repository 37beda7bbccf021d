#include "render/digits.h"

#include <fmt/compile.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

namespace etw::render {

namespace {

constexpr auto kPowersOfTen = [] {
    std::array<uint64_t, kMaxDecimal> out{};
    uint64_t power = 1;
    for (uint64_t& p : out) p = std::exchange(power, power * 10);
    return out;
}();

size_t decimal_length(uint64_t value) {
    // 1233 / 4096 is log10(2), closely enough for 64 bits.
    value |= 1;  // 0 has a digit as well, and no other length changes
    const auto guess = size_t(std::bit_width(value)) * 1233 >> 12;
    return guess + (value >= kPowersOfTen[guess] ? 1u : 0u);
}

// Numbers of up to three decimals, which most measurements are. A double holds any decimal of 15
// digits: the one that divides back to `value` is the shortest, and no other is as short. Null
// where it is no such number.
char* put_short_double(char* p, double value) {
    constexpr double kLimit = 1e15;
    const double magnitude = std::abs(value);
    const double scaled = magnitude * 1000;
    if (!(scaled < kLimit)) return nullptr;
    const auto thousandths = uint64_t(scaled);
    if (double(thousandths) != scaled || scaled / 1000 != magnitude) return nullptr;
    if (std::signbit(value)) *p++ = '-';
    p = put_decimal(p, thousandths / 1000);
    const auto fraction = uint32_t(thousandths % 1000);
    if (fraction == 0) return p;
    *p = '.';
    put_padded(p + 1, fraction, 3);
    if (fraction % 10 != 0) return p + 4;
    return p + (fraction % 100 != 0 ? 3 : 2);
}

}  // namespace

char* put_long_decimal(char* p, uint64_t value) noexcept {
    char* const end = p + decimal_length(value);
    char* at = end;
    while (value >= 100) {
        at -= 2;
        put_two(at, uint32_t(value % 100));
        value /= 100;
    }
    if (value >= 10) {
        put_two(at - 2, uint32_t(value));
    } else {
        at[-1] = char('0' + value);
    }
    return end;
}

char* put_hex(char* p, uint64_t value, size_t width, bool upper) noexcept {
    const char* const digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    const auto needed = size_t(std::bit_width(value) + 3) / 4;
    const size_t length = std::max({needed, width, size_t{1}});
    for (size_t i = length; i-- > 0; value >>= 4) p[i] = digits[value & 15];
    return p + length;
}

char* put_float(char* p, float value) noexcept {
    return fmt::format_to(p, FMT_COMPILE("{}"), value);
}

char* put_double(char* p, double value) noexcept {
    if (char* const end = put_short_double(p, value); end != nullptr) return end;
    return fmt::format_to(p, FMT_COMPILE("{}"), value);
}

}  // namespace etw::render
