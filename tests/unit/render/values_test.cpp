#include "render/values.h"

#include "../decode/event_builder.h"
#include "decode/walk.h"
#include "render/quoted.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace etw::render {
namespace {

using decode::Format;
using decode::Out;
using decode::Type;

template <class T>
std::string value(Format format, const T& raw, Style style = Style::kText) {
    OutBuffer out;
    append_value(out, format, std::as_bytes(std::span(&raw, 1)), style);
    return std::string(out.view());
}

std::string value_of(Format format, std::initializer_list<int> bytes, Style style = Style::kText) {
    std::vector<std::byte> raw;
    for (const int b : bytes) raw.push_back(std::byte(b));
    OutBuffer out;
    append_value(out, format, raw, style);
    return std::string(out.view());
}

std::string as_quoted(std::string_view utf8) {
    OutBuffer out;
    append_quoted(out, utf8);
    return std::string(out.view());
}

TEST(OutBuffer, CopiesTextOfAnyLengthAndNoMore) {
    const std::string letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (size_t length = 0; length <= letters.size(); ++length) {
        std::string copy(letters.size() + 1, '.');
        char* const end = put_text(copy.data(), std::string_view(letters).substr(0, length));
        ASSERT_EQ(size_t(end - copy.data()), length);
        ASSERT_EQ(copy, letters.substr(0, length) + std::string(copy.size() - length, '.'));
    }
    EXPECT_EQ(put_text(nullptr, {}), nullptr);
}

TEST(Values, ShowIntegersOfEverySize) {
    EXPECT_EQ(value(Format::kUnsigned, uint8_t{255}), "255");
    EXPECT_EQ(value(Format::kSigned, int8_t{-128}), "-128");
    EXPECT_EQ(value(Format::kSigned, int16_t{-1}), "-1");
    EXPECT_EQ(value(Format::kUnsigned, uint32_t{0}), "0");
    EXPECT_EQ(value(Format::kUnsigned, std::numeric_limits<uint64_t>::max()),
              "18446744073709551615");
    EXPECT_EQ(value(Format::kSigned, std::numeric_limits<int64_t>::min()), "-9223372036854775808");
    EXPECT_EQ(value(Format::kHex, uint16_t{0x1F}), "0x1f");
    EXPECT_EQ(value(Format::kHex, uint64_t{0}), "0x0");
}

TEST(Values, AgreeWithTheStandardLibraryOnRandomIntegers) {
    std::mt19937_64 random(1);
    for (int i = 0; i < 10'000; ++i) {
        const uint64_t n = random() >> (random() % 64);
        ASSERT_EQ(value(Format::kUnsigned, n), std::to_string(n));
        ASSERT_EQ(value(Format::kSigned, int64_t(0 - n)), std::to_string(int64_t(0 - n)));
    }
}

TEST(Values, ShowFloatsThatReadBackTheSame) {
    EXPECT_EQ(value(Format::kFloat, 0.1), "0.1");
    EXPECT_EQ(value(Format::kFloat, 0.1F), "0.1");
    EXPECT_EQ(value(Format::kFloat, 1e300), "1e+300");
    EXPECT_EQ(value(Format::kFloat, -0.0), "-0");
    EXPECT_EQ(std::stod(value(Format::kFloat, 1.0 / 3)), 1.0 / 3);
}

TEST(Values, ShowDecimalsOfEveryLength) {
    for (uint64_t power = 1;; power *= 10) {
        for (const uint64_t n : {power - 1, power, power + 1}) {
            EXPECT_EQ(value(Format::kUnsigned, n), std::to_string(n));
        }
        if (power == 10'000'000'000'000'000'000u) break;
    }
    EXPECT_EQ(value(Format::kUnsigned, UINT64_MAX), "18446744073709551615");
}

// Short decimals have a faster way: it must not be seen.
TEST(Values, ShowDoublesAsTheShortestTextThatReadsBack) {
    const auto check = [](double number) {
        EXPECT_EQ(value(Format::kFloat, number), fmt::format("{}", number));
        EXPECT_EQ(value(Format::kFloat, -number), fmt::format("{}", -number));
    };
    for (const double number : {0.0, 0.5, 0.001, 0.0005, 0.25, 0.3, 1.05, 12.34, 0.1 + 0.2, 1e11,
                                999'999'999'999.999, 1e12, 1e15, 1e16, 1e22, 4.35, 5e-324}) {
        check(number);
        check(std::nextafter(number, 1e300));
    }
    std::mt19937_64 random(1);
    for (int i = 0; i < 100'000; ++i) {
        const auto digits = double(random() >> (random() % 64));
        for (const double scale : {1.0, 10.0, 100.0, 1000.0, 10000.0}) check(digits / scale);
    }
}

TEST(Values, ShowNumbersThatAreNone) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const double infinity = std::numeric_limits<double>::infinity();
    EXPECT_EQ(value(Format::kFloat, nan), "NaN");
    EXPECT_EQ(value(Format::kFloat, nan, Style::kJson), "\"NaN\"");
    EXPECT_EQ(value(Format::kFloat, -infinity, Style::kJson), "\"-Infinity\"");
    EXPECT_EQ(value(Format::kFloat, std::numeric_limits<float>::infinity()), "Infinity");
}

TEST(Values, QuoteInJsonWhatIsNoNumber) {
    EXPECT_EQ(value(Format::kHex, uint32_t{0xAB}, Style::kJson), "\"0xab\"");
    EXPECT_EQ(value(Format::kBool, uint32_t{2}, Style::kJson), "true");
    EXPECT_EQ(value(Format::kBool, uint8_t{0}, Style::kJson), "false");
    EXPECT_EQ(value(Format::kUnsigned, uint64_t{1} << 63, Style::kJson), "9223372036854775808");
}

// What Windows' programs write without saying in which code page.
TEST(Values, ReadTextThatIsNoUtf8AsWindows1252) {
    const std::initializer_list<int> cafe = {'c', 'a', 'f', 0xE9, ' ', 0x80};
    EXPECT_EQ(value_of(Format::kUtf8, cafe), "\"caf\u00e9 \u20ac\"");
    EXPECT_EQ(value_of(Format::kUtf8, cafe, Style::kBare), "caf\u00e9 \u20ac");
    EXPECT_EQ(value_of(Format::kUtf8, {0xC3, 0xA9, 0x81}), "\"\u00e9\uFFFD\"");
    EXPECT_EQ(value_of(Format::kChar, {0xE9}), "\"\u00e9\"");
}

TEST(Values, ShowAddresses) {
    EXPECT_EQ(value_of(Format::kIpv4, {127, 0, 0, 1}), "127.0.0.1");
    EXPECT_EQ(value_of(Format::kPort, {0x1F, 0x90}), "8080");
    const auto ipv6 = [](std::initializer_list<int> words) {
        std::vector<std::byte> raw;
        for (const int w : words) {
            raw.push_back(std::byte(w >> 8));
            raw.push_back(std::byte(w & 0xFF));
        }
        OutBuffer out;
        append_value(out, Format::kIpv6, raw, Style::kText);
        return std::string(out.view());
    };
    EXPECT_EQ(ipv6({0, 0, 0, 0, 0, 0, 0, 0}), "::");
    EXPECT_EQ(ipv6({0, 0, 0, 0, 0, 0, 0, 1}), "::1");
    EXPECT_EQ(ipv6({0x2001, 0xdb8, 0, 0, 1, 0, 0, 1}), "2001:db8::1:0:0:1");
    EXPECT_EQ(ipv6({0x2001, 0xdb8, 0, 1, 1, 1, 1, 1}), "2001:db8:0:1:1:1:1:1");
    EXPECT_EQ(ipv6({1, 0, 0, 0, 0, 0, 0, 0}), "1::");
    EXPECT_EQ(ipv6({0, 0, 0, 0, 0, 0xFFFF, 0x7F00, 1}), "::ffff:127.0.0.1");
}

TEST(Values, ShowSocketAddressesOfBothSystems) {
    EXPECT_EQ(value_of(Format::kSockAddr, {2, 0, 0, 80, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}),
              "10.0.0.1:80");
    for (const int family : {10, 23}) {
        EXPECT_EQ(value_of(Format::kSockAddr, {family, 0, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                               0,      0, 0, 0,  0, 0, 0, 0, 0, 1, 0, 0, 0, 0}),
                  "[::1]:80");
    }
    EXPECT_EQ(value_of(Format::kSockAddr, {1, 0, 65}), "0x010041");  // another family: its bytes
}

TEST(Values, ShowIdentities) {
    EXPECT_EQ(value_of(Format::kSid, {1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0}),
              "S-1-5-32-544");
    EXPECT_EQ(value_of(Format::kSid, {1, 9, 0}), "0x010900");
    EXPECT_EQ(value_of(Format::kSid, {}), "null");
    EXPECT_EQ(value(Format::kGuid, Guid{0x11223344, 0x5566, 0x7788, {1, 2, 3, 4, 5, 6, 7, 8}}),
              "11223344-5566-7788-0102-030405060708");
    EXPECT_EQ(value(Format::kStatus, uint32_t{0xC0000005}), "0xc0000005");
    EXPECT_EQ(value(Format::kErrno, int32_t{-2}), "-2");
    EXPECT_EQ(value(Format::kTimeSpan, int64_t{50'019'999}), "5.001s");
    EXPECT_EQ(value(Format::kTimeSpan, int64_t{-10'000}), "-0.001s");
    EXPECT_EQ(value(Format::kMacAddress, std::array<uint8_t, 6>{0, 0x1A, 2, 3, 4, 0xFF}),
              "00-1a-02-03-04-ff");
    EXPECT_EQ(value(Format::kWin32Error, uint32_t{5}), "5");
}

TEST(Values, ShowTimes) {
    EXPECT_EQ(value(Format::kFileTime, int64_t{116'444'736'000'000'000}),
              "1970-01-01T00:00:00.0000000Z");
    EXPECT_EQ(value(Format::kSystemTime, wire::SystemTime{2024, 2, 4, 29, 23, 5, 9, 7}),
              "2024-02-29T23:05:09.007");
    EXPECT_EQ(value(Format::kSystemTime,
                    wire::SystemTime{65535, 65535, 65535, 65535, 65535, 65535, 65535, 65535}),
              "65535-65535-65535T65535:65535:65535.65535");
}

TEST(Values, ShowBytesAsHexadecimal) {
    EXPECT_EQ(value_of(Format::kBinary, {0, 0xAB}), "0x00ab");
    EXPECT_EQ(value_of(Format::kBinary, {0, 0xAB}, Style::kJson), "\"00ab\"");
    EXPECT_EQ(value_of(Format::kBinary, {}, Style::kJson), "\"\"");
}

TEST(Quoted, KeepsALineALine) {
    EXPECT_EQ(as_quoted("a\nb\r\t\"\\\x01\x7f"), R"("a\nb\r\t\"\\\u0001\u007f")");
    EXPECT_EQ(as_quoted("\u0085\u2028\u2029"), R"("\u0085\u2028\u2029")");
}

TEST(Quoted, ReplacesWhatIsNoUtf8) {
    EXPECT_EQ(as_quoted("a\xff"
                        "b\xc3"),
              "\"a\uFFFDb\uFFFD\"");
    EXPECT_EQ(as_quoted("\xed\xa0\x80"), "\"\uFFFD\uFFFD\uFFFD\"");
    EXPECT_EQ(as_quoted("gr\u00fc\u00df \u4e16 \U0001F600"),
              "\"gr\u00fc\u00df \u4e16 \U0001F600\"");
}

TEST(Quoted, FindsEverySpecialByteAtEveryPlace) {
    for (int c = 0; c < 128; ++c) {
        for (size_t at = 0; at < 17; ++at) {
            std::string text(17, 'x');
            text[at] = char(c);
            std::string expected = "\"" + text.substr(0, at);
            const bool plain = c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
            const std::string out = as_quoted(text);
            if (plain) {
                ASSERT_EQ(out, "\"" + text + "\"");
            } else {
                ASSERT_EQ(out.substr(0, at + 2), expected + "\\") << c << " at " << at;
            }
        }
    }
}

TEST(Quoted, ReadsUtf16WithSurrogates) {
    const auto quoted_utf16 = [](std::u16string_view text) {
        OutBuffer out;
        append_quoted_utf16(out, std::as_bytes(std::span(text.data(), text.size())));
        return std::string(out.view());
    };
    EXPECT_EQ(quoted_utf16(u"a\"\u4e16\U0001F600"), "\"a\\\"\u4e16\U0001F600\"");
    EXPECT_EQ(quoted_utf16({u"\xD800x", 2}), "\"\uFFFDx\"");
    EXPECT_EQ(quoted_utf16({u"\xDC00", 1}), "\"\uFFFD\"");
}

std::string fields(const decode::test::SchemaBuilder& schema, const ByteWriter& payload,
                   Style style) {
    const auto blob = schema.build();
    const auto program = decode::compile_schema(blob, true);
    decode::Event event;
    decode::walk(*program, payload.bytes(), true, event);
    OutBuffer out;
    append_fields(out, event.items, style);
    return std::string(out.view());
}

TEST(Fields, BracketStructsAndArrays) {
    decode::test::SchemaBuilder schema("E");
    schema.field("a", Type::kUInt8)
        .structure("s", 2, decode::test::kConstantArray, 2)
        .field("x", Type::kUInt8)
        .field("y", Type::kUInt8, Out::kDefault, decode::test::kConstantArray, 2)
        .field("t", Type::kUtf8, Out::kDefault, decode::test::kConstantArray, 2);
    ByteWriter payload;
    for (uint8_t i = 0; i < 7; ++i) payload.write(i);
    payload.append_text(std::string_view("p\0q\0", 4));
    EXPECT_EQ(fields(schema, payload, Style::kText),
              R"(a=0 s=[{x=1 y=[2, 3]}, {x=4 y=[5, 6]}] t=["p", "q"])");
    EXPECT_EQ(fields(schema, payload, Style::kJson),
              R"("a":0,"s":[{"x":1,"y":[2,3]},{"x":4,"y":[5,6]}],"t":["p","q"])");
}

TEST(Fields, LeaveOutOfTextWhatIsNotForPeople) {
    decode::test::SchemaBuilder schema("E");
    schema.field("a", Type::kUInt8, Out::kNoPrint)
        .field("t", Type::kUtf8, Out::kNoPrint, decode::test::kConstantArray, 1)
        .field("b", Type::kUInt8);
    ByteWriter payload;
    payload.write(uint8_t{1});
    payload.append_text(std::string_view("p\0", 2));
    payload.write(uint8_t{2});
    EXPECT_EQ(fields(schema, payload, Style::kText), "b=2");
    EXPECT_EQ(fields(schema, payload, Style::kJson), R"("a":1,"t":["p"],"b":2)");
}

}  // namespace
}  // namespace etw::render
