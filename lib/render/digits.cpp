#include "render/digits.h"

#include <fmt/compile.h>

#include <algorithm>
#include <bit>

namespace etw::render {

char* put_decimal(char* p, uint64_t value) noexcept {
    char digits[kMaxDecimal];
    char* at = digits + kMaxDecimal;
    while (value >= 100) {
        at -= 2;
        put_two(at, uint32_t(value % 100));
        value /= 100;
    }
    if (value >= 10) {
        at -= 2;
        put_two(at, uint32_t(value));
    } else {
        *--at = char('0' + value);
    }
    const auto length = size_t(digits + kMaxDecimal - at);
    std::memcpy(p, at, length);
    return p + length;
}

char* put_signed(char* p, int64_t value) noexcept {
    if (value >= 0) return put_decimal(p, uint64_t(value));
    *p++ = '-';
    return put_decimal(p, 0 - uint64_t(value));
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
    return fmt::format_to(p, FMT_COMPILE("{}"), value);
}

}  // namespace etw::render
