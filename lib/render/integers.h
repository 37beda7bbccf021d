// Integers as records have them, in 1, 2, 4 or 8 bytes, to text.
#pragma once
#include "etw/bytes.h"
#include "etw/event.h"
#include "render/digits.h"

namespace etw::render {

constexpr size_t kMaxInteger = kMaxDecimal + 1;

inline bool is_integer_size(size_t size) noexcept {
    constexpr unsigned kSizes = 1u << 1 | 1u << 2 | 1u << 4 | 1u << 8;
    return size <= 8 && (kSizes >> size & 1) != 0;
}

// Of is_integer_size() bytes.
inline uint64_t load_unsigned(Bytes bytes) noexcept {
    const auto load = [&]<class T>(T value) {
        std::memcpy(&value, bytes.data(), sizeof(value));
        return uint64_t{value};
    };
    switch (bytes.size()) {
        case 1:
            return load(uint8_t{});
        case 2:
            return load(uint16_t{});
        case 4:
            return load(uint32_t{});
        default:
            return load(uint64_t{});
    }
}
inline int64_t load_signed(Bytes bytes) noexcept {
    const auto unused = unsigned(64 - bytes.size() * 8);
    return int64_t(load_unsigned(bytes) << unused) >> unused;
}

// Whether a value is an integer that put_integer() writes: what most values are.
inline bool is_integer(decode::Format format, size_t size) noexcept {
    return (format == decode::Format::kUnsigned || format == decode::Format::kSigned) &&
           is_integer_size(size);
}
inline char* put_integer(char* p, decode::Format format, Bytes bytes) noexcept {  // kMaxInteger
    return format == decode::Format::kUnsigned ? put_decimal(p, load_unsigned(bytes))
                                               : put_signed(p, load_signed(bytes));
}

}  // namespace etw::render
