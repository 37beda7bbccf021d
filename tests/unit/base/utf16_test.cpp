#include "base/utf16.h"

#include <gtest/gtest.h>

namespace etw {
namespace {

TEST(Utf16, RoundTripsEveryPlane) {
    const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z";
    EXPECT_EQ(to_utf8(to_utf16(text)), text);
    EXPECT_EQ(to_utf16(text), u"a\u00E9\u20AC\U0001F600z");
}

TEST(Utf16, MalformedInputBecomesReplacementCharacters) {
    EXPECT_EQ(to_utf16("\xC0\xAF"), u"\uFFFD\uFFFD");            // overlong
    EXPECT_EQ(to_utf16("\xED\xA0\x80"), u"\uFFFD\uFFFD\uFFFD");  // surrogate
    EXPECT_EQ(to_utf16("x\xE2\x82"), u"x\uFFFD\uFFFD");          // cut short
    EXPECT_EQ(to_utf8(std::u16string(1, char16_t(0xD800))), "\xEF\xBF\xBD");
    EXPECT_EQ(to_utf8(std::u16string{0xDC00, u'a'}),
              "\xEF\xBF\xBD"
              "a");
}

TEST(Utf16, OddLastByteIsDropped) {
    const char raw[] = {'a', 0, 'b'};
    EXPECT_EQ(to_utf8(std::as_bytes(std::span(raw))), "a");
}

}  // namespace
}  // namespace etw
