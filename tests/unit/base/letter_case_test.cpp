#include "base/letter_case.h"

#include <gtest/gtest.h>

namespace etw {
namespace {

TEST(Names, AreTheSameWithoutRegardToCase) {
    EXPECT_TRUE(same_name("MyTrace", "mYtRACE"));
    EXPECT_FALSE(same_name("MyTrace", "MyTrace2"));
    EXPECT_FALSE(same_name("[", "{"));  // one bit apart, like a letter and its capital
    EXPECT_TRUE(same_name("", ""));
}

TEST(Names, AreTheSameInEveryScriptWithCapitals) {
    EXPECT_TRUE(same_name("Über Größe", "ÜBER GRößE"));
    EXPECT_TRUE(same_name("čeština ŻÓŁW ÿ", "ČEŠTINA żółw Ÿ"));
    EXPECT_TRUE(same_name("ΣΊΣΥΦΟΣ", "σίσυφος"));  // both small sigmas
    EXPECT_TRUE(same_name("Трассировка Ёж", "ТРАССИРОВКА ёЖ"));
    EXPECT_TRUE(same_name("Հայերեն", "ՀԱՅԵՐԵՆ"));
    EXPECT_TRUE(same_name("ṽệ ǆ", "ṼỆ Ǆ"));
    EXPECT_TRUE(same_name("\U00010428", "\U00010400"));  // Deseret
    EXPECT_FALSE(same_name("Größe", "GROSSE"));          // one character for one
    EXPECT_FALSE(same_name("é", "e"));
    EXPECT_FALSE(same_name("日本", "日木"));
}

// A name of ASCII is nobody else's.
TEST(Names, OfAsciiAreTheSameAsOthersOfAsciiOnly) {
    EXPECT_FALSE(same_name("k", "\u212A"));  // the sign of kelvin
    EXPECT_FALSE(same_name("I", "\u0131"));  // dotless
    EXPECT_FALSE(same_name("s", "\u017F"));  // long
    for (char32_t c = 0x80; c < 0x110000; ++c) {
        EXPECT_GE(capital(c), 0x80u) << uint32_t(c);
    }
}

TEST(Names, ThatAreNoTextAreTheSameByteForByte) {
    EXPECT_TRUE(same_name("a\xFF", "A\xFF"));
    EXPECT_FALSE(same_name("a\xFF", "a\xFE"));
    EXPECT_FALSE(same_name("\xFF", "\xEF\xBF\xBD"));
}

TEST(Capitals, AreTheirOwnCapitals) {
    int letters = 0;
    for (char32_t c = 0; c < 0x110000; ++c) {
        EXPECT_EQ(capital(capital(c)), capital(c)) << uint32_t(c);
        letters += capital(c) != c;
    }
    EXPECT_EQ(letters, 1448);  // of Unicode 14, but for two
    EXPECT_EQ(capitals("ñandú x\xFF"), "ÑANDÚ X\xFF");
}

TEST(Patterns, MatchWholeTextsInAnyCase) {
    EXPECT_TRUE(matches_name("Notepad.exe", "notepad.EXE"));
    EXPECT_FALSE(matches_name("note", "notepad.exe"));
    EXPECT_TRUE(matches_name("note*", "notepad.exe"));
    EXPECT_TRUE(matches_name("*.exe", "notepad.exe"));
    EXPECT_TRUE(matches_name("n?tepad*exe", "notepad.exe"));
    EXPECT_TRUE(matches_name("*a*b*c*", "xxaxxbxxcxx"));
    EXPECT_FALSE(matches_name("*a*b*c*", "xxaxxcxxbxx"));
    EXPECT_TRUE(matches_name("*", ""));
    EXPECT_TRUE(matches_name("", ""));
    EXPECT_FALSE(matches_name("?", ""));
    EXPECT_FALSE(matches_name("", "x"));
    EXPECT_FALSE(matches_name("a?c", "ac"));
    EXPECT_FALSE(matches_name("*.pdb", "x.pdb.txt"));
}

TEST(Patterns, TakeNoExponentialTime) {
    const std::string text(20'000, 'a');
    std::string pattern;
    for (int i = 0; i < 50; ++i) pattern += "*a";
    EXPECT_FALSE(matches_name(pattern + "b", text));
}

TEST(Patterns, TakeCharactersOfAnyScript) {
    EXPECT_TRUE(matches_name("größe?", "GRÖßE€"));
    EXPECT_TRUE(matches_name("*ж*", "ЁЖ1"));
    EXPECT_FALSE(matches_name("?", "äö"));
    EXPECT_TRUE(matches_name("?\xFF*", "ä\xFF\xFE"));
    EXPECT_FALSE(matches_name("\xFF", "\xFE"));
}

}  // namespace
}  // namespace etw
