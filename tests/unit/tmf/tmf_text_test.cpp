#include "base/utf16.h"
#include "tmf/tmf_reader.h"
#include "tmf/tmf_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace etw::tmf {
namespace {

using ::testing::ElementsAre;

constexpr const char* kGuid = "9f4c5d00-1111-2222-3333-444455556666";

TmfText read(std::string_view text) { return read_tmf(std::as_bytes(std::span(text))); }

const MessageFormat* find(const TmfText& text, uint16_t number) {
    return text.messages.find(*parse_guid(kGuid), number);
}

// One message of kGuid with the given line and block.
TmfText read_message(const std::string& lines) {
    return read(std::string(kGuid) + " comp // SRC=a.c MJ= MN=\n" + lines);
}

constexpr const char* kDriver =
    "// PDB:  tracedrv.pdb\r\n"
    "// PDB:  Last Updated :2005-6-7:0:50:28:0 (UTC) [binplace]\r\n"
    "9f4c5d00-1111-2222-3333-444455556666 tracedrv // SRC=tracedrv.c MJ=Samples MN=Driver\r\n"
    "\r\n"
    "#typev tracedrv_c258 10 \"%0IOCTL = %10!d! \"%11!s!\"\" //   LEVEL=TRACE_LEVEL_INFO "
    "FLAGS=FLAG_ONE | FLAG_TWO FUNC=TracedrvDispatch\r\n"
    "{\r\n"
    "ioctlCount, ItemLong -- 10\r\n"
    "Name(a, b), ItemString -- 11\r\n"
    "}\r\n"
    "#type tracedrv_c300 11 \"%0Done\"\r\n"
    "{\r\n"
    "}\r\n"
    "{1F4C5D00-1111-2222-3333-444455556666} other\r\n"
    "#typev other_cpp7 10 \"%0%%\" //\r\n";

// Messages share what a short file says once: it must not become gigabytes.
TEST(TmfReader, LimitsWhatMessagesShare) {
    constexpr int kMessages = 100;
    const std::string long_name(100'000, 'x');
    std::string lines = std::string(kGuid) + " " + long_name + " // SRC=a.c MJ= MN=\n#enumv T\n{\n";
    for (int i = 0; i < 10; ++i) {
        lines += long_name + std::to_string(i) + "," + std::to_string(i) + "\n";
    }
    lines += "}\n";
    for (int i = 0; i < kMessages; ++i) {
        lines += "#typev m " + std::to_string(i) + " \"%0%10!s!\"\n{\na, ItemEnum(T) -- 10\n}\n";
    }
    const TmfText text = read(lines);
    ASSERT_EQ(text.messages.formats().size(), size_t{kMessages});
    size_t names = 0;
    for (const auto& [key, format] : text.messages.formats()) {
        EXPECT_LE(format.component.size(), 1024u);
        for (const Argument& argument : format.arguments) names += size_of(argument.names);
    }
    EXPECT_FALSE(find(text, 0)->arguments[0].names.empty());
    EXPECT_LE(names, kMaxCopiedNames);
    EXPECT_TRUE(find(text, kMessages - 1)->arguments[0].names.empty());
}

TEST(TmfReader, ReadsEveryPartOfAMessage) {
    const TmfText text = read(kDriver);
    EXPECT_TRUE(text.skipped.empty());
    EXPECT_EQ(text.messages.formats().size(), 3u);
    const MessageFormat* const m = find(text, 10);
    ASSERT_NE(m, nullptr);
    EXPECT_EQ(m->component, "tracedrv");
    EXPECT_EQ(m->source, "tracedrv.c");
    EXPECT_EQ(m->major, "Samples");
    EXPECT_EQ(m->minor, "Driver");
    EXPECT_EQ(m->name, "tracedrv_c258");
    EXPECT_EQ(m->text, "%0IOCTL = %10!d! \"%11!s!\"");
    EXPECT_EQ(m->level, "TRACE_LEVEL_INFO");
    EXPECT_EQ(m->flags, "FLAG_ONE | FLAG_TWO");
    EXPECT_EQ(m->function, "TracedrvDispatch");
    ASSERT_EQ(m->arguments.size(), 2u);
    EXPECT_EQ(m->arguments[0], (Argument{"ioctlCount", "ItemLong", "", {}, 10}));
    EXPECT_EQ(m->arguments[1], (Argument{"Name(a, b)", "ItemString", "", {}, 11}));
}

TEST(TmfReader, ReadsTheOldDirectiveAndMessagesWithoutTrailingKeysOrBlock) {
    const TmfText text = read(kDriver);
    const MessageFormat* const old = find(text, 11);
    ASSERT_NE(old, nullptr);
    EXPECT_EQ(old->text, "%0Done");
    EXPECT_EQ(old->level, "");
    const auto* other = text.messages.find(*parse_guid("1f4c5d00-1111-2222-3333-444455556666"), 10);
    ASSERT_NE(other, nullptr);
    EXPECT_EQ(other->component, "other");
    EXPECT_EQ(other->source, "");
    EXPECT_EQ(other->text, "%0%%");
}

TEST(TmfReader, ReadsListsSetsAndEnumerations) {
    const TmfText text = read_message(
        "#typev a_c1 10 \"%0\"\n{\n"
        "x, ItemListByte(Low, APC,DPC) -- 10\n"
        "(unsigned)0x5, ItemSetLong(a,b,c) -- 11\n"
        "s, ItemEnum(_STATE) -- 12\n"
        "f, ItemFlagsEnum(_FLAGS) -- 13\n"
        "}\n"
        "#enumv _STATE\n{\nIdle,0x0\nBusy,7\nBad,-1\n}\n"
        "#enumv _FLAGS\n{\nRead,0x1\nWrite,0xA0\n}\n");
    EXPECT_TRUE(text.skipped.empty());
    const MessageFormat* const m = find(text, 10);
    ASSERT_NE(m, nullptr);
    ASSERT_EQ(m->arguments.size(), 4u);
    EXPECT_THAT(m->arguments[0].names,
                ElementsAre(NamedValue{0, "Low"}, NamedValue{1, "APC"}, NamedValue{2, "DPC"}));
    EXPECT_THAT(m->arguments[1].names,
                ElementsAre(NamedValue{1, "a"}, NamedValue{2, "b"}, NamedValue{4, "c"}));
    EXPECT_EQ(m->arguments[2].enumeration, "_STATE");
    EXPECT_THAT(m->arguments[2].names, ElementsAre(NamedValue{0, "Idle"}, NamedValue{7, "Busy"},
                                                   NamedValue{UINT64_MAX, "Bad"}));
    EXPECT_THAT(m->arguments[3].names,
                ElementsAre(NamedValue{1, "Read"}, NamedValue{0xA0, "Write"}));
}

// As the texts of Windows' driver framework have them.
TEST(TmfReader, NamesInAListMaySayTheirValues) {
    const TmfText text = read_message(
        "#typev a_c1 10 \"%0\"\n{\n"
        "x, ItemListLong(Unspecified=0x0,Insert, Clone = 4,Last,Odd=b) -- 10\n"
        "y, ItemSetLong(a=1,b,c=70,d) -- 11\n"
        "}\n");
    EXPECT_TRUE(text.skipped.empty());
    const MessageFormat* const m = find(text, 10);
    ASSERT_NE(m, nullptr);
    ASSERT_EQ(m->arguments.size(), 2u);
    EXPECT_THAT(m->arguments[0].names,
                ElementsAre(NamedValue{0, "Unspecified"}, NamedValue{1, "Insert"},
                            NamedValue{4, "Clone"}, NamedValue{5, "Last"}, NamedValue{6, "Odd=b"}));
    EXPECT_THAT(m->arguments[1].names, ElementsAre(NamedValue{2, "a"}, NamedValue{4, "b"}));
}

TEST(TmfReader, TakesExpressionsAsTheyAre) {
    const TmfText text = read_message(
        "#typev a_c1 10 \"%0\"\n{\n"
        "a -- b, ItemLong -- 10\n"
        "2 /*DPC*/, ItemChar -- 11\n"
        ", ItemPtr -- 12\n"
        "old, ItemShort // 13\n"
        "none, ItemUShort\n"
        "}\n");
    EXPECT_TRUE(text.skipped.empty());
    const auto& a = find(text, 10)->arguments;
    ASSERT_EQ(a.size(), 5u);
    EXPECT_EQ(a[0].expression, "a -- b");
    EXPECT_EQ(a[1].expression, "2 /*DPC*/");
    EXPECT_EQ(a[2].expression, "");
    EXPECT_EQ(a[3].index, 13);
    EXPECT_EQ(a[4].index, 14);
}

TEST(TmfReader, KeepsAnUrlInTheTextApartFromTheComment) {
    const TmfText text = read_message("#typev a_c1 10 \"%0see \"http://x\"\" // LEVEL=L\n");
    ASSERT_NE(find(text, 10), nullptr);
    EXPECT_EQ(find(text, 10)->text, "%0see \"http://x\"");
    EXPECT_EQ(find(text, 10)->level, "L");
}

struct BadText {
    const char* lines;
    size_t line;  // the first that is skipped
    const char* reason;
};
void PrintTo(const BadText& bad, std::ostream* out) { *out << bad.reason; }

class TmfDamage : public ::testing::TestWithParam<BadText> {};

TEST_P(TmfDamage, IsNamedAndTheNextMessageIsRead) {
    const TmfText text =
        read_message(std::string(GetParam().lines) + "\n#typev good_c1 99 \"%0\"\n");
    ASSERT_FALSE(text.skipped.empty());
    EXPECT_EQ(text.skipped[0].line, GetParam().line);
    EXPECT_STREQ(text.skipped[0].reason, GetParam().reason);
    ASSERT_NE(find(text, 99), nullptr);
}

INSTANTIATE_TEST_SUITE_P(
    Lines, TmfDamage,
    ::testing::Values(
        BadText{"hello", 2, "neither a message GUID nor a message"},
        BadText{"#pragma once", 2, "unknown directive"},
        BadText{"#typev a_c1 \"%0\"\n{\nx, ItemLong -- 10\n}", 2, "message without a number"},
        BadText{"#typev a_c1 70000 \"%0\"", 2, "message without a number"},
        BadText{"#typev a_c1 10 \"%0", 2, "text without a closing quote"},
        BadText{"#typev a_c1 10 %0", 2, "text without quotes"},
        BadText{"#typev a_c1 10 \"%0\"\n{\nnonsense\n}", 4, "argument without a type"},
        BadText{"#typev a_c1 10 \"%0\"\n{\nx, ItemLong -- 10", 5, "the block before has no }"},
        BadText{"#enumv E\n{\nx\n}", 4, "name without a value"}));

TEST(TmfReader, NeedsAMessageGuid) {
    const TmfText text = read("#typev a_c1 10 \"%0\"\n{\nx, ItemLong -- 10\n}\n");
    EXPECT_TRUE(text.messages.empty());
    ASSERT_EQ(text.skipped.size(), 1u);
    EXPECT_STREQ(text.skipped[0].reason, "message without a message GUID before it");
}

TEST(TmfReader, NamesABlockThatTheFileCutsOff) {
    const TmfText text = read_message("#typev a_c1 10 \"%0\"\n{\nx, ItemLong -- 10\n");
    ASSERT_NE(find(text, 10), nullptr);
    EXPECT_EQ(find(text, 10)->arguments.size(), 1u);
    ASSERT_EQ(text.skipped.size(), 1u);
    EXPECT_STREQ(text.skipped[0].reason, "the last block has no }");
}

TEST(TmfReader, KnowsTheEncodingsThatWindowsToolsWrite) {
    const std::string utf8 = std::string(kGuid) + " x\n#typev a_c1 10 \"%0\u00fc\u20ac\"\n";
    EXPECT_EQ(find(read(utf8), 10)->text, "%0\u00fc\u20ac");
    EXPECT_EQ(find(read("\xEF\xBB\xBF" + utf8), 10)->text, "%0\u00fc\u20ac");
    const std::string ansi = std::string(kGuid) + " x\n#typev a_c1 10 \"%0\xFC\x80\"\n";
    EXPECT_EQ(find(read(ansi), 10)->text, "%0\u00fc\u20ac");
    std::string little = "\xFF\xFE", big = "\xFE\xFF";
    for (const char16_t unit : to_utf16(utf8)) {
        little += {char(unit & 0xFF), char(unit >> 8)};
        big += {char(unit >> 8), char(unit & 0xFF)};
    }
    EXPECT_EQ(find(read(little), 10)->text, "%0\u00fc\u20ac");
    EXPECT_EQ(find(read(big), 10)->text, "%0\u00fc\u20ac");
}

TEST(TmfReader, BoundsWhatAnEnumerationGrowsTo) {
    std::string lines = "#enumv E\n{\n";
    for (int i = 0; i < 40'000; ++i)
        lines += "n" + std::to_string(i) + "," + std::to_string(i) + "\n";
    lines += "}\n#typev a_c1 10 \"%0\"\n{\n";
    for (int i = 0; i < 1000; ++i) lines += "x, ItemEnum(E)\n";
    lines += "}\n";
    size_t bytes = 0;
    const TmfText text = read_message(lines);
    for (const Argument& a : find(text, 10)->arguments) bytes += size_of(a.names);
    EXPECT_GT(bytes, 0u);
    EXPECT_LE(bytes, kMaxCopiedNames);
}

// --- writing -----------------------------------------------------------------------------------

MessageSet sample() {
    MessageSet set;
    MessageFormat m;
    m.guid = *parse_guid(kGuid);
    m.number = 10;
    m.component = "tracedrv";
    m.source = "tracedrv.c";
    m.name = "tracedrv_c258";
    m.text = "%0IOCTL = %10!d! \"%11!s!\" %12!s!";
    m.level = "INFO";
    m.function = "Dispatch";
    m.arguments = {{"count", "ItemLong", "", {}, 10},
                   {"f(a, b)", "ItemSetByte", "", {{1, "a"}, {2, "b"}}, 11},
                   {"s", "ItemEnum", "_STATE", {{0, "Idle"}, {16, "Busy"}}, 12}};
    set.add(m);
    m.number = 11;
    m.flags = "FLAG_ONE";
    m.arguments.clear();
    set.add(m);
    m.guid.data1 = 1;
    set.add(m);
    return set;
}

const Origin kOrigin{"tracedrv.pdb", 132'223'104'000'000'000, "tracepdb"};

TEST(TmfWriter, WritesWhatTheToolsOfWindowsWrite) {
    const Guid guid = *parse_guid(kGuid);
    EXPECT_EQ(tmf_text(kOrigin, sample(), &guid),
              "// PDB:  tracedrv.pdb\n"
              "// PDB:  Last Updated :2020-01-01:00:00:00:000 (UTC) [tracepdb]\n"
              "9f4c5d00-1111-2222-3333-444455556666 tracedrv // SRC=tracedrv.c MJ= MN=\n"
              "#typev tracedrv_c258 10 \"%0IOCTL = %10!d! \"%11!s!\" %12!s!\" //   LEVEL=INFO "
              "FUNC=Dispatch\n"
              "{\n"
              "count, ItemLong -- 10\n"
              "f(a, b), ItemSetByte(a,b) -- 11\n"
              "s, ItemEnum(_STATE) -- 12\n"
              "}\n"
              "#typev tracedrv_c258 11 \"%0IOCTL = %10!d! \"%11!s!\" %12!s!\" //   LEVEL=INFO "
              "FLAGS=FLAG_ONE FUNC=Dispatch\n"
              "{\n"
              "}\n"
              "#enumv _STATE\n"
              "{\n"
              "Idle,0x0\n"
              "Busy,0x10\n"
              "}\n");
}

TEST(TmfWriter, IsReadBackAsItWas) {
    const MessageSet set = sample();
    const TmfText text = read(tmf_text(kOrigin, set));
    EXPECT_TRUE(text.skipped.empty());
    EXPECT_EQ(text.messages.formats(), set.formats());
}

TEST(TmfWriter, KeepsALineALine) {
    MessageSet set;
    MessageFormat m = sample().formats().begin()->second;
    m.text = "a\nb\r\nc";
    m.component = "x\n#typev evil 10";
    set.add(m);
    const TmfText text = read(tmf_text(kOrigin, set));
    EXPECT_EQ(text.messages.formats().size(), 1u);
    EXPECT_EQ(text.messages.formats().begin()->second.text, "a b  c");
}

const ControlGuid kControl{Guid{0xd58c126f, 0xb309, 0x11d1, {}}, "Trace\"Drv", {"ONE", "TWO"}};

TEST(TmcWriter, NamesTheControlGuidAndItsFlags) {
    EXPECT_EQ(tmc_text(kOrigin, kControl),
              "// PDB:  tracedrv.pdb\n"
              "// PDB:  Last Updated :2020-01-01:00:00:00:000 (UTC) [tracepdb]\n"
              "d58c126f-b309-11d1-0000-000000000000 Trace\"Drv\n"
              "ONE\n"
              "TWO\n");
}

TEST(MofWriter, HasAClassForEachControlGuid) {
    const ControlGuid controls[] = {kControl, {Guid{7}, "7 bits", {}}};
    const std::string text = mof_text(kOrigin, controls);
    EXPECT_THAT(text, ::testing::HasSubstr("guid(\"{d58c126f-b309-11d1-0000-000000000000}\")"));
    EXPECT_THAT(text, ::testing::HasSubstr("Description(\"Trace\\\"Drv\")"));
    EXPECT_THAT(text, ::testing::HasSubstr("class Trace_Drv : EventTrace\n{"));
    EXPECT_THAT(text, ::testing::HasSubstr("     ValueMap{\n         \"0x00000001\",\n         "
                                           "\"0x00000002\"\n     }]\n    uint32 Flags;\n"));
    EXPECT_THAT(text, ::testing::HasSubstr("class _7_bits : EventTrace\n{"));
    EXPECT_THAT(text, ::testing::HasSubstr("    uint32 Level;\n};\n"));
}

TEST(MofWriter, IsThereWithoutControlGuidsToo) {
    EXPECT_THAT(mof_text(kOrigin, {}), ::testing::StartsWith("// PDB:  tracedrv.pdb\n"));
}

}  // namespace
}  // namespace etw::tmf
