#include "etw/decoder.h"

#include "decode/kernel_table.h"
#include "decode/walk.h"
#include "event_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>

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

TEST_F(Decode, ThreadPoolsTellOfTheirCallbacks) {
    ByteWriter payload;
    for (uint32_t i = 1; i <= 5; ++i) payload.write(i);
    EXPECT_EQ(decode_kernel(0x1C20, 0, payload, false).outcome, Outcome::kDecoded);
    EXPECT_EQ(event_.name, "ThreadPool");
    EXPECT_EQ(event_.opcode, "CBEnqueue");
    EXPECT_EQ(event_.items.back().field->name, "SubProcessTag");
    EXPECT_TRUE(event_.rest.empty());
    EXPECT_EQ(decode_kernel(0x1C23, 0, payload, false).opcode, "CBStop");
    EXPECT_EQ(event_.items.size(), 1u);
}

// The public descriptions end within these: what follows stands as bytes.
TEST_F(Decode, MemoryCountersHaveTheirNames) {
    ByteWriter payload;
    for (uint64_t i = 1; i <= 4; ++i) payload.write(i);
    EXPECT_EQ(decode_kernel(0x0270, 2, payload).opcode, "SystemMemInfo");
    EXPECT_EQ(event_.items.at(0).field->name, "FreePages");
    EXPECT_EQ(event_.items.at(1).bytes.size(), 24u);
    EXPECT_EQ(decode_kernel(0x0283, 2, payload).opcode, "RemoveFromWS");
    EXPECT_EQ(event_.rest.size(), 32u);
}

// What merges add of images and of the machine: no hook has it, only its class and type.
class MergedEvent : public Decode {
protected:
    const Event& decode_merged(uint16_t hook, uint8_t version, const ByteWriter& payload,
                               bool is_64_bit = true) {
        payload_.assign(payload.bytes().begin(), payload.bytes().end());
        auto record = test::kernel_record(0, version, payload_, is_64_bit);
        record.type = is_64_bit ? wire::HeaderType::kFull64 : wire::HeaderType::kFull32;
        for (const KernelClass& c : kernel_classes()) {
            if (c.group == uint8_t(hook >> 8)) record.provider = c.guid;
        }
        record.descriptor.opcode = uint8_t(hook);
        decoder_.decode(record, event_);
        return event_;
    }
    std::string fields() const {
        std::string out;
        for (const Item& item : event_.items) out += std::string(item.field->name) + ' ';
        return out;
    }
};

TEST_F(MergedEvent, AnImagesDebugDirectoryIsKnownByKind) {
    ByteWriter image;
    image.write(uint64_t{0x7ff8a9b20000});
    image.write(uint32_t{3296});
    EXPECT_EQ(decode_merged(0x4028, 1, image).outcome, Outcome::kDecoded);
    EXPECT_EQ(event_.opcode, "DbgDeterm");
    EXPECT_EQ(fields(), "ImageBase ProcessId ");

    ByteWriter portable = image;
    for (const uint32_t part : {0xac08dc44u, 0x01000100u}) portable.write(part);
    EXPECT_EQ(decode_merged(0x4026, 2, portable).outcome, Outcome::kDecoded);
    EXPECT_EQ(fields(), "ImageBase ProcessId TimeDateStamp MajorVersion MinorVersion ");
    EXPECT_TRUE(event_.rest.empty());

    ByteWriter embedded = image;
    embedded.write(uint32_t{0x01000100});
    embedded.write(test::kProvider);
    embedded.write(uint32_t{1});
    EXPECT_EQ(decode_merged(0x4027, 1, embedded).opcode, "DbgEmbeddedPPDB");
    EXPECT_EQ(fields(), "ImageBase ProcessId MajorVersion MinorVersion GuidSig Age ");
    EXPECT_TRUE(event_.rest.empty());

    ByteWriter separate = image;
    for (const uint32_t part : {0x612365u, 0x681d64c5u, 0x60d000u}) separate.write(part);
    separate.append_text(std::string("a\0.\0d\0b\0g\0\0\0", 12));
    EXPECT_EQ(decode_merged(0x4022, 2, separate).opcode, "DbgID_DBG");
    EXPECT_EQ(fields(), "ImageBase ProcessId ImageChecksum TimeDateStamp ImageSize DbgFileName ");
    EXPECT_TRUE(event_.rest.empty());

    ByteWriter failure;
    failure.append_text(std::string("n\0o\0\0\0", 6));
    EXPECT_EQ(decode_merged(0x4029, 1, failure).opcode, "Failure");
    EXPECT_EQ(fields(), "Message ");
}

TEST_F(MergedEvent, APointerOfA32BitMachineIsShort) {
    ByteWriter image;
    image.write(uint32_t{0x400000});
    image.write(uint32_t{4});
    EXPECT_EQ(decode_merged(0x4028, 1, image, false).outcome, Outcome::kDecoded);
    EXPECT_TRUE(event_.rest.empty());
}

TEST_F(MergedEvent, ANetworkInterfaceIsAsLongAsItsStructure) {
    constexpr size_t kSize = 1352;  // MIB_IF_ROW2
    constexpr size_t kAddressLength = 1056, kMtu = 1124, kNetworkGuid = 1168, kSpeed = 1192;
    std::vector<std::byte> row(kSize);
    const auto put = [&row](size_t at, auto value) {
        std::memcpy(row.data() + at, &value, sizeof(value));
    };
    put(kAddressLength, uint32_t{6});
    put(kMtu, uint32_t{1500});
    put(kNetworkGuid, test::kProvider);
    put(kSpeed, uint64_t{10'000'000'000});
    ByteWriter payload;
    payload.append(Bytes(row));
    const Event& e = decode_merged(0x4124, 0, payload);
    EXPECT_EQ(e.outcome, Outcome::kDecoded);
    EXPECT_EQ(e.opcode, "NetworkInterface");
    EXPECT_TRUE(e.rest.empty());
    std::map<std::string_view, size_t> at;
    for (const Item& item : e.items) {
        at[item.field->name] = size_t(item.bytes.data() - payload_.data());
    }
    EXPECT_EQ(at["PhysicalAddressLength"], kAddressLength);
    EXPECT_EQ(at["Mtu"], kMtu);
    EXPECT_EQ(at["NetworkGuid"], kNetworkGuid);
    EXPECT_EQ(at["TransmitLinkSpeed"], kSpeed);
    EXPECT_EQ(at["OutQLen"], kSize - 8);
}

TEST_F(MergedEvent, SaysWhatKindOfDeviceTheMachineIs) {
    ByteWriter payload;
    payload.write(uint64_t{0x000a000065f4122c});
    payload.write(uint32_t{3});
    payload.write(uint32_t{4});
    EXPECT_EQ(decode_merged(0x4125, 0, payload).opcode, "DeviceFamily");
    EXPECT_EQ(fields(), "UAPInfo DeviceFamily DeviceForm ");
}

}  // namespace
}  // namespace etw::decode
