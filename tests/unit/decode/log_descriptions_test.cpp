// What a log says of its own events, wherever in the log it stands.
#include "decode/log_descriptions.h"

#include "event_builder.h"

#include <gtest/gtest.h>

#include <array>

namespace etw::decode {
namespace {

using test::ByteVector;

constexpr Guid kMetaData{
    0xbbccf6c1, 0x6cd1, 0x48c4, {0x80, 0xff, 0x83, 0x94, 0x82, 0xe3, 0x76, 0x71}};

std::string xml(std::string_view event,
                std::string_view guid = "11223344-5566-7788-0102-030405060708") {
    return "<instrumentationManifest><instrumentation><events><provider name=\"Src\" guid=\"{" +
           std::string(guid) + "}\"><events><event value=\"3\" symbol=\"" + std::string(event) +
           "\"/></events></provider></events></instrumentation></instrumentationManifest>";
}

class LogDescriptionsTest : public testing::Test {
protected:
    void chunk(std::string_view text, uint16_t total, uint16_t number, uint32_t process = 1) {
        ByteWriter payload;
        payload.write(std::array<uint8_t, 4>{1, 1, 0, 0x5B});
        payload.write(total);
        payload.write(number);
        payload.append_text(text);
        const ByteVector bytes = payload.take();
        etl::Record record = test::event_record({}, bytes);
        record.descriptor.channel = 0;
        record.descriptor.id = kManifestEventId;
        record.process_id = process;
        descriptions_.look_at(record);
    }
    void meta_data(uint8_t opcode, const ByteVector& bytes) {
        etl::Record record = test::event_record({}, bytes);
        record.type = wire::HeaderType::kFull64;
        record.provider = kMetaData;
        record.descriptor = {};
        record.descriptor.opcode = opcode;
        descriptions_.look_at(record);
    }
    std::string symbol() const {
        const auto found = providers_.find(test::kProvider, 3, 0, false);
        return found.event == nullptr ? "" : found.event->symbol;
    }

    ProviderSet providers_;
    StackTable stacks_;
    ImageTable images_;
    LogDescriptions descriptions_{providers_, stacks_, images_};
};

TEST_F(LogDescriptionsTest, PutsTheChunksOfAManifestTogether) {
    const std::string text = xml("Hello");
    chunk(text.substr(0, 50), 3, 0);
    chunk(text.substr(50, 50), 3, 1);
    EXPECT_EQ(symbol(), "");
    chunk(text.substr(100), 3, 2);
    EXPECT_EQ(symbol(), "Hello");
}

// What is announced takes nothing until it comes.
TEST_F(LogDescriptionsTest, ReadsManifestsBesideManyThatHaveOnlyBegun) {
    for (uint32_t process = 2; process < 1000; ++process) chunk("x", 65535, 0, process);
    const std::string text = xml("Hello");
    chunk(text.substr(0, 50), 2, 0);
    chunk(text.substr(50), 2, 1);
    EXPECT_EQ(symbol(), "Hello");
}

TEST_F(LogDescriptionsTest, KeepsTheChunksOfProcessesApart) {
    const std::string one = xml("One"), two = xml("Two");
    chunk(one.substr(0, 50), 2, 0, 1);
    chunk(two.substr(0, 60), 2, 0, 2);
    chunk(one.substr(50), 2, 1, 1);
    EXPECT_EQ(symbol(), "One");
    chunk(two.substr(60), 2, 1, 2);
    EXPECT_EQ(symbol(), "One");  // what is known stays
}

TEST_F(LogDescriptionsTest, BeginsAnewWhereAProcessDoes) {
    const std::string text = xml("Hello");
    chunk("garbage", 2, 0);
    chunk(text.substr(0, 50), 2, 0);
    chunk(text.substr(50), 2, 1);
    EXPECT_EQ(symbol(), "Hello");
}

TEST_F(LogDescriptionsTest, LetsAProcessSpeakForItsProviderOnly) {
    chunk(xml("Foreign", "99999999-5566-7788-0102-030405060708"), 1, 0);
    EXPECT_TRUE(providers_.empty());
}

TEST_F(LogDescriptionsTest, ForgetsWhatIsNeverComplete) {
    for (uint32_t process = 0; process < 5000; ++process) {
        chunk(std::string(20'000, 'x'), 2, 0, process);  // 100 MB in all
    }
    chunk(xml("Late"), 1, 0, 9999);
    descriptions_.finish();
    EXPECT_EQ(symbol(), "");  // there was no room any more, and no memory was taken
}

// TRACE_EVENT_INFO of one UInt32 with a map, and the map behind it.
TEST_F(LogDescriptionsTest, ReadsEventInformationThatAMergeAdded) {
    ByteWriter info;
    info.write(test::kProvider);
    info.write(Guid{});
    info.write(wire::EventDescriptor{.id = 3, .version = 0});
    info.write(uint32_t{0});  // XML
    constexpr uint32_t kTexts = 0x70 + 24;
    const uint32_t provider = kTexts, task = kTexts + 8, field = kTexts + 16, map = kTexts + 20;
    for (const uint32_t offset : {provider, 0u, 0u, 0u, task, 0u, 0u, 0u, 0u, 0u, 0u, 0u}) {
        info.write(offset);
    }
    for (const uint32_t count : {1u, 1u, 0u}) info.write(count);
    info.write(uint32_t{0});
    info.write(field);
    info.write(uint16_t{8});
    info.write(uint16_t{0});
    info.write(map);
    info.write(uint16_t{1});
    info.write(uint16_t{4});
    info.write(uint32_t{0});
    for (const char* text : {"Pro", "Ta ", "f", "M"}) {
        test::put_utf16(info, text);
        info.write(char16_t{0});
    }
    meta_data(32, info.take());

    ByteWriter map_info;
    map_info.write(test::kProvider);
    for (const uint32_t word : {24u, 1u, 1u, 0u, 28u, 5u}) map_info.write(word);
    for (const char* text : {"M", "Five "}) {
        test::put_utf16(map_info, text);
        map_info.write(char16_t{0});
    }
    meta_data(33, map_info.take());
    descriptions_.finish();

    const auto found = providers_.find(test::kProvider, 3, 0, false);
    ASSERT_NE(found.event, nullptr);
    EXPECT_EQ(*found.provider, "Pro");
    EXPECT_EQ(found.event->task, "Ta");
    ASSERT_EQ(found.event->fields->fields.size(), 1u);
    const FieldModel& only = found.event->fields->fields[0];
    EXPECT_EQ(only.name, "f");
    EXPECT_EQ(only.in_type, 8);
    EXPECT_EQ(only.count.kind, Amount::Kind::kNone);
    ASSERT_NE(only.map, nullptr);
    EXPECT_EQ(only.map->names[0].second, "Five");
}

TEST_F(LogDescriptionsTest, SkipsDamagedEventInformation) {
    meta_data(32, ByteVector(40, std::byte{0xFF}));
    meta_data(33, ByteVector(10));
    descriptions_.finish();
    EXPECT_TRUE(providers_.empty());
}

}  // namespace
}  // namespace etw::decode
