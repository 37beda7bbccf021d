#include "etw/decoder.h"

#include "decode/kernel_table.h"
#include "decode/walk.h"
#include "event_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace etw::decode {
namespace {

using test::ByteVector;
using test::SchemaBuilder;
using Kind = Item::Kind;

// Keeps the bytes an event views.
class Decode : public testing::Test {
protected:
    const Event& decode(const SchemaBuilder& schema, const ByteWriter& payload,
                        const ByteVector& traits = test::traits("Provider")) {
        chain_ = test::describing_chain(schema.build(), traits);
        payload_.assign(payload.bytes().begin(), payload.bytes().end());
        decoder_.decode(test::event_record(chain_, payload_), event_);
        return event_;
    }
    const Event& decode_kernel(uint16_t hook, uint8_t version, const ByteWriter& payload,
                               bool is_64_bit = true) {
        payload_.assign(payload.bytes().begin(), payload.bytes().end());
        decoder_.decode(test::kernel_record(hook, version, payload_, is_64_bit), event_);
        return event_;
    }
    std::vector<Kind> kinds() const {
        std::vector<Kind> out;
        for (const Item& item : event_.items) out.push_back(item.kind);
        return out;
    }
    std::string text(size_t item) const {
        const Bytes b = event_.items.at(item).bytes;
        return {reinterpret_cast<const char*>(b.data()), b.size()};
    }

    Decoder decoder_;
    Event event_;
    ByteVector chain_, payload_;
};

TEST_F(Decode, ViewsThePayloadAndCopiesNothing) {
    ByteWriter payload;
    payload.write(uint32_t{7});
    payload.append_text("abc");
    payload.write(uint8_t{0});
    const Event& e =
        decode(SchemaBuilder("Hello").field("n", Type::kUInt32).field("s", Type::kUtf8), payload);
    EXPECT_EQ(e.outcome, Outcome::kDecoded);
    EXPECT_EQ(e.provider, "Provider");
    EXPECT_EQ(e.name, "Hello");
    ASSERT_EQ(e.items.size(), 2u);
    EXPECT_EQ(e.items[0].bytes.data(), payload_.data());
    EXPECT_EQ(text(1), "abc");
    EXPECT_TRUE(e.rest.empty());
}

TEST_F(Decode, KeepsNothingOfTheEventBefore) {
    ByteWriter three;
    for (const uint32_t n : {1u, 2u, 3u}) three.write(n);
    const auto numbers = [](size_t count) {
        SchemaBuilder schema("E");
        for (size_t i = 0; i < count; ++i) schema.field("n", Type::kUInt32);
        return schema;
    };
    EXPECT_EQ(decode(numbers(3), three).items.size(), 3u);
    ByteWriter one;
    one.write(uint32_t{4});
    EXPECT_EQ(decode(numbers(1), one).items.size(), 1u);
    EXPECT_EQ(decode(numbers(3), three).items.size(), 3u);
    // A string first, and a payload that ends inside of what follows.
    ByteWriter text;
    text.append_text("a");
    text.write(uint8_t{0});
    text.write(uint16_t{5});
    SchemaBuilder mixed("M");
    mixed.field("s", Type::kUtf8).field("n", Type::kUInt32);
    EXPECT_EQ(decode(mixed, text).outcome, Outcome::kMalformed);
    ASSERT_EQ(event_.items.size(), 1u);
    EXPECT_EQ(this->text(0), "a");
    EXPECT_EQ(event_.rest.size(), 2u);
    EXPECT_TRUE(decode(numbers(0), ByteWriter()).items.empty());
}

TEST_F(Decode, TakesAStringThatEndsWithThePayload) {
    ByteWriter payload;
    payload.append_text("abc");
    EXPECT_EQ(decode(SchemaBuilder("E").field("s", Type::kUtf8), payload).outcome,
              Outcome::kDecoded);
    EXPECT_EQ(text(0), "abc");
}

TEST_F(Decode, GivesArraysOfFixedSizeAsOneItem) {
    ByteWriter payload;
    payload.write(uint16_t{3});
    for (uint16_t i = 0; i < 3; ++i) payload.write(i);
    payload.write(uint32_t{1});
    payload.write(uint32_t{2});
    const Event& e =
        decode(SchemaBuilder("E")
                   .field("counted", Type::kUInt16, Out::kDefault, test::kCountedArray)
                   .field("constant", Type::kUInt32, Out::kDefault, test::kConstantArray, 2),
               payload);
    ASSERT_EQ(e.outcome, Outcome::kDecoded);
    ASSERT_EQ(e.items.size(), 2u);
    EXPECT_EQ(e.items[0].count, 3u);
    EXPECT_EQ(e.items[0].bytes.size(), 6u);
    EXPECT_EQ(e.items[1].count, 2u);
}

TEST_F(Decode, RepeatsStructsWithTheirMembers) {
    ByteWriter payload;
    payload.write(uint16_t{2});
    for (const char c : {'x', 'y'}) {
        payload.write(uint8_t{1});
        payload.write(c);
        payload.write(uint8_t{0});
    }
    decode(SchemaBuilder("E")
               .structure("s", 2, test::kCountedArray)
               .field("n", Type::kUInt8)
               .field("t", Type::kUtf8),
           payload);
    EXPECT_THAT(kinds(), testing::ElementsAre(Kind::kArrayBegin, Kind::kStructBegin, Kind::kValue,
                                              Kind::kValue, Kind::kStructEnd, Kind::kStructBegin,
                                              Kind::kValue, Kind::kValue, Kind::kStructEnd,
                                              Kind::kArrayEnd));
    EXPECT_EQ(text(7), "y");
}

TEST_F(Decode, KeepsTheFieldsBeforeTheDamage) {
    ByteWriter payload;
    payload.write(uint32_t{7});
    payload.write(uint16_t{0xABCD});
    const Event& e =
        decode(SchemaBuilder("E").field("a", Type::kUInt32).field("b", Type::kUInt32), payload);
    EXPECT_EQ(e.outcome, Outcome::kMalformed);
    EXPECT_STREQ(e.reason, "payload ends inside a field");
    ASSERT_EQ(e.items.size(), 1u);
    EXPECT_EQ(e.rest.size(), 2u);
    EXPECT_EQ(e.rest.data(), payload_.data() + 4);
}

TEST_F(Decode, DropsAStructThatIsNotWhole) {
    ByteWriter payload;
    payload.write(uint8_t{1});
    payload.write(uint8_t{2});
    const Event& e = decode(SchemaBuilder("E")
                                .field("a", Type::kUInt8)
                                .structure("s", 2)
                                .field("x", Type::kUInt8)
                                .field("y", Type::kUInt8),
                            payload);
    EXPECT_EQ(e.outcome, Outcome::kMalformed);
    EXPECT_THAT(kinds(), testing::ElementsAre(Kind::kValue));
    EXPECT_EQ(e.rest.size(), 1u);
}

TEST_F(Decode, ReportsBytesBehindTheLastField) {
    ByteWriter payload;
    payload.write(uint32_t{7});
    const Event& e = decode(SchemaBuilder("E").field("a", Type::kUInt16), payload);
    EXPECT_EQ(e.outcome, Outcome::kMalformed);
    EXPECT_EQ(e.items.size(), 1u);
    EXPECT_EQ(e.rest.size(), 2u);
}

TEST_F(Decode, BoundsArraysOfEmptyStructs) {
    SchemaBuilder schema("E");
    for (int i = 0; i < 4; ++i) schema.structure("s", 1, test::kConstantArray, 0xFFFF);
    const Event& e = decode(schema.structure("last", 0), ByteWriter());
    EXPECT_EQ(e.outcome, Outcome::kMalformed);
    EXPECT_STREQ(e.reason, "too many values");
    EXPECT_TRUE(e.items.empty());
}

TEST_F(Decode, BoundsArraysByThePayload) {
    ByteWriter payload;
    payload.write(uint16_t{0xFFFF});
    EXPECT_EQ(
        decode(SchemaBuilder("E").field("a", Type::kUInt64, Out::kDefault, test::kCountedArray),
               payload)
            .outcome,
        Outcome::kMalformed);
}

TEST_F(Decode, TakesCustomSerializersAsCountedBytes) {
    ByteWriter payload;
    payload.write(uint16_t{2});
    payload.write(uint16_t{0x0201});
    const uint8_t description[] = {9, 9, 9};
    const Event& e = decode(SchemaBuilder("E")
                                .field("c", Type::kCountedBinary, Out::kDefault, test::kCustom, 3)
                                .raw(std::as_bytes(std::span(description))),
                            payload);
    ASSERT_EQ(e.outcome, Outcome::kDecoded);
    EXPECT_EQ(e.items[0].bytes.size(), 2u);
}

TEST_F(Decode, NamesTheProviderGroupAndTheRelatedActivity) {
    const Guid group{1, 2, 3, {}};
    const Guid related{4, 5, 6, {}};
    ByteWriter related_bytes;
    related_bytes.write(related);
    const auto chain =
        test::chain({{wire::ExtendedType::kRelatedActivityId, related_bytes.take()},
                     {wire::ExtendedType::kProviderTraits, test::traits("P", &group)}});
    decoder_.decode(test::event_record(chain, {}), event_);
    ASSERT_NE(event_.group, nullptr);
    EXPECT_EQ(*event_.group, group);
    ASSERT_NE(event_.related, nullptr);
    EXPECT_EQ(*event_.related, related);
    EXPECT_EQ(event_.provider, "P");
}

TEST_F(Decode, ForgetsTheEventBefore) {
    const Guid group{1, 2, 3, {}};
    decode(SchemaBuilder("E").field("a", Type::kUInt8), ByteWriter(), test::traits("P", &group));
    decoder_.decode(test::event_record({}, {}), event_);
    EXPECT_TRUE(event_.provider.empty());
    EXPECT_TRUE(event_.name.empty());
    EXPECT_EQ(event_.group, nullptr);
    EXPECT_EQ(event_.outcome, Outcome::kUnknown);
    EXPECT_TRUE(event_.items.empty());
}

TEST_F(Decode, ShowsAnEventWithADamagedSchemaAsBytes) {
    const ByteVector schema{std::byte{9}, std::byte{0}};
    const auto chain = test::describing_chain(schema, test::traits("P"));
    const ByteVector payload{std::byte{1}, std::byte{2}};
    decoder_.decode(test::event_record(chain, payload), event_);
    EXPECT_EQ(event_.outcome, Outcome::kMalformed);
    EXPECT_STREQ(event_.reason, "schema: size");
    EXPECT_EQ(event_.provider, "P");
    EXPECT_EQ(event_.rest.size(), 2u);
}

TEST_F(Decode, ManySchemasDoNotMixUp) {
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 5000; ++i) {
            const std::string name = "Event" + std::to_string(i);
            ASSERT_EQ(decode(SchemaBuilder(name), ByteWriter()).name, name);
        }
    }
}

TEST_F(Decode, ShowsEventSourceManifestsAsSuch) {
    ByteWriter payload;
    for (const int b : {1, 1, 0, 0x5B}) payload.write(uint8_t(b));
    payload.write(uint16_t{1});
    payload.write(uint16_t{0});
    payload.append_text("<xml/>");
    payload_.assign(payload.bytes().begin(), payload.bytes().end());
    auto record = test::event_record({}, payload_);
    record.descriptor.id = 0xFFFE;
    decoder_.decode(record, event_);
    EXPECT_EQ(event_.name, "ManifestData");
    ASSERT_EQ(event_.items.size(), 7u);
    EXPECT_EQ(text(6), "<xml/>");
}

TEST_F(Decode, NamesKernelEventsByClassAndOpcode) {
    ByteWriter payload;
    payload.write(uint32_t{100});
    const Event& e = decode_kernel(0x030B, 2, payload);
    EXPECT_EQ(e.provider, "Process");
    EXPECT_EQ(e.name, "Process");
    EXPECT_EQ(e.opcode, "Terminate");
    EXPECT_EQ(e.outcome, Outcome::kDecoded);
    EXPECT_EQ(e.items.at(0).field->name, "ProcessId");
}

TEST_F(Decode, TakesImageLoadsFromTheProcessGroup) {
    decode_kernel(0x030A, 3, ByteWriter());
    EXPECT_EQ(event_.name, "Image");
    EXPECT_EQ(event_.opcode, "Load");
}

TEST_F(Decode, TakesTheNewestLayoutNotAboveTheVersion) {
    ByteWriter payload;  // DiskIo/ReadInit: a pointer; from version 3 a thread too
    payload.write(uint64_t{1});
    EXPECT_EQ(decode_kernel(0x010C, 2, payload).items.size(), 1u);
    payload.write(uint32_t{2});
    EXPECT_EQ(decode_kernel(0x010C, 3, payload).items.size(), 2u);
    EXPECT_EQ(decode_kernel(0x010C, 9, payload).items.size(), 2u);
}

TEST_F(Decode, UsesThePointerSizeOfTheRecord) {
    ByteWriter payload;
    payload.write(uint32_t{0x10});
    payload.write(uint32_t{0x20});
    EXPECT_EQ(decode_kernel(0x020A, 2, payload, false).items.size(), 2u);
    EXPECT_EQ(decode_kernel(0x020A, 2, payload, true).outcome, Outcome::kMalformed);
}

TEST_F(Decode, TriesTheOtherPointerSizeForClassicEvents) {
    ByteWriter payload;
    payload.write(uint64_t{0x10});
    payload.write(uint64_t{0x20});
    payload_.assign(payload.bytes().begin(), payload.bytes().end());
    auto record = test::kernel_record(0, 2, payload_, false);
    record.type = wire::HeaderType::kFull32;
    record.provider = kernel_classes()[2].guid;  // PageFault
    record.descriptor.opcode = 0x0A;
    decoder_.decode(record, event_);
    EXPECT_EQ(event_.name, "PageFault");
    EXPECT_EQ(event_.outcome, Outcome::kDecoded);
    EXPECT_EQ(event_.items.at(0).bytes.size(), 8u);
}

TEST_F(Decode, ReadsTheUserOfAProcess) {
    const auto process = [&](auto put_user) {
        ByteWriter payload;
        payload.write(uint64_t{1});
        for (uint32_t i = 0; i < 4; ++i) payload.write(i);
        put_user(payload);
        payload.append_text("a.exe");
        payload.write(uint8_t{0});
        return decode_kernel(0x0301, 1, payload).outcome;
    };
    const auto put_sid = [](ByteWriter& out) {
        for (const int b : {1, 1, 0, 0, 0, 0, 0, 5}) out.write(uint8_t(b));
        out.write(uint32_t{18});
    };
    EXPECT_EQ(process([](ByteWriter& out) { out.write(uint32_t{0}); }), Outcome::kDecoded);
    EXPECT_EQ(text(6), "a.exe");
    EXPECT_TRUE(event_.items[5].bytes.empty());
    for (const uint64_t pointer : {uint64_t{0xFFFF8000}, uint64_t{0}}) {
        EXPECT_EQ(process([&](ByteWriter& out) {
                      out.write(pointer);
                      out.write(uint64_t{0});
                      put_sid(out);
                  }),
                  Outcome::kDecoded);
        EXPECT_EQ(event_.items[5].bytes.size(), 12u);
        EXPECT_EQ(text(6), "a.exe");
    }
}

TEST_F(Decode, KeepsTheBytesOfUnknownHooks) {
    ByteWriter payload;
    payload.write(uint32_t{1});
    EXPECT_EQ(decode_kernel(0x0BFE, 1, payload).opcode, "Opcode(254)");
    EXPECT_EQ(event_.name, "SystemConfig");
    EXPECT_EQ(event_.outcome, Outcome::kUnknown);
    EXPECT_EQ(event_.rest.size(), 4u);
    decode_kernel(0xFFFE, 1, payload);  // no such group
    EXPECT_TRUE(event_.name.empty());
    EXPECT_EQ(event_.rest.size(), 4u);
}

TEST_F(Decode, WalksStacksToTheEndOfThePayload) {
    ByteWriter payload;
    payload.write(uint64_t{5});
    payload.write(uint32_t{6});
    payload.write(uint32_t{7});
    for (uint64_t i = 0; i < 3; ++i) payload.write(i);
    const Event& e = decode_kernel(0x1820, 2, payload);
    EXPECT_EQ(e.outcome, Outcome::kDecoded);
    EXPECT_EQ(e.items.at(3).count, 3u);
}

// What the systems before Vista wrote of a thread's end, and of its start.
TEST_F(Decode, AThreadsEndMayHaveNothingButItsIds) {
    ByteWriter payload;
    payload.write(uint32_t{4});
    payload.write(uint32_t{8});
    EXPECT_EQ(decode_kernel(0x0502, 1, payload, false).outcome, Outcome::kDecoded);
    EXPECT_EQ(event_.items.size(), 2u);
    for (int i = 0; i < 6; ++i) payload.write(uint32_t{0x1000});
    payload.write(uint8_t{1});
    EXPECT_EQ(decode_kernel(0x0501, 1, payload, false).outcome, Outcome::kDecoded);
    EXPECT_EQ(event_.items.size(), 9u);
}

TEST_F(Decode, AnInterruptOfAMessageHasItsNumber) {
    ByteWriter payload;
    payload.write(uint64_t{1});
    payload.write(uint64_t{2});
    payload.write(uint32_t{0});  // return value, vector, reserved
    EXPECT_EQ(decode_kernel(0x0F32, 2, payload).items.size(), 5u);
    EXPECT_EQ(event_.outcome, Outcome::kDecoded);
    payload.write(uint32_t{3});
    EXPECT_EQ(decode_kernel(0x0F32, 2, payload).outcome, Outcome::kDecoded);
    EXPECT_EQ(event_.items.back().field->name, "MessageNumber");
}

}  // namespace
}  // namespace etw::decode
