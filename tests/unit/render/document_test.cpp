// CSV, XML and encodings: what another program reads must be whole and well formed.
#include "described.h"
#include "render/encoding.h"
#include "render/renderer.h"
#include "render/xml_text.h"

#include <gtest/gtest.h>

namespace etw::render {
namespace {

using test::Described;

std::string render(const Described& event, RenderOptions options) {
    options.utc = true;
    OutBuffer out;
    make_renderer(options)->render(event.record, event.event, decode::test::kStartTime, out);
    return std::string(out.view());
}

TEST(Csv, QuotesWhatNeedsQuotes) {
    Described event;
    event.text("a", "x,y");
    EXPECT_EQ(render(event, {.format = Format::kCsv}),
              "Provider,Event,10/23/2003-12:27:40.173,0,2804,3172,0,LogAlways,"
              "11223344-5566-7788-0102-030405060708,0,0,0,0x0,"
              "\"[0]0AF4.0C64::10/23/2003-12:27:40.173 [Provider]Event: a=\"\"x,y\"\"\"\n");
}

TEST(Csv, QuotesEveryColumnWhereAsked) {
    Described event;
    event.value("a", decode::Format::kUnsigned, uint32_t{1});
    RenderOptions options{.format = Format::kCsv};
    options.csv_quote = true;
    options.prefix = false;
    EXPECT_TRUE(render(event, options).starts_with("\"Provider\",\"Event\",\"10/23/2003"));
    EXPECT_TRUE(render(event, options).ends_with(",\"Event: a=1\"\n"));
}

TEST(Csv, HasItsHeadingOnce) {
    OutBuffer out;
    make_renderer({.format = Format::kCsv})->begin(out);
    EXPECT_EQ(out.view(), "");
    RenderOptions options{.format = Format::kCsv};
    options.csv_header = true;
    make_renderer(options)->begin(out);
    EXPECT_EQ(out.view(),
              "Provider,Event,Time,CPU,PID,TID,Sequence,Level,GUID,Id,Version,Opcode,Keywords,"
              "Text\n");
}

TEST(Xml, HasDebugDataOfTraceMessages) {
    Described event;
    event.trace_message().say("a < b & \"c\"");
    const std::string xml = render(event, {.format = Format::kXml});
    for (const char* part :
         {"<DebugData>\n\t\t<SequenceNumber>20132</SequenceNumber>",
          "<FlagsName>FLAG_ONE</FlagsName>", "<LevelName>TRACE_LEVEL_ERROR</LevelName>",
          "<Component>tracedrv</Component>", "<FileLine>tracedrv_c258</FileLine>",
          "<Function>Func</Function>", "<Message>a &lt; b &amp; &quot;c&quot;</Message>",
          "<EventGuid>{11223344-5566-7788-0102-030405060708}</EventGuid>"}) {
        EXPECT_NE(xml.find(part), xml.npos) << part << " in " << xml;
    }
}

TEST(Xml, HasTheNamesOfADescription) {
    Described event;
    decode::HeaderNames names;
    names.level = "Information";
    names.task = "Garbage < Collection";
    names.opcode = "Start";
    names.channel = "Provider/Operational";
    names.keywords = {"GC", "Loader"};
    event.event.names = &names;
    event.say("it began");
    const std::string xml = render(event, {.format = Format::kXml});
    EXPECT_NE(xml.find("\t<RenderingInfo Culture=\"en-US\">\n"
                       "\t\t<Level>Information</Level>\n"
                       "\t\t<Opcode>Start</Opcode>\n"
                       "\t\t<Keywords>\n"
                       "\t\t\t<Keyword>GC</Keyword>\n"
                       "\t\t\t<Keyword>Loader</Keyword>\n"
                       "\t\t</Keywords>\n"
                       "\t\t<Task>Garbage &lt; Collection</Task>\n"
                       "\t\t<Message>it began</Message>\n"
                       "\t\t<Channel>Provider/Operational</Channel>\n"
                       "\t\t<Provider>Provider</Provider>\n"),
              xml.npos)
        << xml;
}

TEST(Xml, ShowsWhatCouldNotBeDecoded) {
    Described event;
    const std::byte rest[] = {std::byte{0xAB}, std::byte{0xCD}};
    event.event.name = {};
    event.event.rest = rest;
    event.event.outcome = decode::Outcome::kUnknown;
    event.event.reason = "no <guid>.tmf";
    std::string xml = render(event, {.format = Format::kXml});
    EXPECT_NE(xml.find("<BinaryEventData>abcd</BinaryEventData>"), xml.npos);
    EXPECT_NE(xml.find("<Undecoded>no &lt;guid&gt;.tmf</Undecoded>"), xml.npos);
    event.event.outcome = decode::Outcome::kMalformed;
    xml = render(event, {.format = Format::kXml});
    EXPECT_NE(xml.find("<EventPayload>abcd</EventPayload>"), xml.npos);
}

TEST(Xml, HasNoCharacterThatXmlHasNot) {
    OutBuffer out;
    append_xml_text(out, "a\x01\t\r\n<>&\"'\xEF\xBF\xBE\xEF\xBF\xBF\xC3\xA9");
    EXPECT_EQ(out.view(),
              "a\xEF\xBF\xBD&#9;&#13;&#10;&lt;&gt;&amp;&quot;'\xEF\xBF\xBD\xEF\xBF\xBD\xC3\xA9");
}

std::string encoded(std::string_view text, Encoding encoding,
                    Lacking lacking = Lacking::kQuestionMark) {
    OutBuffer out;
    append_encoded(out, text, encoding, lacking);
    return std::string(out.view());
}

TEST(Encoding, WritesUtf16LittleEndian) {
    EXPECT_EQ(encoded("a\xC3\xA9\xF0\x9F\x98\x80", Encoding::kUtf16),
              std::string("a\0\xE9\0\x3D\xD8\x00\xDE", 8));
    EXPECT_EQ(byte_order_mark(Encoding::kUtf16), "\xFF\xFE");
    EXPECT_EQ(byte_order_mark(Encoding::kUtf8), "");
}

TEST(Encoding, WritesTheWesternCodePage) {
    EXPECT_EQ(encoded("\xC3\xA9\xE2\x82\xAC", Encoding::kAnsi), "\xE9\x80");
    EXPECT_EQ(encoded("\xD0\xAF", Encoding::kAnsi), "?");
    EXPECT_EQ(encoded("\xD0\xAF", Encoding::kAnsi, Lacking::kXmlReference), "&#1071;");
    EXPECT_EQ(encoded("\xF0\x9F\x98\x80", Encoding::kAnsi, Lacking::kJsonEscape), "\\ud83d\\ude00");
}

TEST(Clock, IsSortableAndNamesItsZone) {
    Described event;
    RenderOptions options;
    options.sortable_time = options.zone_suffix = true;
    EXPECT_EQ(render(event, options), "[0]0AF4.0C64::2003-10-23T12:27:40.173Z [Provider]Event\n");
    options.sortable_time = false;
    EXPECT_EQ(render(event, options), "[0]0AF4.0C64::10/23/2003-12:27:40.173Z [Provider]Event\n");
}

}  // namespace
}  // namespace etw::render
