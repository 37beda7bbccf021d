// Trace messages: records of the message header, described by TMF.
#include "base/byte_writer.h"
#include "base/utf16.h"
#include "decode/catalog_impl.h"
#include "etw/decoder.h"
#include "support/temp_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <thread>

namespace etw::decode {
namespace {

using ::testing::ElementsAre;
using Kind = MessagePart::Kind;

const Guid kGuid = *parse_guid("9f4c5d00-1111-2222-3333-444455556666");

class Messages : public ::testing::Test {
protected:
    // A TMF file of kGuid.
    std::string write_tmf(const std::string& lines, const std::string& name = "any.tmf") {
        return folder_.write(name, to_string(kGuid) + " comp // SRC=main.c MJ= MN=sub\n" + lines);
    }

    etl::Record record(uint16_t number, const ByteWriter& payload = {}, bool is_64_bit = true) {
        payload_.assign(payload.bytes().begin(), payload.bytes().end());
        etl::Record out;
        out.type = wire::HeaderType::kMessage;
        out.is_64_bit = is_64_bit;
        out.provider = kGuid;
        out.descriptor.id = number;
        out.payload = payload_;
        return out;
    }

    // Decodes message 10 of a TMF with one message that has this text and block.
    const Event& decode(const std::string& text, const std::string& arguments,
                        const ByteWriter& payload, bool is_64_bit = true) {
        auto catalog = std::make_shared<Catalog>();
        EXPECT_TRUE(catalog->add_tmf_file(write_tmf("#typev main_c120 10 \"" + text +
                                                    "\" //   LEVEL=INFO FLAGS=ONE FUNC=run\n{\n" +
                                                    arguments + "}\n")));
        decoder_.emplace(catalog);
        decoder_->decode(record(10, payload, is_64_bit), event_);
        return event_;
    }

    etw::test::TempFolder folder_;
    std::vector<std::byte> payload_;
    std::optional<Decoder> decoder_;
    Event event_;
};

struct Part {
    Kind kind;
    uint16_t value;
    std::string text;
    friend bool operator==(const Part&, const Part&) = default;
};
void PrintTo(const Part& part, std::ostream* out) {
    *out << int(part.kind) << ' ' << part.value << ' ' << part.text;
}
std::vector<Part> parts(const Event& event) {
    std::vector<Part> out;
    for (const MessagePart& p : event.message->parts) {
        out.push_back({p.kind, p.value, std::string(p.text)});
    }
    return out;
}
Part text(std::string t) { return {Kind::kText, 0, std::move(t)}; }
Part value(uint16_t n, std::string conversion) { return {Kind::kValue, n, std::move(conversion)}; }

ByteWriter longs(std::initializer_list<uint32_t> values) {
    ByteWriter out;
    for (const uint32_t v : values) out.write(v);
    return out;
}

TEST_F(Messages, HaveNamesAndATextWithConvertedValues) {
    const Event& e = decode("%0IOCTL = %10!d!, %11!04X! %10!I64u!.",
                            "count, ItemLong -- 10\n"
                            "code, ItemLong -- 11\n",
                            longs({7, 0xBEEF}));
    EXPECT_EQ(e.outcome, Outcome::kDecoded);
    EXPECT_EQ(e.provider, "comp");
    EXPECT_EQ(e.name, "main_c120");
    ASSERT_NE(e.message, nullptr);
    EXPECT_EQ(e.message->component, "comp");
    EXPECT_EQ(e.message->source, "main_c120");
    EXPECT_EQ(e.message->function, "run");
    EXPECT_EQ(e.message->level, "INFO");
    EXPECT_EQ(e.message->flags, "ONE");
    EXPECT_EQ(e.message->subcomponent, "sub");
    EXPECT_THAT(parts(e), ElementsAre(text("IOCTL = "), value(0, "d"), text(", "), value(1, "04X"),
                                      text(" "), value(0, "I64u"), text(".")));
    ASSERT_EQ(e.items.size(), 2u);
    EXPECT_EQ(e.items[0].field->name, "count");
    EXPECT_EQ(e.items[1].field->format, Format::kHex);  // as the text shows it
    EXPECT_EQ(e.items[1].bytes.size(), 4u);
}

TEST_F(Messages, TextsMayNameWhereTheyCameFrom) {
    const Event& e =
        decode("%0%!FUNC! %!LEVEL!%!FLAGS!%!COMPNAME!%!SUBCOMP!|%!FILE!:%!LINE!|%1 %2", "", {});
    EXPECT_THAT(parts(e),
                ElementsAre(Part{Kind::kFunction, 0, ""}, text(" "), Part{Kind::kLevel, 0, ""},
                            Part{Kind::kFlags, 0, ""}, Part{Kind::kComponent, 0, ""},
                            Part{Kind::kSubcomponent, 0, ""}, text("|main.c:120|"),
                            Part{Kind::kComponent, 0, ""}, text(" main_c120")));
}

// %!TID! and its like: WPP writes the prefix's variables in their place.
TEST_F(Messages, TextsMayHaveNumbersOfTheHeader) {
    EXPECT_THAT(parts(decode("%0%3!x! %8!04X!%9|%4!s!%7", "", {})),
                ElementsAre(Part{Kind::kHeader, 3, "x"}, text(" "), Part{Kind::kHeader, 8, "04X"},
                            Part{Kind::kHeader, 9, ""}, text("|"), Part{Kind::kHeader, 7, ""}));
}

TEST_F(Messages, EscapesAreWhatTheyStandFor) {
    EXPECT_THAT(parts(decode("%0100%% a%nb%n%r", "", {})), ElementsAre(text("100% a b")));
    EXPECT_THAT(parts(decode("%0%n%10!d!%n", "x, ItemLong -- 10\n", longs({1}))),
                ElementsAre(text(" "), value(0, "d")));
    // What is none of the language stays as it is.
    EXPECT_THAT(parts(decode("%0 %q %!OTHER! %", "", {})), ElementsAre(text(" %q %!OTHER! %")));
    EXPECT_THAT(parts(decode("%0%10 %10!d", "x, ItemLong -- 10\n", longs({1}))),
                ElementsAre(value(0, ""), text(" "), value(0, ""), text("!d")));
}

TEST_F(Messages, AnInsertWithoutAnArgumentHasNoValue) {
    const Event& e = decode("%0%23!s!", "x, ItemLong -- 10\n", longs({1}));
    EXPECT_THAT(parts(e), ElementsAre(value(13, "s")));
}

TEST_F(Messages, PayloadsFollowTheIndexesOfTheArguments) {
    const Event& e =
        decode("%0%11!d! %10!s!", "second, ItemLong -- 11\nfirst, ItemString -- 10\n", [] {
            ByteWriter out;
            out.append_text(std::string_view("ab\0", 3));
            out.write(uint32_t{5});
            return out;
        }());
    EXPECT_EQ(e.outcome, Outcome::kDecoded);
    ASSERT_EQ(e.items.size(), 2u);
    EXPECT_EQ(e.items[0].field->name, "first");
    EXPECT_THAT(parts(e), ElementsAre(value(1, "d"), text(" "), value(0, "s")));
}

struct ItemCase {
    const char* type;
    size_t payload;  // bytes of the item in a 64-bit record
    size_t value;    // of them, what the item's view has
    Format format;
};
void PrintTo(const ItemCase& c, std::ostream* out) { *out << c.type; }

class MessageItems : public Messages, public ::testing::WithParamInterface<ItemCase> {};

TEST_P(MessageItems, TakeTheBytesThatTheyHave) {
    const ItemCase& c = GetParam();
    ByteWriter payload;
    // A length of 3, the header of a SID with no authorities, letters and a NUL: each type takes
    // of this what it needs.
    std::vector<std::byte> bytes(c.payload, std::byte{'a'});
    const std::string type = c.type;
    if (type.ends_with("PString") || type.ends_with("Dump") || type.ends_with("DUMP")) {
        bytes[0] = std::byte{3};
        bytes[1] = std::byte{0};
    }
    if (type == "ItemPWString") bytes[0] = std::byte{4}, bytes[1] = std::byte{0};
    if (type == "ItemSid") bytes[1] = std::byte{1};
    if (type.ends_with("String") && type.find('P') == type.npos) bytes.back() = std::byte{0};
    if (type.ends_with("WString") && type.find('P') == type.npos) {
        bytes[bytes.size() - 2] = std::byte{0};
    }
    payload.append(bytes);
    payload.write(uint32_t{7});
    const Event& e = decode("%0", "x, " + type + " -- 10\ny, ItemLong -- 11\n", payload);
    EXPECT_EQ(e.outcome, Outcome::kDecoded) << e.reason;
    ASSERT_EQ(e.items.size(), 2u);
    EXPECT_EQ(e.items[0].bytes.size(), c.value);
    EXPECT_EQ(e.items[0].field->format, c.format);
    EXPECT_EQ(e.items[1].bytes.size(), 4u);
}

INSTANTIATE_TEST_SUITE_P(
    All, MessageItems,
    ::testing::Values(
        ItemCase{"ItemChar", 1, 1, Format::kSigned}, ItemCase{"ItemUChar", 1, 1, Format::kUnsigned},
        ItemCase{"ItemShort", 2, 2, Format::kSigned},
        ItemCase{"ItemUShort", 2, 2, Format::kUnsigned},
        ItemCase{"ItemLong", 4, 4, Format::kSigned}, ItemCase{"ItemULong", 4, 4, Format::kUnsigned},
        ItemCase{"ItemULongX", 4, 4, Format::kHex}, ItemCase{"ItemLongLong", 8, 8, Format::kSigned},
        ItemCase{"ItemULongLong", 8, 8, Format::kUnsigned},
        ItemCase{"ItemLongLongX", 8, 8, Format::kHex},
        ItemCase{"ItemLongLongXX", 8, 8, Format::kHex},
        ItemCase{"ItemLongLongO", 8, 8, Format::kUnsigned},
        ItemCase{"ItemFloat", 4, 4, Format::kFloat}, ItemCase{"ItemDouble", 8, 8, Format::kFloat},
        ItemCase{"ItemPtr", 8, 8, Format::kHex}, ItemCase{"ItemString", 6, 5, Format::kUtf8},
        ItemCase{"ItemRString", 6, 5, Format::kUtf8}, ItemCase{"ItemMLString", 6, 5, Format::kUtf8},
        ItemCase{"ItemPString", 5, 3, Format::kUtf8}, ItemCase{"ItemWString", 6, 4, Format::kUtf16},
        ItemCase{"ItemRWString", 6, 4, Format::kUtf16},
        ItemCase{"ItemPWString", 6, 4, Format::kUtf16}, ItemCase{"ItemChar4", 4, 4, Format::kUtf8},
        ItemCase{"ItemHexDump", 5, 3, Format::kBinary},
        ItemCase{"ItemHEXDump", 5, 3, Format::kBinary}, ItemCase{"ItemGuid", 16, 16, Format::kGuid},
        ItemCase{"ItemCLSID", 16, 16, Format::kGuid}, ItemCase{"ItemIID", 16, 16, Format::kGuid},
        ItemCase{"ItemLIBID", 16, 16, Format::kGuid}, ItemCase{"ItemSid", 12, 12, Format::kSid},
        ItemCase{"ItemNTSTATUS", 4, 4, Format::kStatus},
        ItemCase{"ItemNTerror", 4, 4, Format::kStatus},
        ItemCase{"ItemHRESULT", 4, 4, Format::kStatus},
        ItemCase{"ItemNDIS_STATUS", 4, 4, Format::kHex},
        ItemCase{"ItemNDIS_OID", 4, 4, Format::kHex},
        ItemCase{"ItemWINERROR", 4, 4, Format::kWin32Error},
        ItemCase{"ItemERRNO", 4, 4, Format::kErrno}, ItemCase{"ItemIPAddr", 4, 4, Format::kIpv4},
        ItemCase{"ItemIPV6Addr", 16, 16, Format::kIpv6}, ItemCase{"ItemPort", 2, 2, Format::kPort},
        ItemCase{"ItemMACAddr", 6, 6, Format::kMacAddress},
        ItemCase{"ItemTimestamp", 8, 8, Format::kFileTime},
        ItemCase{"ItemWaitTime", 8, 8, Format::kFileTime},
        ItemCase{"ItemTimeDelta", 8, 8, Format::kTimeSpan},
        ItemCase{"ItemListByte(a,b)", 1, 1, Format::kUnsigned},
        ItemCase{"ItemListShort(a,b)", 2, 2, Format::kUnsigned},
        ItemCase{"ItemListLong(a,b)", 4, 4, Format::kUnsigned},
        ItemCase{"ItemSetByte(a,b)", 1, 1, Format::kHex},
        ItemCase{"ItemSetShort(a,b)", 2, 2, Format::kHex},
        ItemCase{"ItemSetLong(a,b)", 4, 4, Format::kHex},
        ItemCase{"ItemEnum(E)", 4, 4, Format::kHex},
        ItemCase{"ItemFlagsEnum(E)", 4, 4, Format::kHex}));

TEST_F(Messages, PointersAreAsWideAsTheRecordSays) {
    const Event& e = decode("%0", "p, ItemPtr -- 10\nx, ItemLong -- 11\n", longs({1, 2}), false);
    EXPECT_EQ(e.outcome, Outcome::kDecoded);
    EXPECT_EQ(e.items[0].bytes.size(), 4u);
}

TEST_F(Messages, ATextToTheEndTakesTheRest) {
    const Event& e = decode("%0", "x, ItemNWString -- 10\n", longs({0x00610062, 0x00630064}));
    EXPECT_EQ(e.outcome, Outcome::kDecoded);
    EXPECT_EQ(e.items[0].bytes.size(), 8u);
    EXPECT_EQ(e.items[0].field->format, Format::kUtf16);
}

TEST_F(Messages, ObjectIdentifiersAndStatusCodesOfNdisHaveNames) {
    const Event& e = decode("%0", "oid, ItemNDIS_OID -- 10\ns, ItemNDIS_STATUS -- 11\n",
                            longs({0x00010101, 0x4001000B}));
    EXPECT_EQ(e.outcome, Outcome::kDecoded);
    ASSERT_EQ(e.items.size(), 2u);
    const std::pair<uint64_t, std::string> names[] = {{0x00010101, "OID_GEN_SUPPORTED_LIST"},
                                                      {0x4001000B, "NDIS_STATUS_MEDIA_CONNECT"}};
    for (size_t i = 0; i < 2; ++i) {
        const ValueMap& map = *e.items[i].field->map;
        EXPECT_FALSE(map.bits);
        EXPECT_EQ(map.show, ValueMap::Show::kNumberFirst);
        EXPECT_THAT(map.names, testing::Contains(names[i]));
    }
}

TEST_F(Messages, ListsSetsAndEnumerationsGiveNames) {
    const std::string block =
        "a, ItemListLong(no,yes) -- 10\nb, ItemSetLong(r,w,x) -- 11\n"
        "c, ItemEnum(S) -- 12\nd, ItemFlagsEnum(F) -- 13\n}\n"
        "#enumv S\n{\nIdle,0\nBad,-1\nAlso,0\n}\n#enumv F\n{\nRead,0x1\n";
    const Event& e = decode("%0", block, longs({1, 5, 0, 1}));
    EXPECT_EQ(e.outcome, Outcome::kDecoded);
    ASSERT_EQ(e.items.size(), 4u);
    using Show = ValueMap::Show;
    const auto map = [&](size_t i) { return *e.items[i].field->map; };
    EXPECT_EQ(map(0).names[1], std::pair(uint64_t{1}, std::string("yes")));
    EXPECT_FALSE(map(0).bits);
    EXPECT_EQ(map(0).show, Show::kNumberFirst);
    EXPECT_EQ(map(1).names[2], std::pair(uint64_t{4}, std::string("x")));
    EXPECT_TRUE(map(1).bits);
    EXPECT_EQ(map(1).show, Show::kBrackets);
    EXPECT_THAT(map(2).names, ElementsAre(std::pair(uint64_t{0}, std::string("Idle")),
                                          std::pair(uint64_t{UINT32_MAX}, std::string("Bad"))));
    EXPECT_EQ(map(2).show, Show::kName);
    EXPECT_TRUE(map(3).bits);
    EXPECT_EQ(map(3).show, Show::kNumberLast);
}

TEST_F(Messages, FieldsHaveNamesOfTheirOwn) {
    const Event& e =
        decode("%0", "x, ItemLong -- 10\nx, ItemLong -- 11\n, ItemLong -- 12\n", longs({1, 2, 3}));
    ASSERT_EQ(e.items.size(), 3u);
    EXPECT_EQ(e.items[1].field->name, "x#2");
    EXPECT_EQ(e.items[2].field->name, "12");
}

TEST_F(Messages, APayloadThatEndsEarlyGivesWhatItHas) {
    const Event& e =
        decode("%0%10!d! %11!d!", "x, ItemLong -- 10\ny, ItemLongLong -- 11\n", longs({1, 2}));
    EXPECT_EQ(e.outcome, Outcome::kMalformed);
    EXPECT_EQ(e.items.size(), 1u);
    EXPECT_EQ(e.rest.size(), 4u);
    EXPECT_NE(e.message, nullptr);
}

TEST_F(Messages, AnItemThatNobodyKnowsIsNamedAndItsBytesAreKept) {
    const Event& e =
        decode("%0%10!d! %11!s!", "x, ItemLong -- 10\ny, ItemMystery -- 11\n", longs({1, 2}));
    EXPECT_EQ(e.outcome, Outcome::kMalformed);
    EXPECT_STREQ(e.reason, "unknown item type ItemMystery");
    EXPECT_EQ(e.items.size(), 1u);
    EXPECT_EQ(e.rest.size(), 4u);
}

// --- where formats come from --------------------------------------------------------------------

constexpr const char* kPlain = "#typev main_c1 10 \"%0";

TEST_F(Messages, AreFoundInAFolderByTheirGuid) {
    write_tmf(std::string(kPlain) + "found\"\n", to_string(kGuid) + ".tmf");
    auto catalog = std::make_shared<Catalog>();
    catalog->add_tmf_folder(folder_.path());
    Decoder decoder(catalog);
    decoder.decode(record(10), event_);
    EXPECT_EQ(event_.outcome, Outcome::kDecoded);
    EXPECT_THAT(parts(event_), ElementsAre(text("found")));
}

TEST_F(Messages, AreFoundUnderAGuidInCapitals) {
    std::string name = to_string(kGuid);
    for (char& c : name) c = char(std::toupper(c));
    write_tmf(std::string(kPlain) + "found\"\n", name + ".tmf");
    auto catalog = std::make_shared<Catalog>();
    catalog->add_tmf_folder(folder_.path());
    Decoder decoder(catalog);
    decoder.decode(record(10), event_);
    EXPECT_EQ(event_.outcome, Outcome::kDecoded);
}

TEST_F(Messages, TheSourceThatWasNamedFirstCounts) {
    write_tmf(std::string(kPlain) + "folder\"\n#typev main_c2 11 \"%0other\"\n",
              to_string(kGuid) + ".tmf");
    const std::string file = write_tmf(std::string(kPlain) + "file\"\n");
    for (const bool file_first : {true, false}) {
        auto catalog = std::make_shared<Catalog>();
        if (!file_first) catalog->add_tmf_folder(folder_.path());
        EXPECT_TRUE(catalog->add_tmf_file(file));
        if (file_first) catalog->add_tmf_folder(folder_.path());
        Decoder decoder(catalog);
        decoder.decode(record(10), event_);
        EXPECT_THAT(parts(event_), ElementsAre(text(file_first ? "file" : "folder")));
        decoder.decode(record(11), event_);
        EXPECT_THAT(parts(event_), ElementsAre(text("other")));
    }
}

TEST_F(Messages, WhatIsMissingIsSaidWithWhereItWasLookedFor) {
    auto catalog = std::make_shared<Catalog>();
    catalog->add_tmf_folder("/no/such");
    catalog->add_tmf_folder(folder_.path());
    Decoder decoder(catalog);
    for (int i = 0; i < 2; ++i) {  // the second time from what was learnt
        decoder.decode(record(10, longs({1})), event_);
        EXPECT_EQ(event_.outcome, Outcome::kUnknown);
        EXPECT_EQ(event_.reason, "no " + to_string(kGuid) + ".tmf in /no/such, " + folder_.path());
        EXPECT_EQ(event_.rest.size(), 4u);
        EXPECT_EQ(event_.name, "");
        EXPECT_EQ(event_.message, nullptr);
    }
    write_tmf(std::string(kPlain) + "x\"\n", to_string(kGuid) + ".tmf");
    catalog = std::make_shared<Catalog>();
    catalog->add_tmf_folder(folder_.path());
    Decoder other(catalog);
    other.decode(record(77), event_);
    EXPECT_EQ(event_.reason, folder_ / (to_string(kGuid) + ".tmf") + " has no message 77");
}

TEST_F(Messages, WithoutACatalogAreUnknown) {
    Decoder decoder;
    decoder.decode(record(10), event_);
    EXPECT_EQ(event_.outcome, Outcome::kUnknown);
    EXPECT_STREQ(event_.reason, "no trace message formats were named");
}

TEST_F(Messages, AFileSaysHowManyItHasAndWhatItHadToLeaveOut) {
    Catalog catalog;
    const auto read = catalog.add_tmf_file(write_tmf(std::string(kPlain) + "x\"\nnonsense\n"));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->messages, 1u);
    ASSERT_EQ(read->skipped.size(), 1u);
    EXPECT_EQ(read->skipped[0].line, 3u);
    EXPECT_EQ(catalog.add_tmf_file(folder_ / "none").error().code, Code::kFileNotFound);
    EXPECT_EQ(catalog.add_message_binary(folder_.write("x.txt", "text")).error().code,
              Code::kNotSupported);
}

TEST_F(Messages, ClassicEventsHaveFormatsByTheirType) {
    auto catalog = std::make_shared<Catalog>();
    EXPECT_TRUE(catalog->add_tmf_file(write_tmf("#type Start 1 \"%0began\"\n")));
    Decoder decoder(catalog);
    etl::Record classic = record(0);
    classic.type = wire::HeaderType::kFull64;
    classic.descriptor.opcode = 1;
    decoder.decode(classic, event_);
    EXPECT_EQ(event_.name, "Start");
    classic.descriptor.opcode = 2;
    decoder.decode(classic, event_);
    EXPECT_EQ(event_.outcome, Outcome::kUnknown);
    EXPECT_STREQ(event_.reason, "No Format Information found");
}

TEST_F(Messages, AreTheSameForAnyNumberOfThreads) {
    write_tmf(std::string(kPlain) + "%10!d!\"\n{\nx, ItemLong -- 10\n}\n",
              to_string(kGuid) + ".tmf");
    auto catalog = std::make_shared<Catalog>();
    catalog->add_tmf_folder(folder_.path());
    const etl::Record one = record(10, longs({1}));
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            Decoder decoder(catalog);
            Event event;
            for (uint16_t i = 0; i < 2000; ++i) {
                etl::Record r = one;
                r.descriptor.id = i % 2 == 0 ? 10 : i;
                r.provider.data1 += i % 3 == 0 ? 0 : i;
                decoder.decode(r, event);
                const bool known = r.descriptor.id == 10 && r.provider == kGuid;
                EXPECT_EQ(event.outcome, known ? Outcome::kDecoded : Outcome::kUnknown);
            }
        });
    }
}

}  // namespace
}  // namespace etw::decode
