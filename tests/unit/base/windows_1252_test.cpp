#include "base/windows_1252.h"

#include <gtest/gtest.h>

namespace etw {
namespace {

TEST(Windows1252, IsLatin1ButForThirtyTwoBytes) {
    EXPECT_EQ(from_windows_1252('a'), u'a');
    EXPECT_EQ(from_windows_1252(0x80), u'\u20AC');
    EXPECT_EQ(from_windows_1252(0x9F), u'\u0178');
    EXPECT_EQ(from_windows_1252(0x81), u'\uFFFD');
    EXPECT_EQ(from_windows_1252(0xE9), u'\u00E9');
    for (unsigned byte = 1; byte < 256; ++byte) {
        const char16_t c = from_windows_1252(uint8_t(byte));
        EXPECT_EQ(to_windows_1252(c), c == u'\uFFFD' ? 0 : byte);
    }
    EXPECT_EQ(to_windows_1252(0x0100), 0);
}

TEST(Windows1252, StandsInForWhatIsNoUtf8) {
    EXPECT_EQ(utf8_or_windows_1252("caf\xE9 na\xEFve"), "caf\u00E9 na\u00EFve");
    EXPECT_EQ(utf8_or_windows_1252("h\u00E9\xFF \uFFFD"), "h\u00E9\u00FF \uFFFD");
    EXPECT_EQ(utf8_or_windows_1252("\x81\xE2\x82"), "\uFFFD\u00E2\u201A");
    EXPECT_EQ(utf8_or_windows_1252(""), "");
}

TEST(Utf8, IsToldFromOtherBytes) {
    for (const char* const text :
         {"", "abc", "12345678", "1234567\u00E9", "\uFFFD", "\U0001F600"}) {
        EXPECT_TRUE(is_utf8(text)) << text;
    }
    for (const char* const text : {"\xE9", "1234567\xE9", "12345678\xC3", "\xED\xA0\x80"}) {
        EXPECT_FALSE(is_utf8(text)) << text;
    }
}

}  // namespace
}  // namespace etw
