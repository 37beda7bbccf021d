#include "etl/xpress.h"

#include "etl/load.h"

#include <bit>

// The stream is a 32-bit word of flags, highest bit first, then what each flag stands for: 0 a
// literal byte, 1 a match. 32 items later comes the next word. A match is a u16: 3 bits of length,
// 13 of distance - 1. Length 7 goes on in a nibble (two matches share a byte), 15 there in a byte,
// 255 there in a u16 and 0 there in a u32; the last two hold the length - 3 whole.

namespace etw::etl {
namespace {

constexpr size_t kMinMatch = 3;
constexpr size_t kFastIn = 4 + 32 + 2 + 1 + 1 + 2 + 4;  // flags, 32 literals, the longest match

void copy16(std::byte* to, const std::byte* from) { std::memcpy(to, from, 16); }
void copy8(std::byte* to, const std::byte* from) { std::memcpy(to, from, 8); }

// `length` bytes from `distance` before; up to 16 bytes more are clobbered.
inline void copy_match(std::byte* to, size_t distance, size_t length) {
    const std::byte* from = to - distance;
    std::byte* const end = to + length;
    if (distance >= 16) {
        do {
            copy16(to, from);
            to += 16;
            from += 16;
        } while (to < end);
        return;
    }
    // The source overlaps what is written. After 8 bytes one by one, the same pattern is found at a
    // multiple of the distance that is 8 at least.
    if (distance < 8) {
        for (int i = 0; i < 8; ++i) to[i] = from[i];
        to += 8;
        from = to - (distance * ((7 + distance) / distance));
    }
    while (to < end) {
        copy8(to, from);
        to += 8;
        from += 8;
    }
}

class Expander {
public:
    Expander(Bytes in, std::byte* out, size_t size)
        : in_begin_(in.data()),
          in_(in.data()),
          in_end_(in.data() + in.size()),
          out_begin_(out),
          out_(out),
          out_end_(out + size) {}

    Status run() {
        while (out_ < out_end_) {
            if (in_end_ - in_ < 4) return damaged("compressed data: flags");
            flags_ = load<uint32_t>(in_);
            in_ += 4;
            left_ = 32;
            while (left_ > 0 && out_ < out_end_) {
                if (!(size_t(in_end_ - in_) >= kFastIn ? fast_item() : careful_item())) {
                    return damaged("compressed data");
                }
            }
        }
        return Ok{};
    }

private:
    // A run of literals, possibly of none, and the match that ends it. There is room for reading.
    bool fast_item() {
        const auto literals = std::min(unsigned(std::countl_zero(flags_)), left_);
        if (literals > size_t(out_end_ - out_)) {
            return careful_item();
        }
        copy16(out_, in_);
        if (literals > 16) copy16(out_ + 16, in_ + 16);
        out_ += literals;
        in_ += literals;
        left_ -= literals;
        if (left_ == 0 || out_ == out_end_) return true;
        flags_ <<= literals;
        flags_ <<= 1;
        --left_;
        const uint16_t match = load<uint16_t>(in_);
        in_ += 2;
        size_t length = (match & 7u) + kMinMatch;
        if ((match & 7u) == 7) {
            if (!long_length(length)) return false;
        }
        return copy((match >> 3) + size_t{1}, length);
    }

    bool careful_item() {
        const bool is_match = (flags_ >> 31) != 0;
        flags_ <<= 1;
        --left_;
        if (!is_match) {
            if (in_ == in_end_) return false;
            *out_++ = *in_++;
            return true;
        }
        if (in_end_ - in_ < 2) return false;
        const uint16_t match = load<uint16_t>(in_);
        in_ += 2;
        size_t length = (match & 7u) + kMinMatch;
        if ((match & 7u) == 7 && !long_length(length)) return false;
        return copy((match >> 3) + size_t{1}, length);
    }

    bool long_length(size_t& length) {
        unsigned nibble;
        if (nibble_ != nullptr) {
            nibble = std::to_integer<unsigned>(*nibble_) >> 4;
            nibble_ = nullptr;
        } else {
            if (in_ == in_end_) return false;
            nibble_ = in_++;
            nibble = std::to_integer<unsigned>(*nibble_) & 15;
        }
        length = nibble + 7 + kMinMatch;
        if (nibble != 15) return true;
        if (in_ == in_end_) return false;
        const auto byte = std::to_integer<unsigned>(*in_++);
        length = byte + 15 + 7 + kMinMatch;
        if (byte != 255) return true;
        if (in_end_ - in_ < 2) return false;
        length = load<uint16_t>(in_);
        in_ += 2;
        if (length == 0) {
            if (in_end_ - in_ < 4) return false;
            length = load<uint32_t>(in_);
            in_ += 4;
        }
        if (length < 15 + 7) return false;  // a shorter form exists: no encoder writes this
        length += kMinMatch;
        return true;
    }

    bool copy(size_t distance, size_t length) {
        if (distance > size_t(out_ - out_begin_) || length > size_t(out_end_ - out_)) return false;
        copy_match(out_, distance, length);
        out_ += length;
        return true;
    }

    Error damaged(const char* what) const {
        return {Code::kInvalidData, what, uint64_t(in_ - in_begin_)};
    }

    const std::byte* const in_begin_;
    const std::byte* in_;
    const std::byte* const in_end_;
    std::byte* const out_begin_;
    std::byte* out_;
    std::byte* const out_end_;
    const std::byte* nibble_ = nullptr;  // holds a high nibble that is not used yet
    uint32_t flags_ = 0;
    unsigned left_ = 0;  // items of flags_
};

}  // namespace

Status xpress_expand(Bytes in, std::span<std::byte> out, size_t size) {
    ETW_ASSERT(out.size() >= kXpressSlack && out.size() - kXpressSlack >= size);
    return Expander(in, out.data(), size).run();
}

}  // namespace etw::etl
