#include "render/message.h"

#include "described.h"
#include "render/renderer.h"
#include "render/summary.h"

#include <gtest/gtest.h>

#include <array>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <sstream>

namespace etw::render {
namespace {

using decode::Format;
using decode::MessagePart;
using test::Described;

std::string render(const Described& event, RenderOptions options = {}) {
    options.utc = true;
    options.prefix = false;
    OutBuffer out;
    make_renderer(options)->render(event.record, event.event, 0, out);
    return std::string(out.view());
}

TEST(Message, IsTheTextOfATraceMessage) {
    Described event;
    event.trace_message().value("10", Format::kSigned, int32_t{1}).text("11", "Hi");
    event.say("Hello, ").insert(0, "d").say(" ").insert(1, "s").say(" \"100%\"\n");
    EXPECT_EQ(render(event), "Hello, 1 Hi \"100%\"\n");
}

TEST(Message, IsTheTextOfAnEventAndJsonHasTheFieldsToo) {
    Described event;
    event.text("file", "a b").value("error", Format::kWin32Error, uint32_t{5});
    event.say("Opening ").insert(0).say(" failed: ").insert(1);
    EXPECT_EQ(render(event), "Opening a b failed: 5(ERROR_ACCESS_DENIED)\n");
    const auto json = nlohmann::json::parse(render(event, {.format = render::Format::kJson}));
    EXPECT_EQ(json["message"], "Opening a b failed: 5(ERROR_ACCESS_DENIED)");
    EXPECT_EQ(json["fields"]["file"], "a b");
    EXPECT_EQ(json["fields"]["error"], 5);
}

TEST(Message, NamesWhereItWasWritten) {
    Described event;
    event.trace_message().part(MessagePart::Kind::kFunction).say(" ");
    event.part(MessagePart::Kind::kLevel).say(" ").part(MessagePart::Kind::kFlags).say(" ");
    event.part(MessagePart::Kind::kComponent).say(" ").part(MessagePart::Kind::kSubcomponent);
    event.message.subcomponent = "SUB";
    EXPECT_EQ(render(event), "Func TRACE_LEVEL_ERROR FLAG_ONE tracedrv SUB\n");
    const auto json = nlohmann::json::parse(render(event, {.format = render::Format::kJson}));
    EXPECT_EQ(json["component"], "tracedrv");
    EXPECT_EQ(json["source"], "tracedrv_c258");
    EXPECT_EQ(json["function"], "Func");
    EXPECT_EQ(json["sequence"], 0x4EA4);
}

TEST(Message, HasNumbersOfItsHeader) {
    Described event;
    event.trace_message().part(MessagePart::Kind::kHeader, 3, "x").say(".");
    event.part(MessagePart::Kind::kHeader, 8, "06X").say(" ");
    event.part(MessagePart::Kind::kHeader, 9).say(" ");
    event.part(MessagePart::Kind::kHeader, 7, "s");
    event.record.cpu = 5;
    EXPECT_EQ(render(event), "c64.000AF4 5 20132\n");
}

TEST(Message, StaysInItsLine) {
    Described event;
    event.trace_message().text("10", "two\r\nlines\x1b\xC2\x85\xE2\x80\xA8\xFF");
    event.say("a\tb\n").insert(0, "s").say("\r\n\n");
    EXPECT_EQ(render(event), "a\tb\\ntwo\\r\\nlines\\u001b\\u0085\\u2028\u00FF\n");
}

TEST(Message, ThatAsksForAValueThatIsNotThereSaysSo) {
    Described event;
    event.event.name = "Header";
    event.event.opcode = "Header";
    event.event.provider = "EventTrace";
    event.value("a", Format::kUnsigned, uint32_t{1}).insert(22);
    EXPECT_EQ(render(event),
              "*****FormatMessage Header(Header) of EventTrace, parameter 23 raised an "
              "exception*****\n");
    Summary summary;
    summary.add(event.record, event.event);
    EXPECT_EQ(summary.malformed(), 1u);
    event.record.type = wire::HeaderType::kMessage;
    EXPECT_EQ(missing_parameter(event.record, event.event), 32u);
}

TEST(Message, CountsTopLevelItems) {
    Described event;
    event.value("a", Format::kUnsigned, uint32_t{1}).value("b", Format::kUnsigned, uint32_t{2});
    auto& items = event.event.items;
    decode::Field array;
    items.insert(items.begin() + 1, {decode::Item::Kind::kArrayBegin, 0, &array, {}});
    items.insert(items.begin() + 2, items[0]);
    items.insert(items.begin() + 3, {decode::Item::Kind::kArrayEnd, 0, &array, {}});
    event.insert(0).say(" ").insert(1, "d").say(" ").insert(2, "04d");
    EXPECT_EQ(render(event), "1 [1] 0002\n");
}

const decode::ValueMap kReasons{false, {{1, "Timer"}, {2, "Not running"}}};
const decode::ValueMap kBits{true, {{1, "Read"}, {2, "Write"}, {0x10, "Share"}}};

TEST(ValueMaps, NameValues) {
    Described event;
    event.value("reason", Format::kUnsigned, uint8_t{1}, &kReasons);
    event.value("other", Format::kUnsigned, uint8_t{2}, &kReasons);
    event.value("unknown", Format::kUnsigned, uint32_t{9}, &kReasons);
    event.value("access", Format::kHex, uint32_t{0x13}, &kBits);
    event.value("more", Format::kHex, uint32_t{0x81}, &kBits);
    event.value("none", Format::kHex, uint32_t{0x80}, &kBits);
    EXPECT_EQ(render(event),
              "Event: reason=Timer other=\"Not running\" unknown=9 "
              "access=Read|Write|Share more=Read|0x80 none=0x80\n");
    const auto fields =
        nlohmann::json::parse(render(event, {.format = render::Format::kJson}))["fields"];
    EXPECT_EQ(fields["reason"], "Timer");
    EXPECT_EQ(fields["unknown"], 9);
    EXPECT_EQ(fields["access"], "Read|Write|Share");
}

TEST(ValueMaps, AreShownAsTheirItemsAre) {
    using Show = decode::ValueMap::Show;
    const decode::ValueMap list{false, {{1, "Timer"}}, Show::kNumberFirst};
    const decode::ValueMap set{true, {{1, "Read"}, {2, "Write"}}, Show::kBrackets};
    const decode::ValueMap flags{true, {{1, "Read"}, {2, "Write"}}, Show::kNumberLast};
    Described event;
    event.value("10", Format::kUnsigned, uint32_t{1}, &list);
    event.value("11", Format::kUnsigned, uint32_t{3}, &set);
    event.value("12", Format::kUnsigned, uint32_t{3}, &flags);
    event.value("13", Format::kUnsigned, uint32_t{7}, &list);
    event.insert(0, "s").say(" ").insert(1, "s").say(" ").insert(2, "s").say(" ").insert(3, "s");
    EXPECT_EQ(render(event), "0x00000001(Timer) [Read,Write] Read | Write(0x3) 0x00000007\n");
    const auto fields =
        nlohmann::json::parse(render(event, {.format = render::Format::kJson}))["fields"];
    EXPECT_EQ(fields["10"], "Timer");
    EXPECT_EQ(fields["12"], "Read|Write");
}

TEST(ValueMaps, AreTextsInMessages) {
    Described event;
    event.trace_message().value("10", Format::kUnsigned, uint8_t{2}, &kReasons);
    event.insert(0, "s").say("=").insert(0, "d");
    EXPECT_EQ(render(event), "Not running=2\n");
}

TEST(ValueMaps, ShowNumbersWhereFormatsOfTraceMessagesWantThem) {
    using Show = decode::ValueMap::Show;
    const std::vector<std::pair<uint64_t, std::string>> names = {
        {1, "Low"}, {2, "High"}, {4, "Top"}};
    const decode::ValueMap list{false, names, Show::kNumberFirst};
    const decode::ValueMap set{true, names, Show::kBrackets};
    const decode::ValueMap flags{true, names, Show::kNumberLast};
    const auto shown = [](const decode::ValueMap& map, uint32_t value) {
        Described event;
        event.trace_message().value("10", Format::kHex, value, &map);
        event.insert(0, "s");
        return render(event);
    };
    EXPECT_EQ(shown(list, 2), "0x00000002(High)\n");
    EXPECT_EQ(shown(list, 9), "0x00000009\n");
    EXPECT_EQ(shown(set, 5), "[Low,Top]\n");
    EXPECT_EQ(shown(set, 0), "[]\n");
    EXPECT_EQ(shown(set, 9), "[Low,0x8]\n");
    EXPECT_EQ(shown(flags, 6), "High | Top(0x6)\n");
    EXPECT_EQ(shown(flags, 8), "0x8\n");
}

TEST(CodeNames, StandBehindTheCode) {
    Described event;
    event.value("a", Format::kStatus, uint32_t{0xC0000034});
    event.value("b", Format::kStatus, uint32_t{0x80070005});
    event.value("c", Format::kWin32Error, uint32_t{1168});
    event.value("d", Format::kErrno, uint32_t{2});
    event.value("e", Format::kStatus, uint32_t{0});
    event.value("f", Format::kStatus, uint32_t{0xDEADBEEF});
    EXPECT_EQ(render(event),
              "Event: a=0xc0000034(STATUS_OBJECT_NAME_NOT_FOUND) b=0x80070005(E_ACCESSDENIED) "
              "c=1168(ERROR_NOT_FOUND) d=2(ENOENT) e=0x00000000(STATUS_SUCCESS) f=0xdeadbeef\n");
}

TEST(Values, OfUnfittingSizesAreBytes) {
    Described event;
    event.value("hex", Format::kHex, std::array<uint8_t, 3>{1, 2, 3});
    event.value("port", Format::kPort, uint8_t{1});
    event.value("float", Format::kFloat, uint16_t{1});
    EXPECT_EQ(render(event), "Event: hex=0x010203 port=0x01 float=0x0100\n");
}

TEST(PreferJson, TakesMessagesAsTexts) {
    Described event;
    event.value("a", Format::kUnsigned, uint32_t{1});
    RenderOptions options;
    options.prefer_json = true;
    options.json_meta = kMetaEvent;
    EXPECT_EQ(render(event, options), "{\"event\":\"Event\",\"fields\":{\"a\":1}}\n");
    event.trace_message().say("text");
    EXPECT_EQ(render(event, options), "text\n");
}

// A line's integers are written in one go: what stands between them ends it, and begins it again.
TEST(TextLine, SeparatesIntegersFromWhatStandsBetweenThem) {
    const decode::ValueMap map{.names = {{1, "One"}}};
    Described event;
    event.value("a", Format::kUnsigned, uint8_t{1})
        .value("b", Format::kSigned, int64_t{-2})
        .value("c", Format::kHex, uint32_t{3})
        .value("d", Format::kUnsigned, uint32_t{1}, &map)
        .value("e", Format::kUnsigned, uint16_t{65535})
        .value("f", Format::kUnsigned, std::array<uint8_t, 3>{1, 2, 3})
        .text("g", "text")
        .value("h", Format::kUnsigned, uint64_t{100});
    EXPECT_EQ(render(event, {.prefix = false}),
              "Event: a=1 b=-2 c=0x3 d=One e=65535 f=0x010203 g=\"text\" h=100\n");
}

TEST(TextLine, TellsProcessorsApart) {
    Described event;
    OutBuffer out;
    const auto renderer = make_renderer({.utc = true});
    for (const uint16_t cpu : std::initializer_list<uint16_t>{0, 16, 0, 17, 1}) {
        event.record.cpu = cpu;
        renderer->render(event.record, event.event, 0, out);
    }
    event.record.thread_id = 1;  // on the processor that was the last one
    renderer->render(event.record, event.event, 0, out);
    std::string origins;
    std::istringstream lines{std::string(out.view())};
    for (std::string line; std::getline(lines, line);)
        origins += line.substr(0, line.find("::")) + ' ';
    EXPECT_EQ(origins,
              "[0]0AF4.0C64 [16]0AF4.0C64 [0]0AF4.0C64 [17]0AF4.0C64 [1]0AF4.0C64 [1]0AF4.0001 ");
}

// What Windows leaves out by default would leave nothing that tells such events apart.
TEST(JsonMeta, NamesAnEventWithoutANameByItsNumber) {
    Described event;
    const RenderOptions options{.format = render::Format::kJson};
    EXPECT_FALSE(nlohmann::json::parse(render(event, options)).contains("id"));
    event.event.name = {};
    event.record.descriptor.id = 5;
    event.record.descriptor.version = 2;
    const auto json = nlohmann::json::parse(render(event, options));
    EXPECT_EQ(json["id"], 5);
    EXPECT_EQ(json["version"], 2);
}

TEST(JsonMeta, ChoosesTheMembers) {
    Described event;
    event.record.kernel_time = 1;
    event.record.user_time = 2;
    RenderOptions options{.format = render::Format::kJson};
    options.json_meta = 0;
    EXPECT_EQ(render(event, options), "{\"fields\":{}}\n");
    const std::pair<uint32_t, const char*> kMembers[] = {
        {0x1, "provider_guid"}, {0x2, "event"},     {0x4, "time"},        {0x8, "cpu"},
        {0x10, "pid"},          {0x20, "tid"},      {0x40, "id"},         {0x80, "version"},
        {0x100, "channel"},     {0x200, "level"},   {0x400, "opcode"},    {0x800, "task"},
        {0x1000, "keywords"},   {0x2000, "tag"},    {0x4000, "activity"}, {0x8000, "related"},
        {0x10000, "ktime"},     {0x20000, "utime"}, {0x40000, "ptime"}};
    const Guid related = decode::test::kProvider;
    event.record.activity = related;
    event.event.related = &related;
    event.event.tag = 7;
    for (const auto& [bit, member] : kMembers) {
        options.json_meta = bit;
        const auto json = nlohmann::json::parse(render(event, options));
        EXPECT_TRUE(json.contains(member)) << member;
        EXPECT_EQ(json.size(), bit == 1 ? 3u : 2u) << member;
    }
}

}  // namespace
}  // namespace etw::render
