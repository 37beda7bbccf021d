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
constexpr unsigned kLongNibble = 7;                // in the match's length field: more follows
constexpr unsigned kLongByte = 15;                 // in the nibble
constexpr unsigned kLongWord = 255;                // in the byte
constexpr ptrdiff_t kMaxItem = 2 + 1 + 1 + 2 + 4;  // stored bytes of the longest match
constexpr ptrdiff_t kFastIn =
    4 + 32 * kMaxItem + 16;  // a word, its items, what a copy reads too much

void copy16(std::byte* to, const std::byte* from) { std::memcpy(to, from, 16); }
void copy8(std::byte* to, const std::byte* from) { std::memcpy(to, from, 8); }

// From less than 8 bytes before. Nothing is read back: those bytes are spread over a word, and the
// word is stored again and again, as many whole patterns further as it holds. Up to 7 bytes more
// are clobbered.
inline void copy_near(std::byte* to, size_t distance, size_t length) {
    std::byte* const end = to + length;
    auto pattern = load<uint64_t>(to - distance) & ((uint64_t{1} << (8 * distance)) - 1);
    for (size_t bits = 8 * distance; bits < 64; bits *= 2) pattern |= pattern << bits;
    const size_t step = 8 - 8 % distance;
    for (; to < end; to += step) std::memcpy(to, &pattern, sizeof(pattern));
}

// `length` bytes from `distance` before; up to 31 bytes more are clobbered. In steps of 8 bytes
// though larger ones are fewer: which matches are nearer than a step is what no processor predicts.
inline void copy_match(std::byte* to, size_t distance, size_t length) {
    if (distance < 8) [[unlikely]]
        return copy_near(to, distance, length);
    const std::byte* const from = to - distance;
    copy8(to, from);
    copy8(to + 8, from + 8);
    copy8(to + 16, from + 16);
    copy8(to + 24, from + 24);
    for (size_t done = 32; done < length; done += 8) copy8(to + done, from + done);
}

constexpr uint64_t kWordDone = 1;

uint32_t reverse_bits(uint32_t x) {
    x = (x >> 1 & 0x55555555) | (x & 0x55555555) << 1;
    x = (x >> 2 & 0x33333333) | (x & 0x33333333) << 2;
    x = (x >> 4 & 0x0F0F0F0F) | (x & 0x0F0F0F0F) << 4;
    return x >> 24 | (x >> 8 & 0xFF00) | (x & 0xFF00) << 8 | x << 24;
}

// A word's flags, the first one lowest, with a 1 behind them: once kWordDone is what is left, the
// word is over. Turned round because most processors count zeros from below quicker than from above
// (and code for all of them cannot have the instruction that makes up for it).
uint64_t load_flags(const std::byte* in) {
    return uint64_t{1} << 32 | reverse_bits(load<uint32_t>(in));
}

// What both loops below work on. They keep it in locals: stores of bytes may alias any object, and
// would have it all read again after each.
struct Cursor {
    const std::byte* in;
    std::byte* out;
    uint64_t flags = kWordDone;
    // Two long matches share a byte of nibbles; the second one finds it here.
    unsigned nibbles = 0;
    unsigned shift = 0;  // 0: the next nibble is the low one of a new byte; 4: it is in `nibbles`
};

// The rest of a length behind its nibble. Reads from `in` up to `end`; nothing where that is over.
inline bool long_length(const std::byte*& in, const std::byte* end, size_t& length) {
    if (in == end) return false;
    const auto byte = std::to_integer<unsigned>(*in++);
    length = byte + kLongByte + kLongNibble + kMinMatch;
    if (byte != kLongWord) return true;
    if (end - in < 2) return false;
    length = load<uint16_t>(in);
    in += 2;
    if (length == 0) {
        if (end - in < 4) return false;
        length = load<uint32_t>(in);
        in += 4;
    }
    if (length < kLongByte + kLongNibble)
        return false;  // a shorter form exists: nobody writes this
    length += kMinMatch;
    return true;
}

// Goes on as long as there is room to read and write without a look at each byte. False where a
// match points outside.
bool expand_fast(Cursor& cursor, const std::byte* in_end, const std::byte* out_begin,
                 const std::byte* out_end) {
    constexpr ptrdiff_t kRoom = 32;  // literals go out before the end is looked at
    const std::byte* in = cursor.in;
    std::byte* out = cursor.out;
    uint64_t flags = cursor.flags;
    unsigned nibbles = cursor.nibbles, shift = cursor.shift;
    while (in_end - in >= kFastIn && out_end - out >= kRoom) {
        flags = load_flags(in);
        in += 4;
        for (;;) {
            const auto literals = unsigned(std::countr_zero(flags));
            copy16(out, in);
            if (literals > 16) [[unlikely]]
                copy16(out + 16, in + 16);
            out += literals;
            in += literals;
            flags >>= literals;
            if (flags == kWordDone) break;
            flags >>= 1;

            const unsigned match = load<uint16_t>(in);
            in += 2;
            const size_t distance = (match >> 3) + 1;
            size_t length = (match & 7) + kMinMatch;
            if ((match & 7) == kLongNibble) {
                nibbles = shift != 0 ? nibbles : std::to_integer<unsigned>(*in);
                in += shift == 0 ? 1 : 0;
                const unsigned nibble = (nibbles >> shift) & 15;
                shift ^= 4;
                length += nibble;
                if (nibble == kLongByte && !long_length(in, in_end, length)) return false;
            }
            if (distance > size_t(out - out_begin) || length > size_t(out_end - out)) return false;
            copy_match(out, distance, length);
            out += length;
            if (out_end - out < kRoom) [[unlikely]]
                break;
        }
    }
    cursor = {in, out, flags, nibbles, shift};
    return true;
}

// The same, byte by byte, to the end of the output.
bool expand_careful(Cursor& cursor, const std::byte* in_end, const std::byte* out_begin,
                    const std::byte* out_end) {
    auto& [in, out, flags, nibbles, shift] = cursor;
    while (out < out_end) {
        if (flags == kWordDone) {
            if (in_end - in < 4) return false;
            flags = load_flags(in);
            in += 4;
        }
        const bool is_match = (flags & 1) != 0;
        flags >>= 1;
        if (!is_match) {
            if (in == in_end) return false;
            *out++ = *in++;
            continue;
        }
        if (in_end - in < 2) return false;
        const unsigned match = load<uint16_t>(in);
        in += 2;
        const size_t distance = (match >> 3) + 1;
        size_t length = (match & 7) + kMinMatch;
        if ((match & 7) == kLongNibble) {
            if (shift == 0) {
                if (in == in_end) return false;
                nibbles = std::to_integer<unsigned>(*in++);
            }
            const unsigned nibble = (nibbles >> shift) & 15;
            shift ^= 4;
            length += nibble;
            if (nibble == kLongByte && !long_length(in, in_end, length)) return false;
        }
        if (distance > size_t(out - out_begin) || length > size_t(out_end - out)) return false;
        copy_match(out, distance, length);
        out += length;
    }
    return true;
}

}  // namespace

Status xpress_expand(Bytes in, std::span<std::byte> out, size_t size) {
    ETW_ASSERT(out.size() >= kXpressSlack && out.size() - kXpressSlack >= size);
    Cursor cursor{.in = in.data(), .out = out.data()};
    const std::byte* const in_end = in.data() + in.size();
    const std::byte* const out_end = out.data() + size;
    if (!expand_fast(cursor, in_end, out.data(), out_end) ||
        !expand_careful(cursor, in_end, out.data(), out_end)) {
        return Error{Code::kInvalidData, "compressed data", uint64_t(cursor.in - in.data())};
    }
    return Ok{};
}

}  // namespace etw::etl
