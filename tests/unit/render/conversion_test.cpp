#include "render/conversion.h"

#include "described.h"

#include <gtest/gtest.h>

namespace etw::render {
namespace {

using decode::Format;

template <class T>
std::string converted(std::string_view conversion, Format format, T value) {
    decode::Field field;
    field.format = format;
    std::byte bytes[sizeof(value)];
    std::memcpy(bytes, &value, sizeof(value));
    const auto how = parse_conversion(conversion);
    if (!how) return "(no conversion)";
    OutBuffer out;
    append_converted(out, field, bytes, *how, Style::kBare);
    return std::string(out.view());
}

std::string converted(std::string_view conversion, std::string_view text) {
    decode::Field field;
    field.format = Format::kUtf8;
    OutBuffer out;
    append_converted(out, field, std::as_bytes(std::span(text)), *parse_conversion(conversion),
                     Style::kBare);
    return std::string(out.view());
}

TEST(Conversion, WritesIntegersAsPrintfDoes) {
    EXPECT_EQ(converted("d", Format::kSigned, int32_t{-5}), "-5");
    EXPECT_EQ(converted("d", Format::kUnsigned, ~uint32_t{0}), "-1");
    EXPECT_EQ(converted("u", Format::kSigned, int32_t{-1}), "4294967295");
    EXPECT_EQ(converted("04X", Format::kUnsigned, uint32_t{0xAF4}), "0AF4");
    EXPECT_EQ(converted("08x", Format::kUnsigned, uint32_t{0x4EA4}), "00004ea4");
    EXPECT_EQ(converted("#x", Format::kUnsigned, uint32_t{255}), "0xff");
    EXPECT_EQ(converted("#X", Format::kUnsigned, uint32_t{0}), "0");
    EXPECT_EQ(converted("012I64X", Format::kUnsigned, uint64_t{0xABCDEF}), "000000ABCDEF");
    EXPECT_EQ(converted("I64d", Format::kSigned, int64_t{-1}), "-1");
    EXPECT_EQ(converted("lld", Format::kSigned, int64_t{7}), "7");
    EXPECT_EQ(converted("o", Format::kUnsigned, uint32_t{8}), "10");
    EXPECT_EQ(converted("c", Format::kUnsigned, uint32_t{'A'}), "A");
    EXPECT_EQ(converted("+d", Format::kSigned, int32_t{5}), "+5");
    EXPECT_EQ(converted(" d", Format::kSigned, int32_t{5}), " 5");
    EXPECT_EQ(converted("6d", Format::kSigned, int32_t{-5}), "    -5");
    EXPECT_EQ(converted("-6d", Format::kSigned, int32_t{-5}), "-5    ");
    EXPECT_EQ(converted("06d", Format::kSigned, int32_t{-5}), "-00005");
    EXPECT_EQ(converted("6.3d", Format::kSigned, int32_t{5}), "   005");
    EXPECT_EQ(converted("hd", Format::kUnsigned, uint32_t{0xFFFF}), "-1");
    EXPECT_EQ(converted("hhu", Format::kUnsigned, uint32_t{0x1FF}), "255");
    EXPECT_EQ(converted("p", Format::kHex, uint64_t{0xFFFFA10B}), "00000000FFFFA10B");
    EXPECT_EQ(converted("p", Format::kHex, uint32_t{0xA10B}), "0000A10B");
}

TEST(Conversion, WidensSmallIntegersAsCDoes) {
    EXPECT_EQ(converted("d", Format::kUnsigned, uint8_t{255}), "255");
    EXPECT_EQ(converted("d", Format::kSigned, int8_t{-1}), "-1");
    EXPECT_EQ(converted("x", Format::kSigned, int8_t{-1}), "ffffffff");
}

TEST(Conversion, FitsTextsByCharacters) {
    EXPECT_EQ(converted("s", "text"), "text");
    EXPECT_EQ(converted("6s", "text"), "  text");
    EXPECT_EQ(converted("-6s", "text"), "text  ");
    EXPECT_EQ(converted(".2s", "text"), "te");
    EXPECT_EQ(converted("4.1S", "\xC3\xA9t\xC3\xA9"), "   \xC3\xA9");
    EXPECT_EQ(converted("ws", "wide"), "wide");
}

TEST(Conversion, WritesFloats) {
    EXPECT_EQ(converted("f", Format::kFloat, 1.5), "1.500000");
    EXPECT_EQ(converted(".1f", Format::kFloat, 1.5F), "1.5");
    EXPECT_EQ(converted("8.2e", Format::kFloat, 1234.5), "1.23e+03");
    EXPECT_EQ(converted("g", Format::kFloat, 0.5), "0.5");
    EXPECT_EQ(converted("07.2f", Format::kFloat, -1.5), "-001.50");
}

TEST(Conversion, ShowsTheValueAsItReadsWhereTypesDoNotFit) {
    EXPECT_EQ(converted("d", "text"), "text");
    EXPECT_EQ(converted("s", Format::kUnsigned, uint32_t{5}), "5");
    EXPECT_EQ(converted("d", Format::kGuid, decode::test::kProvider),
              "11223344-5566-7788-0102-030405060708");
    EXPECT_EQ(converted("f", Format::kUnsigned, uint32_t{5}), "5");
    EXPECT_EQ(converted("d", Format::kFloat, 0.5), "0.5");
    EXPECT_EQ(converted("s", Format::kStatus, uint32_t{0xC0000005}),
              "0xc0000005(STATUS_ACCESS_VIOLATION)");
    EXPECT_EQ(converted("x", Format::kStatus, uint32_t{0xC0000005}), "c0000005");
}

TEST(Conversion, BoundsWidthAndPrecision) {
    EXPECT_EQ(converted("99999999999d", Format::kSigned, int32_t{1}).size(), 512u);
    EXPECT_EQ(converted(".99999999999d", Format::kSigned, int32_t{1}).size(), 512u);
    EXPECT_LE(converted(".99999999f", Format::kFloat, 1e308).size(), 1024u);
}

TEST(Conversion, RefusesWhatIsNone) {
    for (const char* text : {"", "%", "n", "5", "l", "dd", "*d", "d ", "y"}) {
        EXPECT_FALSE(parse_conversion(text)) << text;
    }
}

}  // namespace
}  // namespace etw::render
