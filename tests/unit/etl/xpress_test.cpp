#include "etl/xpress.h"

#include "xpress_compressor.h"

#include <gtest/gtest.h>

#include <random>

namespace etw::etl {
namespace {

using test::XpressCompressor;
using ByteVector = std::vector<std::byte>;

constexpr std::byte kGuard{0xE7};

// The result, or nothing on failure. What is behind the slack must stay as it was.
std::optional<ByteVector> expand(Bytes in, size_t size) {
    // An exact copy: reading past its end is seen by the address sanitizer.
    const ByteVector exact(in.begin(), in.end());
    ByteVector out(size + kXpressSlack + 16, kGuard);
    const auto done = xpress_expand(exact, std::span(out).first(size + kXpressSlack), size);
    for (size_t i = size + kXpressSlack; i < out.size(); ++i) EXPECT_EQ(out[i], kGuard);
    if (!done) {
        EXPECT_EQ(done.error().code, Code::kInvalidData);
        EXPECT_LE(done.error().where, in.size());
        return std::nullopt;
    }
    out.resize(size);
    return out;
}

ByteVector random_bytes(size_t size, unsigned seed, unsigned alphabet = 256) {
    std::mt19937 random(seed);
    ByteVector out(size);
    for (auto& b : out) b = std::byte(random() % alphabet);
    return out;
}

TEST(Xpress, ExpandsMatchesOfEveryLengthFormAndDistance) {
    for (const size_t length : {3,  4,  8,  9,   10,  11,  16,  17,   24,    25,    26,    31,
                                32, 33, 40, 279, 280, 281, 282, 4000, 65537, 65538, 65539, 70000}) {
        for (const size_t distance : {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 31, 32, 33, 100}) {
            ByteVector want = random_bytes(100, 1);
            XpressCompressor c;
            for (const std::byte b : want) c.literal(b);
            for (int i = 0; i < 3; ++i) {  // the second long one uses the high nibble
                c.match(distance, length);
                for (size_t k = 0; k < length; ++k) want.push_back(want[want.size() - distance]);
                c.literal(std::byte(i));
                want.push_back(std::byte(i));
            }
            EXPECT_EQ(expand(c.finish(), want.size()), want) << length << " from " << distance;
        }
    }
}

TEST(Xpress, ExpandsWhatTheCompressorMadeOfAnyData) {
    for (unsigned seed = 0; seed < 200; ++seed) {
        const ByteVector want = random_bytes(1 + seed * 13, seed, 1 + seed % 7);
        EXPECT_EQ(expand(XpressCompressor::compress(want), want.size()), want) << seed;
    }
}

TEST(Xpress, LiteralRunsMayCrossFlagWords) {
    const ByteVector want = random_bytes(1000, 3);
    XpressCompressor c;
    for (const std::byte b : want) c.literal(b);
    EXPECT_EQ(expand(c.finish(), want.size()), want);
}

TEST(Xpress, StopsAtTheExpectedSizeWhateverFollows) {
    const ByteVector want = random_bytes(500, 4, 3);
    ByteVector in = XpressCompressor::compress(want);
    in.resize(in.size() + 1000, std::byte{0xFF});
    EXPECT_EQ(expand(in, want.size()), want);
}

TEST(Xpress, NothingExpandsToNothing) { EXPECT_EQ(expand({}, 0), ByteVector{}); }

TEST(Xpress, EveryCutStreamIsRefused) {
    const ByteVector want = random_bytes(3000, 5, 4);
    const ByteVector in = XpressCompressor::compress(want);
    for (size_t size = 0; size + 4 < in.size(); ++size) {
        EXPECT_FALSE(expand(Bytes(in).first(size), want.size())) << size;
    }
}

TEST(Xpress, RefusesADistanceBeforeTheStart) {
    XpressCompressor c;
    for (int i = 0; i < 5; ++i) c.literal(std::byte{1});
    c.match(6, 4);
    EXPECT_FALSE(expand(c.finish(), 9));
}

TEST(Xpress, RefusesAMatchPastTheExpectedSize) {
    XpressCompressor c;
    for (int i = 0; i < 5; ++i) c.literal(std::byte{1});
    c.match(1, 400);
    EXPECT_FALSE(expand(c.finish(), 404));
}

TEST(Xpress, RefusesALongFormThatHidesAShortLength) {
    // One literal, then a match whose u16 says a length that the byte before could have held.
    const uint8_t stream[] = {0xFF, 0xFF, 0xFF, 0x7F, 'a', 0x07, 0x00, 0x0F, 0xFF, 0x05, 0x00};
    EXPECT_FALSE(expand(std::as_bytes(std::span(stream)), 9));
}

TEST(Xpress, RandomStreamsNeverWriteOutside) {
    for (unsigned seed = 0; seed < 2000; ++seed) expand(random_bytes(700, seed), 1 + seed % 900);
}

}  // namespace
}  // namespace etw::etl
