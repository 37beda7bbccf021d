#include "render/renderer.h"

#include "../decode/event_builder.h"
#include "etw/decoder.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace etw::render {
namespace {

using decode::Out;
using decode::Type;
using decode::test::ByteVector;
using decode::test::kStartTime;
using decode::test::SchemaBuilder;

std::string render(const etl::Record& record, const RenderOptions& options) {
    decode::Decoder decoder;
    decode::Event event;
    decoder.decode(record, event);
    OutBuffer out;
    make_renderer(options)->render(record, event, kStartTime, out);
    return std::string(out.view());
}

// With what comes before and after the events.
std::string render_document(const etl::Record& record, const RenderOptions& options) {
    OutBuffer begin, end;
    const auto renderer = make_renderer(options);
    renderer->begin(begin);
    renderer->end(end);
    return std::string(begin.view()) + render(record, options) + std::string(end.view());
}

const RenderOptions kUtcText{.utc = true};
const RenderOptions kJson{.format = Format::kJson};

struct Sample {
    ByteVector extended, payload;
    etl::Record record() const { return decode::test::event_record(extended, payload); }
};

Sample sample(const SchemaBuilder& schema, const ByteWriter& payload,
              std::string_view provider = "provider") {
    const Bytes bytes = payload.bytes();
    return {decode::test::describing_chain(schema.build(), decode::test::traits(provider)),
            ByteVector(bytes.begin(), bytes.end())};
}

Sample simple() {
    ByteWriter payload;
    payload.write(int32_t{1});
    payload.append_text("text");
    payload.write(uint8_t{0});
    return sample(SchemaBuilder("EventName").field("a", Type::kInt32).field("b", Type::kUtf8),
                  payload);
}

TEST(TextRenderer, PrintsTheDefaultPrefix) {
    const Sample s = simple();
    EXPECT_EQ(render(s.record(), kUtcText),
              "[0]0888.0D60::10/23/2003-12:27:40.173 [provider]EventName: a=1 b=\"text\"\n");
}

// What sessions add to events: behind the fields.
TEST(Renderers, ShowWhatTheSessionAdded) {
    ByteWriter sid, login, process, key, stack;
    for (const int byte : {1, 2, 0, 0, 0, 0, 0, 22}) sid.write(uint8_t(byte));
    sid.write(uint32_t{1});
    sid.write(uint32_t{1000});
    login.write(uint32_t{5});
    process.write(uint64_t{0xAB});
    key.write(uint64_t{0xCD});
    for (const uint64_t word : {uint64_t{0}, uint64_t{0x1000}, uint64_t{0x2000}}) stack.write(word);
    Sample s;
    s.extended = decode::test::chain({{wire::ExtendedType::kSid, sid.take()},
                                      {wire::ExtendedType::kTsId, login.take()},
                                      {wire::ExtendedType::kProcessStartKey, process.take()},
                                      {wire::ExtendedType::kEventKey, key.take()},
                                      {wire::ExtendedType::kStackTrace64, stack.take()}});
    EXPECT_TRUE(render(s.record(), kUtcText)
                    .ends_with(" user=S-1-22-1-1000 login_session=5 process_key=0xab "
                               "event_key=0xcd stack=[0x1000 0x2000]\n"));
    EXPECT_NE(render(s.record(), kJson)
                  .find("\"user\":\"S-1-22-1-1000\",\"login_session\":5,\"process_key\":\"0xab\","
                        "\"event_key\":\"0xcd\",\"stack\":[\"0x1000\",\"0x2000\"]"),
              std::string::npos);
}

TEST(TextRenderer, PrintsSevenDigitsWithHighResolution) {
    const Sample s = simple();
    RenderOptions options = kUtcText;
    options.high_resolution = true;
    EXPECT_EQ(render(s.record(), options),
              "[0]0888.0D60::10/23/2003-12:27:40.1730000 [provider]EventName: a=1 b=\"text\"\n");
}

TEST(TextRenderer, LeavesThePrefixOut) {
    const Sample s = simple();
    RenderOptions options = kUtcText;
    options.prefix = false;
    EXPECT_EQ(render(s.record(), options), "EventName: a=1 b=\"text\"\n");
}

TEST(TextRenderer, GrowsWithLargeIdsAndProcessors) {
    const Sample s = simple();
    auto record = s.record();
    record.cpu = 255;
    record.process_id = 0xFFFFFFFF;
    record.thread_id = 0x12345;
    EXPECT_EQ(render(record, kUtcText).substr(0, 23), "[255]FFFFFFFF.12345::10");
}

TEST(TextRenderer, NamesKernelEventsByClassAndOpcode) {
    ByteWriter payload;
    payload.write(uint32_t{100});
    EXPECT_EQ(render(decode::test::kernel_record(0x030B, 2, payload.bytes()), kUtcText),
              "[0]0888.0D60::10/23/2003-12:27:40.173 [Process]Process/Terminate: ProcessId=100\n");
}

TEST(TextRenderer, ShowsUnknownEventsWithTheirBytes) {
    const ByteVector payload{std::byte{1}, std::byte{0xFF}};
    auto record = decode::test::event_record({}, payload);
    record.descriptor.id = 10;
    record.descriptor.version = 2;
    record.descriptor.opcode = 3;
    EXPECT_EQ(render(record, kUtcText),
              "[0]0888.0D60::10/23/2003-12:27:40.173 [11223344-5566-7788-0102-030405060708]"
              "Unknown( 10): GUID=11223344-5566-7788-0102-030405060708 "
              "(No Format Information found). version=2 opcode=3 payload=0x01ff\n");
}

TEST(TextRenderer, ShowsWhatADamagedEventStillHas) {
    ByteWriter payload;
    payload.write(uint8_t{1});
    payload.write(uint8_t{2});
    const Sample s =
        sample(SchemaBuilder("E").field("a", Type::kUInt8).field("b", Type::kUInt32), payload);
    RenderOptions options = kUtcText;
    options.prefix = false;
    EXPECT_EQ(render(s.record(), options),
              "E: a=1 undecoded=\"payload ends inside a field\" payload=0x02\n");
}

TEST(TextRenderer, PrintsEventsWithoutFieldsByName) {
    const Sample s = sample(SchemaBuilder("E"), ByteWriter());
    RenderOptions options = kUtcText;
    options.prefix = false;
    EXPECT_EQ(render(s.record(), options), "E\n");
}

TEST(JsonRenderer, GivesOneObjectALine) {
    const Sample s = simple();
    const std::string line = render(s.record(), kJson);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    const auto json = nlohmann::json::parse(line);
    EXPECT_EQ(json["provider"], "provider");
    EXPECT_EQ(json["provider_guid"], "11223344-5566-7788-0102-030405060708");
    EXPECT_EQ(json["event"], "EventName");
    EXPECT_EQ(json["time"], "2003-10-23T12:27:40.1730000Z");
    EXPECT_EQ(json["cpu"], 0);
    EXPECT_EQ(json["pid"], 0x888);
    EXPECT_EQ(json["tid"], 0xD60);
    EXPECT_EQ(json["channel"], 11);
    EXPECT_EQ(json["level"], 5);
    EXPECT_EQ(json["keywords"], "0x10");
    EXPECT_EQ(json["fields"]["a"], 1);
    EXPECT_EQ(json["fields"]["b"], "text");
    EXPECT_FALSE(json.contains("payload"));
    EXPECT_FALSE(json.contains("activity"));
}

TEST(TextRenderer, SaysWhichFormatAMessageLacks) {
    etl::Record record = decode::test::event_record({}, {});
    record.type = wire::HeaderType::kMessage;
    record.descriptor.id = 10;
    EXPECT_EQ(render(record, kUtcText),
              "[0]0888.0D60::10/23/2003-12:27:40.173 [11223344-5566-7788-0102-030405060708]"
              "Unknown( 10): GUID=11223344-5566-7788-0102-030405060708 "
              "(No Format Information found). no trace message formats were named\n");
}

TEST(JsonRenderer, NamesTheActivityAndKernelEvents) {
    ByteWriter payload;
    payload.write(uint32_t{100});
    auto record = decode::test::kernel_record(0x030B, 2, payload.bytes());
    record.activity = Guid{1, 2, 3, {}};
    record.process_id = record.thread_id = 0xFFFFFFFF;
    const auto json = nlohmann::json::parse(render(record, kJson));
    EXPECT_EQ(json["event"], "Process/Terminate");
    EXPECT_EQ(json["activity"], "00000001-0002-0003-0000-000000000000");
    EXPECT_FALSE(json.contains("pid"));  // the record has none
}

TEST(JsonRenderer, KeepsTheBytesOfUnknownEvents) {
    const ByteVector payload{std::byte{1}, std::byte{0xFF}};
    const auto json = nlohmann::json::parse(render(decode::test::event_record({}, payload), kJson));
    EXPECT_EQ(json["payload"], "01ff");
    EXPECT_EQ(json["undecoded"], "No Format Information found");
    EXPECT_FALSE(json.contains("event"));
    EXPECT_TRUE(json["fields"].empty());
}

TEST(JsonRenderer, EscapesNames) {
    ByteWriter payload;
    payload.write(uint8_t{1});
    const Sample s =
        sample(SchemaBuilder("a\"b\\c").field("f\"\xff", Type::kUInt8), payload, "p\"\x01");
    const auto json = nlohmann::json::parse(render(s.record(), kJson));
    EXPECT_EQ(json["event"], "a\"b\\c");
    EXPECT_EQ(json["provider"], "p\"\uFFFD");
    EXPECT_EQ(json["fields"]["f\"\uFFFD"], 1);
}

// One event of every type, in text and in JSON.
Sample every_type() {
    SchemaBuilder schema("Every");
    ByteWriter p;
    const auto add = [&](const char* name, Type type, Out out, auto v) {
        schema.field(name, type, out);
        p.write(v);
    };
    const auto counted = [&](const char* name, Type type, Out out, std::string_view bytes) {
        schema.field(name, type, out);
        p.write(uint16_t(bytes.size()));
        p.append_text(bytes);
    };
    schema.field("null", Type::kNull);
    schema.field("utf16", Type::kUtf16);
    decode::test::put_utf16(p, "w\u00efde \U0001F600");
    p.write(char16_t{0});
    schema.field("utf8", Type::kUtf8, Out(0x23));
    p.append_text(std::string_view("l\xc3\xadne\n\xff\0", 8));
    add("int8", Type::kInt8, Out::kDefault, int8_t{-8});
    add("uint8", Type::kUInt8, Out::kDefault, uint8_t{8});
    add("int16", Type::kInt16, Out::kDefault, int16_t{-16});
    add("uint16", Type::kUInt16, Out::kDefault, uint16_t{16});
    add("int32", Type::kInt32, Out::kDefault, int32_t{-32});
    add("uint32", Type::kUInt32, Out::kDefault, uint32_t{32});
    add("int64", Type::kInt64, Out::kDefault, int64_t{-64});
    add("uint64", Type::kUInt64, Out::kDefault, ~uint64_t{0});
    add("float", Type::kFloat, Out::kDefault, 1.5F);
    add("double", Type::kDouble, Out::kDefault, 0.1);
    add("bool32", Type::kBool32, Out::kDefault, uint32_t{1});
    counted("binary", Type::kBinary, Out::kDefault, std::string_view("\0\x01\xfe", 3));
    add("guid", Type::kGuid, Out::kDefault, decode::test::kProvider);
    add("pointer", Type::kPointer, Out::kDefault, uint64_t{0xFFFF800000001000});
    add("filetime", Type::kFileTime, Out::kDefault, kStartTime);
    add("systemtime", Type::kSystemTime, Out::kDefault,
        wire::SystemTime{2003, 10, 4, 23, 12, 27, 40, 173});
    add("systemtime_utc", Type::kSystemTime, Out::kDateTimeUtc,
        wire::SystemTime{2003, 10, 4, 23, 12, 27, 40, 173});
    schema.field("sid", Type::kSid);
    p.append_text(std::string_view("\1\1\0\0\0\0\0\5\x12\0\0\0", 12));
    add("hex32", Type::kHexInt32, Out::kDefault, uint32_t{0xDEAD});
    add("hex64", Type::kHexInt64, Out::kDefault, uint64_t{0xDEADBEEF00});
    counted("counted16", Type::kCountedUtf16, Out::kDefault, std::string_view("h\0i\0", 4));
    counted("counted8", Type::kCountedUtf8, Out::kDefault, "hi");
    counted("json", Type::kCountedUtf8, Out::kJson, "{\"a\":1}");
    counted("xml", Type::kCountedUtf8, Out::kXml, "<a/>");
    counted("bytes", Type::kCountedBinary, Out::kDefault, "ab");
    add("char8", Type::kUInt8, Out::kString, 'x');
    add("char16", Type::kUInt16, Out::kString, u'\u00e9');
    add("bool8", Type::kUInt8, Out::kBoolean, uint8_t{0});
    add("hex8", Type::kUInt8, Out::kHex, uint8_t{0xAB});
    add("pid", Type::kUInt32, Out::kPid, uint32_t{1234});
    add("tid", Type::kUInt32, Out::kTid, uint32_t{5678});
    add("port", Type::kUInt16, Out::kPort, uint16_t{0x901F});
    add("ipv4", Type::kUInt32, Out::kIpv4, uint32_t{0x0100007F});
    counted("ipv6", Type::kBinary, Out::kIpv6,
            std::string_view("\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16));
    counted("sockaddr", Type::kBinary, Out::kSockAddr,
            std::string_view("\2\0\0\x50\x0a\0\0\1\0\0\0\0\0\0\0\0", 16));
    add("win32", Type::kUInt32, Out::kWin32Error, uint32_t{5});
    add("ntstatus", Type::kUInt32, Out::kNtStatus, uint32_t{0xC0000005});
    add("hresult", Type::kInt32, Out::kHResult, uint32_t{0x80004005});
    add("signed", Type::kUInt8, Out::kSigned, uint8_t{0xFF});
    add("unsigned", Type::kInt8, Out::kUnsigned, uint8_t{0xFF});
    add("code", Type::kUInt64, Out::kCodePointer, uint64_t{0x401000});
    schema.field("array", Type::kUInt16, Out::kDefault, decode::test::kCountedArray);
    p.write(uint16_t{2});
    p.write(uint16_t{1});
    p.write(uint16_t{2});
    schema.structure("struct", 2)
        .field("x", Type::kUInt8)
        .structure("inner", 1)
        .field("y", Type::kUtf8, Out::kDefault, decode::test::kConstantArray, 2);
    p.write(uint8_t{1});
    p.append_text(std::string_view("a\0b\0", 4));
    return sample(schema, p, "Golden.Provider");
}

// ETW_UPDATE_GOLDEN=1 rewrites the golden files instead.
void expect_golden(const char* name, const std::string& text) {
    const std::string path = std::string(ETW_GOLDEN_DIR) + "/" + name;
    if (std::getenv("ETW_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
    std::stringstream stored;
    stored << std::ifstream(path).rdbuf();
    EXPECT_EQ(text, stored.str()) << path;
}

TEST(Renderers, ShowEveryTypeAsTheGoldenFilesDo) {
    const Sample s = every_type();
    expect_golden("every_type.txt", render(s.record(), kUtcText));
    const std::string json = render(s.record(), kJson);
    expect_golden("every_type.json", json);
    EXPECT_TRUE(nlohmann::json::accept(json));
    expect_golden(
        "every_type.csv",
        render_document(s.record(), {.format = Format::kCsv, .utc = true, .csv_header = true}));
    expect_golden("every_type.xml", render_document(s.record(), {.format = Format::kXml}));
}

}  // namespace
}  // namespace etw::render
