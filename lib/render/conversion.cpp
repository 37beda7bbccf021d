#include "render/conversion.h"

#include "render/digits.h"
#include "render/quoted.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace etw::render {
namespace {

using decode::Format;

bool is_integer(Format format) {
    switch (format) {
        case Format::kUnsigned:
        case Format::kSigned:
        case Format::kHex:
        case Format::kBool:
        case Format::kChar:
        case Format::kPort:
        case Format::kFileTime:
        case Format::kWin32Error:
        case Format::kStatus:
        case Format::kErrno:
            return true;
        default:
            return false;
    }
}

uint64_t sign_extended(uint64_t bits, size_t size) {
    const auto unused = unsigned(64 - size * 8);
    return uint64_t(int64_t(bits << unused) >> unused);
}

uint64_t cut(uint64_t bits, size_t size) {
    return size >= sizeof(bits) ? bits : bits & ((uint64_t{1} << size * 8) - 1);
}

uint64_t load_bits(Bytes bytes) {
    uint64_t bits = 0;
    std::memcpy(&bits, bytes.data(), bytes.size());
    return bits;
}

// The integer that a value is, widened by its sign; its size in `size`.
uint64_t load_integer(const decode::Field& field, Bytes bytes, size_t& size) {
    size = bytes.size();
    uint64_t bits = load_bits(bytes);
    if (field.format == Format::kPort) bits = (bits & 0xFF) << 8 | bits >> 8;
    // As C does: what is smaller becomes an int first, by its own sign.
    if (size < sizeof(int32_t)) {
        if (field.format == Format::kSigned) bits = cut(sign_extended(bits, size), sizeof(int32_t));
        size = sizeof(int32_t);
    }
    return bits;
}

size_t count_characters(std::string_view utf8) {
    return size_t(std::count_if(utf8.begin(), utf8.end(),
                                [](char c) { return (uint8_t(c) & 0xC0) != 0x80; }));
}

// `digits` with what stands before them: a sign, 0x.
void append_padded(OutBuffer& out, const Conversion& how, std::string_view before,
                   std::string_view digits) {
    const auto precision = size_t(std::max(how.precision, 0));
    size_t zeros = precision > digits.size() ? precision - digits.size() : 0;
    const size_t length = before.size() + zeros + digits.size();
    size_t blanks = size_t(how.width) > length ? size_t(how.width) - length : 0;
    if (how.zero && !how.left && how.precision < 0) zeros += std::exchange(blanks, 0);
    char* p = out.reserve(length + blanks + zeros);
    const auto put = [&](size_t count, char c) { p = std::fill_n(p, count, c); };
    if (!how.left) put(blanks, ' ');
    p = std::copy(before.begin(), before.end(), p);
    put(zeros, '0');
    p = std::copy(digits.begin(), digits.end(), p);
    if (how.left) put(blanks, ' ');
    out.commit(p);
}

char* put_octal(char* p, uint64_t bits) {
    size_t length = 1;
    for (uint64_t rest = bits >> 3; rest != 0; rest >>= 3) ++length;
    for (size_t i = length; i-- > 0; bits >>= 3) p[i] = char('0' + (bits & 7));
    return p + length;
}

bool append_float(OutBuffer& out, const Conversion& how, Bytes bytes) {
    // Formats of trace messages say s: Windows' tool shows what %g does.
    const char type = how.type == 's' ? 'g' : how.type;
    constexpr std::string_view kTypes = "aAeEfFgG";
    if (kTypes.find(type) == kTypes.npos) return false;
    double value = 0;
    if (bytes.size() == sizeof(float)) {
        float single;
        std::memcpy(&single, bytes.data(), sizeof(single));
        value = double{single};
    } else {
        std::memcpy(&value, bytes.data(), sizeof(value));
    }
    std::string format = "{:";
    if (how.left) format += '<';
    if (how.plus || how.blank) format += how.plus ? '+' : ' ';
    if (how.alternate) format += '#';
    if (how.zero && !how.left) format += '0';
    if (how.width != 0) format += std::to_string(how.width);
    if (how.precision >= 0) format += '.' + std::to_string(how.precision);
    format += type;
    format += '}';
    out.append(fmt::vformat(format, fmt::make_format_args(value)));
    return true;
}

// C's and Windows' words for the size of an argument. A value knows its own: only what makes it
// smaller counts.
void take_modifier(std::string_view& text, Conversion& out) {
    for (const std::string_view modifier :
         {"I64", "I32", "hh", "h", "I", "ll", "l", "L", "w", "q", "j", "z", "t"}) {
        if (text.front() != modifier.front() || !text.starts_with(modifier)) continue;
        text.remove_prefix(modifier.size());
        if (modifier == "h") out.size = sizeof(uint16_t);
        if (modifier == "hh") out.size = sizeof(uint8_t);
        return;
    }
}

}  // namespace

std::optional<Conversion> parse_conversion(std::string_view text) {
    Conversion out;
    const auto next = [&] { return text.empty() ? '\0' : text.front(); };
    const auto take = [&](char c) {
        if (next() != c) return false;
        text.remove_prefix(1);
        return true;
    };
    const auto take_number = [&] {
        int value = 0;
        for (; next() >= '0' && next() <= '9'; text.remove_prefix(1)) {
            value = std::min(value * 10 + (next() - '0'), Conversion::kMaxWidth);
        }
        return value;
    };
    for (;;) {
        if (take('-'))
            out.left = true;
        else if (take('0'))
            out.zero = true;
        else if (take('+'))
            out.plus = true;
        else if (take(' '))
            out.blank = true;
        else if (take('#'))
            out.alternate = true;
        else
            break;
    }
    out.width = take_number();
    if (take('.')) out.precision = take_number();
    if (text.size() > 1) take_modifier(text, out);
    constexpr std::string_view kTypes = "diuxXocCpsSZaAeEfFgG";
    if (text.size() != 1 || kTypes.find(text.front()) == kTypes.npos) return {};
    out.type = text.front();
    return out;
}

bool append_integer(OutBuffer& out, const Conversion& how, uint64_t bits, size_t size) {
    char digits[24];
    char* end = digits;
    std::string_view before;
    const size_t used = how.size != 0 && how.size < size ? how.size : size;
    bits = cut(bits, used);
    switch (how.type) {
        case 'd':
        case 'i': {
            const auto value = int64_t(sign_extended(bits, used));
            end = put_decimal(digits, value < 0 ? 0 - uint64_t(value) : uint64_t(value));
            before = value < 0 ? "-" : how.plus ? "+" : how.blank ? " " : "";
            break;
        }
        case 'u':
            end = put_decimal(digits, bits);
            break;
        case 'x':
        case 'X':
            end = put_hex(digits, bits, 1, how.type == 'X');
            if (how.alternate && bits != 0) before = how.type == 'X' ? "0X" : "0x";
            break;
        case 'o':
            end = put_octal(digits, bits);
            if (how.alternate && bits != 0) before = "0";
            break;
        case 'p':
            end = put_hex(digits, bits, size * 2, true);
            break;
        case 'c':
        case 'C': {
            const size_t begin = out.size();
            const auto unit = uint16_t(bits);
            append_bare_utf16(out, Bytes(reinterpret_cast<const std::byte*>(&unit), sizeof(unit)));
            fit_text(out, begin, how);
            return true;
        }
        default:
            return false;
    }
    append_padded(out, how, before, {digits, size_t(end - digits)});
    return true;
}

void fit_text(OutBuffer& out, size_t begin, const Conversion& how) {
    const std::string_view text = out.view().substr(begin);
    if (how.precision >= 0) {
        size_t end = 0;
        for (int left = how.precision; end < text.size(); ++end) {
            if ((uint8_t(text[end]) & 0xC0) != 0x80 && left-- == 0) break;
        }
        out.commit(text.data() + end);
    }
    if (how.width == 0) return;
    const size_t length = count_characters(out.view().substr(begin));
    if (length >= size_t(how.width)) return;
    const size_t blanks = size_t(how.width) - length;
    const size_t bytes = out.size() - begin;
    char* const end = out.reserve(blanks);
    if (!how.left) std::memmove(end - bytes + blanks, end - bytes, bytes);
    std::fill_n(how.left ? end : end - bytes, blanks, ' ');
    out.commit(end + blanks);
}

void append_converted(OutBuffer& out, const decode::Field& field, Bytes bytes,
                      const Conversion& how, ValueRules rules) {
    const bool integer_sized =
        bytes.size() == 1 || bytes.size() == 2 || bytes.size() == 4 || bytes.size() == 8;
    if (integer_sized && is_integer(field.format)) {
        size_t size = 0;
        const uint64_t bits = load_integer(field, bytes, size);
        // A character of one byte is part of a text in UTF-8.
        const bool reads_as_char =
            (how.type == 'c' || how.type == 'C') && field.format == Format::kChar;
        if (how.type != 's' && !reads_as_char && append_integer(out, how, bits, size)) return;
    }
    if (field.format == Format::kFloat && (bytes.size() == 4 || bytes.size() == 8) &&
        append_float(out, how, bytes)) {
        return;
    }
    const size_t begin = out.size();
    append_field_value(out, field, bytes, rules);
    fit_text(out, begin, how);
}

}  // namespace etw::render
