#include "render/values.h"

#include "base/windows_1252.h"
#include "decode/schema.h"
#include "etw/etl_format.h"
#include "render/clock_text.h"
#include "render/code_names.h"
#include "render/digits.h"
#include "render/integers.h"
#include "render/named_value.h"
#include "render/quoted.h"

#include <cmath>

namespace etw::render {
namespace {

using decode::Format;

// How many bytes a value of the format has: 0 if it varies or several sizes are possible.
size_t fixed_size(Format format) {
    switch (format) {
        case Format::kGuid:
        case Format::kSystemTime:
        case Format::kIpv6:
            return 16;
        case Format::kFileTime:
        case Format::kTimeSpan:
            return 8;
        case Format::kMacAddress:
            return 6;
        case Format::kPort:
            return 2;
        case Format::kIpv4:
        case Format::kWin32Error:
        case Format::kStatus:
        case Format::kErrno:
            return 4;
        default:
            return 0;
    }
}

void append_float(OutBuffer& out, Bytes bytes, Style style) {
    double value = 0;
    float single = 0;
    if (bytes.size() == sizeof(single)) {
        std::memcpy(&single, bytes.data(), sizeof(single));
        value = double{single};
    } else {
        std::memcpy(&value, bytes.data(), sizeof(value));
    }
    if (!std::isfinite(value)) {
        const std::string_view word = std::isnan(value) ? "\"NaN\""
                                      : value > 0       ? "\"Infinity\""
                                                        : "\"-Infinity\"";
        return out.append(style == Style::kJson ? word : word.substr(1, word.size() - 2));
    }
    char* const p = out.reserve(kMaxFloat);
    out.commit(bytes.size() == sizeof(single) ? put_float(p, single) : put_double(p, value));
}

void append_utf8(OutBuffer& out, Bytes bytes, Style style) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (!is_utf8(text)) {
        const std::string read = utf8_or_windows_1252(text);
        return append_utf8(out, std::as_bytes(std::span(read)), style);
    }
    style == Style::kBare ? append_bare(out, text) : append_quoted(out, text);
}

void append_utf16(OutBuffer& out, Bytes bytes, Style style) {
    style == Style::kBare ? append_bare_utf16(out, bytes) : append_quoted_utf16(out, bytes);
}

void append_char(OutBuffer& out, Bytes bytes, Style style) {
    if (bytes.size() == 2) return append_utf16(out, bytes, style);
    append_utf8(out, bytes.first(1), style);
}

// "(NAME)" behind a code that a person reads.
void append_code_name(OutBuffer& out, std::string_view name) {
    if (name.empty()) return;
    out.append('(');
    out.append(name);
    out.append(')');
}

std::string_view code_name(Format format, uint8_t out_type, uint32_t code) {
    switch (format) {
        case Format::kWin32Error:
            return win32_error_name(code);
        case Format::kErrno:
            return errno_name(code);
        default:
            break;
    }
    const bool is_hresult = decode::Out(out_type) == decode::Out::kHResult;
    // Win32 errors as HRESULTs: Windows' tool names the error.
    constexpr uint32_t kWin32Facility = 0x8007;
    if (is_hresult && code >> 16 == kWin32Facility) {
        if (const auto name = win32_error_name(code & 0xFFFF); !name.empty()) return name;
    }
    const auto name = is_hresult ? hresult_name(code) : ntstatus_name(code);
    return name.empty() && !is_hresult ? hresult_name(code) : name;
}

char* put_ipv4(char* p, const std::byte* bytes) {
    for (size_t i = 0; i < 4; ++i) {
        if (i != 0) *p++ = '.';
        p = put_decimal(p, uint64_t(bytes[i]));
    }
    return p;
}

uint32_t big_endian_16(const std::byte* bytes) {
    return uint32_t(bytes[0]) << 8 | uint32_t(bytes[1]);
}

// RFC 5952: the longest run of two or more zero groups is "::", the first of equals.
char* put_ipv6(char* p, const std::byte* bytes) {
    constexpr size_t kGroups = 8;
    size_t best = kGroups, best_length = 1;
    for (size_t i = 0; i < kGroups;) {
        size_t end = i;
        while (end < kGroups && big_endian_16(bytes + end * 2) == 0) ++end;
        if (end - i > best_length) {
            best = i;
            best_length = end - i;
        }
        i = end + 1;
    }
    const bool mapped = best == 0 && best_length == 5 && big_endian_16(bytes + 10) == 0xFFFF;
    for (size_t i = 0; i < kGroups; ++i) {
        if (i == best) {
            *p++ = ':';
            *p++ = ':';
            i += best_length - 1;
            continue;
        }
        if (i != 0 && p[-1] != ':') *p++ = ':';
        if (mapped && i == 6) return put_ipv4(p, bytes + 12);
        p = put_hex(p, big_endian_16(bytes + i * 2), 1, false);
    }
    return p;
}

char* put_system_time(char* p, Bytes bytes) {
    wire::SystemTime t;
    std::memcpy(&t, bytes.data(), sizeof(t));
    const auto put = [&](uint16_t value, size_t width, char before) {
        if (before != 0) *p++ = before;
        p = value < 10'000 ? put_padded(p, value, value < 100 || width > 2 ? width : 4)
                           : put_decimal(p, value);
    };
    put(t.year, 4, 0);
    put(t.month, 2, '-');
    put(t.day, 2, '-');
    put(t.hour, 2, 'T');
    put(t.minute, 2, ':');
    put(t.second, 2, ':');
    put(t.milliseconds, t.milliseconds < 1000 ? 3 : 4, '.');
    return p;
}

// "S-1-5-18"; whether the bytes are a SID is checked before.
char* put_sid(char* p, Bytes bytes) {
    *p++ = 'S';
    *p++ = '-';
    p = put_decimal(p, uint64_t(bytes[0]));
    *p++ = '-';
    uint64_t authority = 0;
    for (size_t i = 2; i < 8; ++i) authority = authority << 8 | uint64_t(bytes[i]);
    p = put_decimal(p, authority);
    for (size_t at = 8; at < bytes.size(); at += 4) {
        *p++ = '-';
        p = put_decimal(p, load_unsigned(bytes.subspan(at, 4)));
    }
    return p;
}

// Seconds with their milliseconds: "5.000s".
char* put_time_span(char* p, int64_t ticks) {
    const int64_t ms = ticks / 10'000;
    if (ms < 0) *p++ = '-';
    const uint64_t magnitude = ms < 0 ? uint64_t{0} - uint64_t(ms) : uint64_t(ms);
    p = put_decimal(p, magnitude / 1000);
    *p++ = '.';
    for (const uint64_t unit : {100u, 10u, 1u}) *p++ = char('0' + magnitude / unit % 10);
    *p++ = 's';
    return p;
}

void append_mac_address(OutBuffer& out, Bytes bytes) {
    for (size_t i = 0; i < bytes.size(); ++i) {
        if (i != 0) out.append('-');
        append_hex_bytes(out, bytes.subspan(i, 1));
    }
}

bool is_sid(Bytes bytes) { return bytes.size() >= 8 && bytes.size() == 8 + 4 * size_t(bytes[1]); }

// sockaddr of Windows or Linux. False: another family, or cut off.
bool append_sock_addr(OutBuffer& out, Bytes bytes) {
    constexpr uint64_t kInet = 2, kInet6Linux = 10, kInet6Windows = 23;
    if (bytes.size() < 8) return false;
    const uint64_t family = load_unsigned(bytes.first(2));
    const uint32_t port = big_endian_16(bytes.data() + 2);
    char* p = out.reserve(64);
    if (family == kInet) {
        p = put_ipv4(p, bytes.data() + 4);
    } else if ((family == kInet6Linux || family == kInet6Windows) && bytes.size() >= 24) {
        *p++ = '[';
        p = put_ipv6(p, bytes.data() + 8);
        *p++ = ']';
    } else {
        return false;
    }
    *p++ = ':';
    out.commit(put_decimal(p, port));
    return true;
}

// The formats whose text has letters or punctuation: JSON wants it in quotes.
bool append_word(OutBuffer& out, Format format, Bytes bytes, bool local_times) {
    if (fixed_size(format) != 0 && fixed_size(format) != bytes.size()) return false;
    switch (format) {
        case Format::kHex: {
            if (!is_integer_size(bytes.size())) return false;
            char* const p = out.reserve(2 + kMaxHex);
            std::memcpy(p, "0x", 2);
            out.commit(put_hex(p + 2, load_unsigned(bytes), 1, false));
            return true;
        }
        case Format::kStatus: {
            char* const p = out.reserve(2 + kMaxHex);
            std::memcpy(p, "0x", 2);
            out.commit(put_hex(p + 2, load_unsigned(bytes), 8, false));
            return true;
        }
        case Format::kGuid: {
            Guid guid;
            std::memcpy(&guid, bytes.data(), sizeof(guid));
            append_guid(out, guid);
            return true;
        }
        case Format::kFileTime:
            out.commit(put_iso_time(out.reserve(kMaxClockText), load_signed(bytes), local_times));
            return true;
        case Format::kSystemTime:
            out.commit(put_system_time(out.reserve(kMaxClockText), bytes));
            return true;
        case Format::kIpv4:
            out.commit(put_ipv4(out.reserve(16), bytes.data()));
            return true;
        case Format::kIpv6:
            out.commit(put_ipv6(out.reserve(64), bytes.data()));
            return true;
        case Format::kTimeSpan:
            out.commit(put_time_span(out.reserve(kMaxDecimal + 8), load_signed(bytes)));
            return true;
        case Format::kMacAddress:
            append_mac_address(out, bytes);
            return true;
        case Format::kSid:
            if (!is_sid(bytes)) return false;
            out.commit(put_sid(out.reserve(32 + bytes.size() * 3), bytes));
            return true;
        case Format::kSockAddr:
            return append_sock_addr(out, bytes);
        default:
            return false;
    }
}

// Formats that read the same in both styles. False: not one of them.
bool append_plain(OutBuffer& out, Format format, Bytes bytes, Style style) {
    if (!is_integer_size(bytes.size())) return false;
    char* const p = out.reserve(kMaxInteger);
    switch (format) {
        case Format::kUnsigned:
        case Format::kSigned:
            out.commit(put_integer(p, format, bytes));
            return true;
        case Format::kWin32Error:
            out.commit(put_decimal(p, load_unsigned(bytes)));
            return true;
        case Format::kErrno:
            out.commit(put_signed(p, load_signed(bytes)));
            return true;
        case Format::kBool:
            out.append(load_unsigned(bytes) != 0 ? "true" : "false");
            return true;
        case Format::kPort:
            if (bytes.size() != sizeof(uint16_t)) return false;
            out.commit(put_decimal(p, big_endian_16(bytes.data())));
            return true;
        case Format::kChar:
            append_char(out, bytes, style);
            return true;
        case Format::kFloat:
            if (bytes.size() < sizeof(float)) return false;
            append_float(out, bytes, style);
            return true;
        default:
            return false;
    }
}

}  // namespace

void append_value(OutBuffer& out, Format format, Bytes bytes, ValueRules rules) {
    const Style style = rules.style;
    if (format == Format::kUtf8) return append_utf8(out, bytes, style);
    if (format == Format::kUtf16) return append_utf16(out, bytes, style);
    if (append_plain(out, format, bytes, style)) return;
    if (format == Format::kNull || (bytes.empty() && format != Format::kBinary)) {
        return out.append("null");
    }
    if (style == Style::kJson) out.append('"');
    if (!append_word(out, format, bytes, rules.local_times)) {
        if (style != Style::kJson) out.append("0x");
        append_hex_bytes(out, bytes);
    }
    if (style == Style::kJson) out.append('"');
}

void append_field_value(OutBuffer& out, const decode::Field& field, Bytes bytes, ValueRules rules) {
    if (field.map != nullptr && is_integer_size(bytes.size()) &&
        append_named(out, *field.map, load_unsigned(bytes), rules.style)) {
        return;
    }
    append_value(out, field.format, bytes, rules);
    switch (field.format) {
        case Format::kStatus:
        case Format::kWin32Error:
        case Format::kErrno:
            if (rules.style == Style::kJson || !rules.code_names) return;
            if (bytes.size() != sizeof(uint32_t)) return;
            return append_code_name(
                out, code_name(field.format, field.out, uint32_t(load_unsigned(bytes))));
        case Format::kSystemTime:
            if (decode::Out(field.out) != decode::Out::kDateTimeUtc) return;
            if (bytes.size() != sizeof(wire::SystemTime)) return;
            if (rules.style != Style::kJson) return out.append('Z');
            out.commit(out.view().data() + out.size() - 1);  // inside the quotes
            return out.append("Z\"");
        default:
            return;
    }
}

void append_hex_bytes(OutBuffer& out, Bytes bytes) {
    char* p = out.reserve(bytes.size() * 2);
    for (const std::byte b : bytes) {
        std::memcpy(p, &kHexPairs[size_t(b) * 2], 2);
        p += 2;
    }
    out.commit(p);
}

void append_guid(OutBuffer& out, const Guid& guid) {
    char* p = put_hex(out.reserve(40), guid.data1, 8, false);
    *p++ = '-';
    p = put_hex(p, guid.data2, 4, false);
    *p++ = '-';
    p = put_hex(p, guid.data3, 4, false);
    for (size_t i = 0; i < guid.data4.size(); ++i) {
        if (i == 0 || i == 2) *p++ = '-';
        std::memcpy(p, &kHexPairs[size_t{guid.data4[i]} * 2], 2);
        p += 2;
    }
    out.commit(p);
}

void append_number(OutBuffer& out, uint64_t value) {
    out.commit(put_decimal(out.reserve(kMaxDecimal), value));
}

}  // namespace etw::render
