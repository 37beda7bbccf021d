// Manifests in XML, from their text to the fields of an event.
#include "etw/decoder.h"
#include "event_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace etw::decode {
namespace {

using test::ByteVector;

Bytes as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

// A manifest of one provider, test::kProvider, around what the test is about.
std::string manifest(std::string_view inside, std::string_view strings = "") {
    return "<instrumentationManifest xmlns=\"http://schemas.microsoft.com/win/2004/08/events\">"
           "<instrumentation><events><provider name=\"Test-Provider\" symbol=\"P\" "
           "guid=\"{11223344-5566-7788-0102-030405060708}\">" +
           std::string(inside) +
           "</provider></events></instrumentation><localization><resources culture=\"de-DE\">"
           "<stringTable><string id=\"T\" value=\"Aufgabe\"/></stringTable></resources>"
           "<resources culture=\"en-US\"><stringTable>" +
           std::string(strings) +
           "</stringTable></resources></localization></instrumentationManifest>";
}

class Manifest : public testing::Test {
protected:
    void add(std::string_view inside, std::string_view strings = "") {
        const auto added = catalog_->add_manifest(as_bytes(manifest(inside, strings)));
        ASSERT_TRUE(added) << added.error().what;
    }
    const Event& decode(uint16_t id, const ByteWriter& payload, uint8_t version = 0,
                        bool is_64_bit = true) {
        if (!decoder_) decoder_.emplace(catalog_);
        payload_.assign(payload.bytes().begin(), payload.bytes().end());
        etl::Record record = test::event_record({}, payload_);
        record.descriptor.channel = 0;
        record.descriptor.id = id;
        record.descriptor.version = version;
        record.is_64_bit = is_64_bit;
        decoder_->decode(record, event_);
        return event_;
    }
    std::string text(size_t item) const {
        const Bytes b = event_.items.at(item).bytes;
        return {reinterpret_cast<const char*>(b.data()), b.size()};
    }
    std::vector<std::string> message() const {
        std::vector<std::string> out;
        if (event_.message == nullptr) return out;
        for (const MessagePart& part : event_.message->parts) {
            if (part.kind == MessagePart::Kind::kText) {
                out.emplace_back(part.text);
            } else {
                out.push_back("#" + std::to_string(part.value) + "!" + std::string(part.text));
            }
        }
        return out;
    }

    std::shared_ptr<Catalog> catalog_ = std::make_shared<Catalog>();
    std::optional<Decoder> decoder_;
    Event event_;
    ByteVector payload_;
};

TEST_F(Manifest, NamesAnEventByTaskAndOpcodeAsPeopleReadThem) {
    add(R"x(<tasks><task name="T1" value="1" message="$(string.T)"><opcodes>
             <opcode name="Mine" value="20" message="$(string.O)"/></opcodes></task></tasks>
           <events><event value="1" task="T1" opcode="Mine" symbol="S1"/>
                   <event value="2" task="T1" opcode="win:Start"/>
                   <event value="3" task="T1" opcode="win:Info"/>
                   <event value="4" symbol="OnlySymbol" opcode="win:Stop"/>
                   <event value="5"/></events>)x",
        R"x(<string id="T" value="Task One "/><string id="O" value="Done"/>)x");
    EXPECT_EQ(decode(1, {}).name, "Task One");
    EXPECT_EQ(event_.opcode, "Done");
    EXPECT_EQ(event_.provider, "Test-Provider");
    ASSERT_NE(event_.names, nullptr);
    EXPECT_EQ(event_.names->symbol, "S1");
    EXPECT_EQ(decode(2, {}).opcode, "Start");
    EXPECT_EQ(decode(3, {}).name, "Task One");
    EXPECT_EQ(event_.opcode, "");
    EXPECT_EQ(decode(4, {}).name, "OnlySymbol");
    EXPECT_EQ(event_.opcode, "");
    EXPECT_EQ(decode(5, {}).name, "Event(5)");
}

TEST_F(Manifest, GivesTheNumbersOfTheHeaderTheirNames) {
    add(R"x(<levels><level name="Loud" value="17" message="$(string.L)"/></levels>
           <keywords><keyword name="k:Disk" mask="0x1"/><keyword name="Net" mask="0x2"
                     message="$(string.K)"/></keywords>
           <channels><channel chid="c1" name="Test/Operational" type="Operational"/></channels>
           <events><event value="1" symbol="A" level="Loud" keywords="k:Disk Net win:SQM"
                          channel="c1"/>
                   <event value="2" symbol="B" level="win:Informational"/></events>)x",
        R"x(<string id="L" value="Very loud"/><string id="K" value="Network"/>)x");
    decode(1, {});
    ASSERT_NE(event_.names, nullptr);
    EXPECT_EQ(event_.names->level, "Very loud");
    EXPECT_EQ(event_.names->channel, "Test/Operational");
    EXPECT_THAT(event_.names->keywords, testing::ElementsAre("Disk", "Network", "SQM"));
    decode(2, {});
    EXPECT_EQ(event_.names->level, "Information");
}

TEST_F(Manifest, ReadsFieldsOfEveryShape) {
    add(R"x(<templates><template tid="t">
             <data name="Count" inType="win:UInt16"/>
             <data name="Numbers" inType="win:UInt32" count="Count"/>
             <data name="Size" inType="win:UInt32"/>
             <data name="Blob" inType="win:Binary" length="Size"/>
             <data name="Fixed" inType="win:UnicodeString" length="3"/>
             <data name="Text" inType="win:AnsiString" outType="win:Utf8"/>
             <data name="Where" inType="win:Pointer"/>
             <struct name="Pairs" count="Count">
               <data name="Length" inType="win:UInt8"/>
               <data name="Name" inType="win:AnsiString" length="Length"/>
             </struct></template></templates>
           <events><event value="7" symbol="All" template="t"/></events>)x");
    ByteWriter payload;
    payload.write(uint16_t{2});
    payload.write(uint32_t{10});
    payload.write(uint32_t{11});
    payload.write(uint32_t{3});
    payload.append_text("xyz");
    test::put_utf16(payload, "ab");
    payload.write(char16_t{0});
    payload.append_text("text");
    payload.write(uint8_t{0});
    payload.write(uint32_t{0x1234});  // a 32-bit process
    payload.write(uint8_t{1});
    payload.append_text("A");
    payload.write(uint8_t{2});
    payload.append_text("BC");
    decode(7, payload, 0, false);
    EXPECT_EQ(event_.outcome, Outcome::kDecoded) << event_.reason;
    EXPECT_TRUE(event_.rest.empty());
    ASSERT_EQ(event_.items.size(), 17u);
    EXPECT_EQ(event_.items[1].count, 2u);
    EXPECT_EQ(text(3), "xyz");
    EXPECT_EQ(event_.items[4].bytes.size(), 4u);  // up to the NUL
    EXPECT_EQ(text(5), "text");
    EXPECT_EQ(event_.items[6].bytes.size(), 4u);
    EXPECT_EQ(event_.items[7].kind, Item::Kind::kArrayBegin);
    EXPECT_EQ(text(10), "A");
    EXPECT_EQ(text(14), "BC");
}

TEST_F(Manifest, NamesTheValuesOfMaps) {
    add(R"x(<maps><valueMap name="V"><map value="2" message="$(string.Two)"/>
                                   <map value="0x1" message="$(string.One)"/></valueMap>
                 <bitMap name="B"><map value="0x4" message="$(string.Two)"/></bitMap></maps>
           <templates><template tid="t"><data name="v" inType="win:UInt32" map="V"/>
                <data name="b" inType="win:UInt32" map="B"/></template></templates>
           <events><event value="1" symbol="E" template="t"/></events>)x",
        R"x(<string id="One" value="First"/><string id="Two" value="Second "/>)x");
    ByteWriter payload;
    payload.write(uint64_t{1});
    decode(1, payload);
    const ValueMap* const map = event_.items.at(0).field->map;
    ASSERT_NE(map, nullptr);
    EXPECT_FALSE(map->bits);
    EXPECT_THAT(map->names,
                testing::ElementsAre(testing::Pair(1, "First"), testing::Pair(2, "Second")));
    ASSERT_NE(event_.items.at(1).field->map, nullptr);
    EXPECT_TRUE(event_.items.at(1).field->map->bits);
}

TEST_F(Manifest, TakesMessagesApart) {
    add(R"x(<templates><template tid="t"><data name="a" inType="win:UInt32"/></template></templates>
           <events><event value="1" symbol="E" template="t" message="$(string.M)"/></events>)x",
        R"x(<string id="M" value="Got %1!08x! of 100%%, %2%n"/>)x");
    ByteWriter payload;
    payload.write(uint32_t{1});
    decode(1, payload);
    EXPECT_THAT(message(), testing::ElementsAre("Got ", "#0!08x", " of 100%, ", "#1!"));
}

TEST_F(Manifest, TakesTheHighestVersionUpToTheEvents) {
    add(R"x(<templates><template tid="a"><data name="x" inType="win:UInt32"/></template>
                      <template tid="b"><data name="x" inType="win:UInt32"/>
                                        <data name="y" inType="win:UInt32"/></template></templates>
           <events><event value="1" version="1" symbol="One" template="a"/>
                   <event value="1" version="3" symbol="Three" template="b"/></events>)x");
    ByteWriter payload;
    payload.write(uint64_t{0});
    EXPECT_EQ(decode(1, payload, 3).name, "Three");
    // What version 2 has appended is kept, and no fault of the log.
    EXPECT_EQ(decode(1, payload, 2).name, "One");
    EXPECT_EQ(event_.outcome, Outcome::kDecoded);
    EXPECT_EQ(event_.rest.size(), 4u);
    EXPECT_EQ(decode(1, payload, 0).outcome, Outcome::kUnknown);
    EXPECT_EQ(event_.provider, "Test-Provider");
}

TEST_F(Manifest, TellsWhyFieldsCannotBeRead) {
    add(R"x(<templates><template tid="a"><data name="x" inType="win:Nonsense"/></template>
             <template tid="b"><data name="x" inType="win:Binary" length="Later"/>
                               <data name="Later" inType="win:UInt32"/></template></templates>
           <events><event value="1" symbol="A" template="a"/>
                   <event value="2" symbol="B" template="b"/></events>)x");
    ByteWriter payload;
    payload.write(uint32_t{1});
    EXPECT_EQ(decode(1, payload).name, "A");
    EXPECT_EQ(event_.outcome, Outcome::kMalformed);
    EXPECT_STREQ(event_.reason, "description: unknown field type");
    EXPECT_EQ(event_.rest.size(), 4u);
    decode(2, payload);
    EXPECT_STREQ(event_.reason, "description: a length refers to no earlier integer");
}

TEST_F(Manifest, EndsAnArrayThatThePayloadDoesNotHave) {
    add(R"x(<templates><template tid="t"><data name="n" inType="win:UInt32"/>
             <data name="all" inType="win:UInt64" count="n"/></template></templates>
           <events><event value="1" symbol="E" template="t"/></events>)x");
    ByteWriter payload;
    payload.write(uint32_t{0xFFFFFFFF});
    payload.write(uint64_t{1});
    decode(1, payload);
    EXPECT_EQ(event_.outcome, Outcome::kMalformed);
    ASSERT_EQ(event_.items.size(), 1u);
    EXPECT_EQ(event_.rest.size(), 8u);
}

TEST_F(Manifest, TheFirstDescriptionCounts) {
    add(R"x(<events><event value="1" symbol="First"/></events>)x");
    add(R"x(<events><event value="1" symbol="Second"/><event value="2" symbol="New"/></events>)x");
    EXPECT_EQ(decode(1, {}).name, "First");
    EXPECT_EQ(decode(2, {}).name, "New");
}

TEST_F(Manifest, MakesFieldNamesUniqueInTheirLevel) {
    add(R"x(<templates><template tid="t"><data name="x" inType="win:UInt8"/>
             <struct name="s"><data name="x" inType="win:UInt8"/></struct>
             <data name="x" inType="win:UInt8"/></template></templates>
           <events><event value="1" symbol="E" template="t"/></events>)x");
    ByteWriter payload;
    for (uint8_t i = 0; i < 3; ++i) payload.write(i);
    decode(1, payload);
    ASSERT_EQ(event_.items.size(), 5u);
    EXPECT_EQ(event_.items[0].field->name, "x");
    EXPECT_EQ(event_.items[2].field->name, "x");
    EXPECT_EQ(event_.items[4].field->name, "x#2");
}

TEST(ManifestErrors, SayWhatIsWrong) {
    Catalog catalog;
    EXPECT_STREQ(catalog.add_manifest(as_bytes("<a><b></a>")).error().what,
                 "manifest: no well-formed XML");
    EXPECT_STREQ(catalog.add_manifest(as_bytes("<a/>")).error().what,
                 "manifest: no provider in it");
    EXPECT_STREQ(catalog.add_manifest(as_bytes("<provider name='x'/>")).error().what,
                 "manifest: a provider without GUID");
    EXPECT_EQ(catalog.add_manifest_file("/nonexistent/x.man").error().code, Code::kFileNotFound);
}

// Definitions share texts by name, as events do.
TEST_F(Manifest, LimitsWhatItsDefinitionsAskFor) {
    std::string keywords;
    for (int i = 0; i < 200; ++i) {
        keywords += "<keyword name=\"k" + std::to_string(i) +
                    "\" mask=\"0x1\" message=\"$(string.Long)\"/>";
    }
    // Of the first 167 there is room, and for an event without their texts besides.
    add("<keywords>" + keywords +
            "</keywords><events><event value=\"2\" symbol=\"B\" keywords=\"k199\"/></events>",
        "<string id=\"Long\" value=\"" + std::string(400'000, 'x') + "\"/>");
    const Event& event = decode(2, {});
    ASSERT_NE(event.names, nullptr);
    ASSERT_EQ(event.names->keywords.size(), 1u);
    EXPECT_EQ(event.names->keywords[0], "");
}

// A short text must not become gigabytes: 60,000 events that share one of a megabyte.
TEST(ManifestErrors, LimitWhatAManifestMayAskFor) {
    std::string events = "<events>";
    for (int i = 0; i < 60'000; ++i) {
        events += "<event value=\"" + std::to_string(i) + "\" message=\"$(string.M)\"/>";
    }
    events += "</events>";
    const std::string text = "<string id=\"M\" value=\"" + std::string(1 << 20, 'x') + "\"/>";
    Catalog catalog;
    const auto added = catalog.add_manifest(as_bytes(manifest(events, text)));
    ASSERT_FALSE(added);
    EXPECT_STREQ(added.error().what, "manifest: too large");
}

}  // namespace
}  // namespace etw::decode
