// Manifests in Windows programs: resources, compiled templates, message tables.
#include "decode/message_table.h"
#include "decode/pe_resources.h"
#include "decode/wevt_template.h"
#include "etw/decoder.h"
#include "pe_builder.h"
#include "support/temp_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace etw::decode {
namespace {

using test::ByteVector;

TEST(PeResources, AreFoundByNumberAndByName) {
    const ByteVector file = test::pe_file({{uint16_t{11}, ByteVector(5, std::byte{1})},
                                           {std::string("WEVT_TEMPLATE"), ByteVector(7)}});
    const auto tables = find_resources(file, kResourceMessageTable);
    ASSERT_TRUE(tables);
    ASSERT_EQ(tables->size(), 1u);
    EXPECT_EQ((*tables)[0].size(), 5u);
    EXPECT_EQ((*tables)[0][0], std::byte{1});
    const auto templates = find_resources(file, kResourceWevtTemplate);
    ASSERT_TRUE(templates);
    ASSERT_EQ(templates->size(), 1u);
    EXPECT_EQ((*templates)[0].size(), 7u);
    EXPECT_TRUE(find_resources(file, uint16_t{3})->empty());
}

TEST(PeResources, DoNotTrustAnyByte) {
    const ByteVector file = test::program_with_manifest();
    for (size_t size = 0; size < file.size(); ++size) {
        static_cast<void>(find_resources(Bytes(file).first(size), kResourceWevtTemplate));
    }
    for (size_t at = 0; at < 0x200; ++at) {
        ByteVector broken = file;
        broken[at] = std::byte{0xFF};
        Catalog catalog;
        static_cast<void>(catalog.add_binary(broken));
    }
    EXPECT_FALSE(find_resources(Bytes(file).first(1), kResourceWevtTemplate));
}

TEST(MessageTable, HasTextsByNumber) {
    MessageTable texts;
    ASSERT_TRUE(read_message_table(test::message_table(0x1000, {"one\r\n", "zwei"}), texts));
    EXPECT_EQ(texts.at(0x1000), "one");
    EXPECT_EQ(texts.at(0x1001), "zwei");
}

TEST(MessageTable, EndsWhereItIsDamaged) {
    MessageTable texts;
    ByteVector table = test::message_table(1, {"one", "two"});
    table.resize(table.size() - 4);
    EXPECT_FALSE(read_message_table(table, texts));
    EXPECT_EQ(texts.size(), 1u);
    // Blocks that share one entry could make a table of any size.
    ByteWriter same;
    same.write(uint32_t{1000});
    for (uint32_t i = 0; i < 1000; ++i) {
        for (const uint32_t word : {i * 10, i * 10, 0u}) same.write(word);
    }
    texts.clear();
    EXPECT_FALSE(read_message_table(same.take(), texts));
}

// Event 7 of the manifest that the builder makes.
class BinaryManifest : public testing::Test {
protected:
    void decode() {
        ByteWriter out;
        out.write(uint32_t{2});
        out.append_text("ab");
        payload_ = out.take();
        etl::Record record = test::event_record({}, payload_);
        record.descriptor = {.id = 7, .version = 1};
        decoder_.emplace(catalog_);
        decoder_->decode(record, event_);
        ASSERT_EQ(event_.outcome, Outcome::kDecoded) << event_.reason;
        ASSERT_EQ(event_.items.size(), 2u);
        EXPECT_EQ(event_.items[1].bytes.size(), 2u);
    }

    std::shared_ptr<Catalog> catalog_ = std::make_shared<Catalog>();
    std::optional<Decoder> decoder_;
    ByteVector payload_;
    Event event_;
};

TEST_F(BinaryManifest, DescribesEventsWithTheTextsOfItsProgram) {
    const auto added = catalog_->add_binary(test::program_with_manifest());
    ASSERT_TRUE(added) << added.error().what;
    decode();
    const Event& event = event_;
    EXPECT_EQ(event.provider, "My-Provider");
    EXPECT_EQ(event.name, "Task text");
    EXPECT_EQ(event.opcode, "Start");
    EXPECT_EQ(event.items[0].field->name, "Size");
    ASSERT_NE(event.items[0].field->map, nullptr);
    EXPECT_EQ(event.items[0].field->map->names[0].second, "Two");
    EXPECT_EQ(event.items[1].field->name, "Data");
    ASSERT_NE(event.names, nullptr);
    EXPECT_EQ(event.names->level, "Warning");
    EXPECT_THAT(event.names->keywords, testing::ElementsAre("Disk"));
    ASSERT_NE(event.message, nullptr);
    ASSERT_EQ(event.message->parts.size(), 2u);
    EXPECT_EQ(event.message->parts[1].text, "d");
}

TEST_F(BinaryManifest, TakesItsTextsFromTheFileBesideIt) {
    const etw::test::TempFolder folder;
    const auto write = [&](const std::string& name, const ByteVector& bytes) {
        folder.write(name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    };
    write("x.dll", test::pe_file({{std::string("WEVT_TEMPLATE"), test::wevt_template()}}));
    write("en-US/x.dll.mui",
          test::pe_file({{uint16_t{11}, test::message_table(101, {"From the file beside it"})}}));
    EXPECT_TRUE(catalog_->add_binary_file(folder / "x.dll"));
    decode();
    EXPECT_EQ(event_.name, "From the file beside it");
}

TEST_F(BinaryManifest, AResourceAloneIsEnough) {
    ASSERT_TRUE(catalog_->add_binary(test::wevt_template()));
    decode();
    EXPECT_EQ(event_.name, "TaskName");
}

TEST_F(BinaryManifest, SurvivesAnyDamage) {
    const ByteVector whole = test::wevt_template();
    for (size_t at = 0; at < whole.size(); ++at) {
        for (const std::byte value : {std::byte{0}, std::byte{0xFF}}) {
            ByteVector broken = whole;
            broken[at] = value;
            static_cast<void>(parse_wevt_template(broken, {}));
        }
        static_cast<void>(parse_wevt_template(Bytes(whole).first(at), {}));
    }
}

}  // namespace
}  // namespace etw::decode
