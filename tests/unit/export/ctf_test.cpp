#include "export/ctf.h"

#include "export_log.h"

#include <gmock/gmock.h>

namespace etw::exports {
namespace {

using decode::Out;
using decode::Type;
using decode::test::kCountedArray;
using decode::test::SchemaBuilder;
using test::ByteVector;
using test::kStartRaw;
using test::LogFile;
using test::named_event;
using test::TempFolder;
using testing::HasSubstr;

class CtfTest : public testing::Test {
protected:
    void export_log(const LogFile& log) {
        const std::string etl = log.write(folder_ / "a.etl");
        auto exporter = Ctf::create(folder_ / "trace");
        ASSERT_TRUE(exporter);
        ASSERT_TRUE(test::feed(etl, **exporter));
        metadata_ = test::read_file(folder_ / "trace/metadata");
    }
    // What babeltrace2 shows; false where there is none.
    bool read_back() {
        bool ran = false;
        shown_ = test::output_of("TZ=UTC babeltrace2 --clock-seconds '" + (folder_ / "trace") + "'",
                                 ran);
        return ran;
    }
    static int64_t at(int n) { return kStartRaw + n; }
    LogFile& add(int n, const ByteVector& record, uint16_t cpu = 0) {
        return log_.add(cpu, at(n), record);
    }
    void add_described(int n, const SchemaBuilder& schema, Bytes payload) {
        const ByteVector chain =
            decode::test::describing_chain(schema.build(), decode::test::traits("P"));
        add(n, test::event_at(at(n), {.level = 2, .keyword = 0x10}, payload, chain));
    }

    TempFolder folder_;
    LogFile log_;
    std::string metadata_, shown_;
};

TEST_F(CtfTest, HasAStreamForEachProcessorAndEventsInTheirOrder) {
    add(3, named_event(at(3), "C", {}), 1);
    add(1, named_event(at(1), "A", {}), 0);
    add(2, named_event(at(2), "B", {}), 2);
    export_log(log_);
    EXPECT_THAT(metadata_, testing::StartsWith("/* CTF 1.8 */"));
    for (const char* name : {"trace/channel_0", "trace/channel_1", "trace/channel_2"}) {
        EXPECT_TRUE(std::filesystem::exists(folder_ / name)) << name;
    }
    if (!read_back()) GTEST_SKIP() << "no babeltrace2";
    const size_t a = shown_.find("P:A:"), b = shown_.find("P:B:"), c = shown_.find("P:C:");
    ASSERT_NE(a, std::string::npos) << shown_;
    EXPECT_LT(a, b);
    EXPECT_LT(b, c);
    EXPECT_THAT(shown_, HasSubstr("[1066912060.173000300]"));
    EXPECT_THAT(shown_, HasSubstr("vpid = 2184, vtid = 3424, level = 4"));
}

TEST_F(CtfTest, GivesFieldsTheirTypes) {
    ByteWriter payload;
    payload.write(uint32_t{7});
    payload.write(int16_t{-2});
    payload.write(uint32_t{0xFF});
    payload.append_text("h\xC3\xA9llo");
    payload.write(uint8_t{0});
    decode::test::put_utf16(payload, "wide");
    payload.write(char16_t{0});
    payload.write(1.5f);
    payload.write(uint16_t{0x3500});  // port 53
    payload.write(uint16_t{2});
    payload.write(uint16_t{10});
    payload.write(uint16_t{20});
    payload.write(uint8_t{3});
    payload.write(uint16_t{2});  // bytes
    payload.write(uint16_t{0x0201});
    payload.write(test::kProvider);
    add_described(1,
                  SchemaBuilder("Types")
                      .field("int", Type::kUInt32)  // a keyword of TSDL
                      .field("minus", Type::kInt16)
                      .field("mask", Type::kHexInt32)
                      .field("text", Type::kUtf8)
                      .field("wide", Type::kUtf16)
                      .field("ratio", Type::kFloat)
                      .field("port", Type::kUInt16, Out::kPort)
                      .field("list", Type::kUInt16, Out::kDefault, kCountedArray)
                      .structure("odd name!", 1)
                      .field("a", Type::kUInt8)
                      .field("blob", Type::kBinary)
                      .field("guid", Type::kGuid),
                  payload.bytes());
    export_log(log_);
    if (!read_back()) GTEST_SKIP() << "no babeltrace2";
    EXPECT_THAT(shown_, HasSubstr("int = 7, minus = -2, mask = 0xFF, text = \"h\xC3\xA9llo\", "
                                  "wide = \"wide\", ratio = 1.5, port = 53, "
                                  "list_length = 2, list = [ [0] = 10, [1] = 20 ], "
                                  "odd_name_ = { a = 3 }, "
                                  "blob_length = 2, blob = [ [0] = 0x1, [1] = 0x2 ], "
                                  "guid = \"11223344-5566-7788-0102-030405060708\""));
    EXPECT_THAT(metadata_, HasSubstr("loglevel = 3;"));
}

// Counted arrays of structs of { text, counted array of u8 }.
ByteVector structs(const std::vector<std::pair<std::string, std::vector<uint8_t>>>& elements) {
    ByteWriter out;
    out.write(uint16_t(elements.size()));
    for (const auto& [text, values] : elements) {
        out.append_text(text);
        out.write(uint8_t{0});
        out.write(uint16_t(values.size()));
        out.append(std::as_bytes(std::span(values)));
    }
    return out.take();
}

TEST_F(CtfTest, ListsOfStructsAreSequences) {
    const auto schema = SchemaBuilder("Structs")
                            .structure("s", 2, kCountedArray)
                            .field("t", Type::kUtf8)
                            .field("v", Type::kUInt8, Out::kDefault, kCountedArray);
    add_described(1, schema, structs({{"one", {1}}, {"two", {2, 3}}}));
    add_described(2, schema, structs({}));
    export_log(log_);
    if (!read_back()) GTEST_SKIP() << "no babeltrace2";
    EXPECT_THAT(shown_, HasSubstr("s_length = 2, s = [ [0] = { t = \"one\", v_length = 1, v = [ "
                                  "[0] = 1 ] }, [1] = { t = \"two\", v_length = 2, v = [ [0] = 2, "
                                  "[1] = 3 ] } ]"));
    EXPECT_THAT(shown_, HasSubstr("s_length = 0, s = [ ]"));
}

TEST_F(CtfTest, ListOfTextsIsASequenceOfStrings) {
    ByteWriter payload;
    payload.write(uint16_t{2});
    payload.append_text(std::string_view("a\0b\0", 4));
    add_described(1, SchemaBuilder("Texts").field("s", Type::kUtf8, Out::kDefault, kCountedArray),
                  payload.bytes());
    export_log(log_);
    if (!read_back()) GTEST_SKIP() << "no babeltrace2";
    EXPECT_THAT(shown_, HasSubstr("s_length = 2, s = [ [0] = \"a\", [1] = \"b\" ]"));
}

TEST_F(CtfTest, TextWithANulInsideKeepsWhatFollows) {
    ByteWriter payload;
    payload.write(uint16_t{3});
    payload.append_text(std::string_view("a\0b", 3));
    payload.write(uint32_t{5});
    add_described(1, SchemaBuilder("Nul").field("s", Type::kCountedUtf8).field("n", Type::kUInt32),
                  payload.bytes());
    export_log(log_);
    if (!read_back()) GTEST_SKIP() << "no babeltrace2";
    EXPECT_THAT(shown_, HasSubstr("s = \"a\xEF\xBF\xBD"
                                  "b\", n = 5"));
}

TEST_F(CtfTest, NamesNeverBreakTheMetadata) {
    add_described(1,
                  SchemaBuilder("quo\"te \\ }")
                      .field("}", Type::kUInt8)
                      .field("x_length", Type::kUInt8)
                      .field("x", Type::kUInt8, Out::kDefault, kCountedArray)
                      .field("x!", Type::kUInt8)
                      .field("x?", Type::kUInt8),
                  ByteVector(6));
    export_log(log_);
    if (!read_back()) GTEST_SKIP() << "no babeltrace2";
    EXPECT_THAT(shown_, HasSubstr("x_length = 0, x_length_2 = 0, x = [ ], x_ = 0, x__2 = 0"));
}

// Name, id, level and types of the two read the same one behind the other.
TEST_F(CtfTest, NamesNeverMakeTwoKindsOne) {
    const ByteVector chain = decode::test::describing_chain(
        SchemaBuilder("A").field("x", Type::kUtf8).build(), decode::test::traits("P"));
    const ByteVector payload = {std::byte{'v'}, std::byte{0}};
    add(1, test::event_at(at(1), {.id = 0x6161, .level = 'a'}, payload, chain));
    add(2, test::named_event(at(2), "Aaaa.", {.id = 'x', .level = 's'}));
    export_log(log_);
    if (!read_back()) GTEST_SKIP() << "no babeltrace2";
    EXPECT_THAT(shown_, HasSubstr("P:A: "));
    EXPECT_THAT(shown_, HasSubstr("P:Aaaa.: "));
}

TEST_F(CtfTest, UndecodedEventHasItsBytes) {
    const std::byte payload[] = {std::byte{0xAB}, std::byte{0xCD}};
    add(1, test::event_at(at(1), {.id = 9}, payload));
    export_log(log_);
    if (!read_back()) GTEST_SKIP() << "no babeltrace2";
    EXPECT_THAT(shown_, HasSubstr("11223344-5566-7788-0102-030405060708:Event 9: "));
    EXPECT_THAT(shown_, HasSubstr("payload_length = 2, payload = [ [0] = 0xAB, [1] = 0xCD ]"));
}

TEST_F(CtfTest, ContextSwitchesAreNamedAsLinuxTools) {
    add(1, test::process_event(at(1), 0x0303, test::kProcess, "app.exe"));
    add(2, named_event(at(2), "Tick", {}));
    add(3, test::switch_event(at(3), test::kThread, 0, 5));
    export_log(log_);
    EXPECT_THAT(metadata_, HasSubstr("domain = \"kernel\""));
    if (!read_back()) GTEST_SKIP() << "no babeltrace2";
    EXPECT_THAT(shown_, HasSubstr("sched_switch:"));
    EXPECT_THAT(shown_, HasSubstr("prev_comm = \"app.exe\", prev_tid = 3424, prev_prio = 9, "
                                  "prev_state = 1, next_comm = \"swapper\", next_tid = 0"));
}

TEST_F(CtfTest, TellsOfLostEvents) {
    add(1, named_event(at(1), "Tick", {}));
    log_.lost(42);
    export_log(log_);
    if (!read_back()) GTEST_SKIP() << "no babeltrace2";
    EXPECT_THAT(shown_, HasSubstr("discarded 42 events"));
}

TEST_F(CtfTest, LeavesOtherFoldersAlone) {
    std::filesystem::create_directory(folder_ / "full");
    std::ofstream(folder_ / "full/file") << "x";
    const auto refused = Ctf::create(folder_ / "full");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kAlreadyExists);
    std::filesystem::create_directory(folder_ / "part.part");
    std::ofstream(folder_ / "part.part/mine") << "x";
    EXPECT_FALSE(Ctf::create(folder_ / "part"));
    EXPECT_TRUE(std::filesystem::exists(folder_ / "part.part/mine"));
}

TEST_F(CtfTest, UnfinishedTraceLeavesNothing) {
    {
        auto exporter = Ctf::create(folder_ / "trace");
        ASSERT_TRUE(exporter);
        EXPECT_TRUE(std::filesystem::exists(folder_ / "trace.part"));
    }
    EXPECT_FALSE(std::filesystem::exists(folder_ / "trace.part"));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "trace"));
}

}  // namespace
}  // namespace etw::exports
