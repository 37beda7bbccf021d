#include "decode/schema.h"

#include "event_builder.h"

#include <gtest/gtest.h>

namespace etw::decode {
namespace {

using test::SchemaBuilder;

constexpr bool k64 = true;

TEST(Schema, NamesTheEventAndItsFieldsInOrder) {
    const auto blob =
        SchemaBuilder("Hello").field("a", Type::kUInt32).field("b", Type::kUtf8).build();
    const auto program = compile_schema(blob, k64);
    ASSERT_TRUE(program);
    EXPECT_EQ(program->name, "Hello");
    ASSERT_EQ(program->fields.size(), 2u);
    EXPECT_EQ(program->fields[0].name, "a");
    EXPECT_EQ(program->fields[1].name, "b");
    EXPECT_EQ(program->fields[0].size, 4);
    EXPECT_EQ(program->fields[1].size, 0);
}

TEST(Schema, ReadsTagsOfSevenBitGroups) {
    ByteWriter out;
    out.write(uint16_t{0});
    out.write(uint8_t{0x81});  // more follows
    out.write(uint8_t{0x02});
    out.append_text("E");
    out.write(uint8_t{0});
    out.append_text("f");
    out.write(uint8_t{0});
    out.write(uint8_t{0x80 | 8});  // u32, an out-type follows
    out.write(uint8_t{0x80 | 4});  // hex, a tag follows
    out.write(uint8_t{0x83});
    out.write(uint8_t{0x04});
    auto blob = out.take();
    const auto size = uint16_t(blob.size());
    std::memcpy(blob.data(), &size, 2);
    const auto program = compile_schema(blob, k64);
    ASSERT_TRUE(program);
    EXPECT_EQ(program->tag, 0x82u);
    EXPECT_EQ(program->fields[0].tag, 0x184u);
    EXPECT_EQ(program->fields[0].format, Format::kHex);
}

// A log can have a schema of its own for each event: none may take long.
TEST(Schema, TellsManyFieldsOfOneNameApart) {
    SchemaBuilder schema("E");
    for (size_t i = 0; i < kMaxFields; ++i) schema.field("a", Type::kUInt8);
    const auto blob = schema.build();
    for (int i = 0; i < 50; ++i) {
        const auto program = compile_schema(blob, k64);
        ASSERT_TRUE(program);
        EXPECT_EQ(program->fields[0].name, "a");
        EXPECT_EQ(program->fields[1].name, "a#2");
        EXPECT_EQ(program->fields.back().name, "a#" + std::to_string(kMaxFields));
    }
}

TEST(Schema, PassesOverNumbersThatAreNames) {
    const auto blob = SchemaBuilder("E")
                          .field("a#2", Type::kUInt8)
                          .field("a", Type::kUInt8)
                          .field("a", Type::kUInt8)
                          .field("a", Type::kUInt8)
                          .build();
    const auto program = compile_schema(blob, k64);
    ASSERT_TRUE(program);
    EXPECT_EQ(program->fields[2].name, "a#3");
    EXPECT_EQ(program->fields[3].name, "a#4");
}

TEST(Schema, ClosesStructsBehindTheirLastMember) {
    const auto blob = SchemaBuilder("E")
                          .structure("outer", 2)
                          .structure("inner", 1)
                          .field("x", Type::kInt8)
                          .field("y", Type::kInt8)
                          .field("z", Type::kInt8)
                          .build();
    const auto program = compile_schema(blob, k64);
    ASSERT_TRUE(program);
    const auto& f = program->fields;
    ASSERT_EQ(f.size(), 5u);
    EXPECT_EQ(f[0].end, 4);
    EXPECT_EQ(f[1].end, 3);
    EXPECT_EQ(f[4].end, 5);
}

TEST(Schema, NumbersNamesThatALevelAlreadyHas) {
    const auto blob = SchemaBuilder("E")
                          .field("a", Type::kInt8)
                          .field("a", Type::kInt8)
                          .structure("s", 1)
                          .field("a", Type::kInt8)
                          .field("a", Type::kInt8)
                          .build();
    const auto program = compile_schema(blob, k64);
    ASSERT_TRUE(program);
    EXPECT_EQ(program->fields[1].name, "a#2");
    EXPECT_EQ(program->fields[3].name, "a");  // a level of its own
    EXPECT_EQ(program->fields[4].name, "a#3");
}

TEST(Schema, MakesNamesPrintable) {
    const auto blob = SchemaBuilder("E\x1b[2J\xff").field("a\nb", Type::kInt8).build();
    const auto program = compile_schema(blob, k64);
    ASSERT_TRUE(program);
    EXPECT_EQ(program->name, "E\uFFFD[2J\uFFFD");
    EXPECT_EQ(program->fields[0].name, "a\uFFFDb");
}

TEST(Schema, MakesAPointerAsWideAsTheRecordSays) {
    const auto blob = SchemaBuilder("E").field("p", Type::kPointer).build();
    EXPECT_EQ(compile_schema(blob, true)->fields[0].size, 8);
    EXPECT_EQ(compile_schema(blob, false)->fields[0].size, 4);
}

TEST(Schema, RefusesASizeThatIsNotTheBlobs) {
    auto blob = SchemaBuilder("E").build();
    blob[0] = std::byte{0xFF};
    EXPECT_FALSE(compile_schema(blob, k64));
}

TEST(Schema, RefusesEveryTruncation) {
    const auto whole = SchemaBuilder("Event")
                           .field("f", Type::kUInt32, Out::kHex, test::kConstantArray, 4)
                           .build();
    // Cut where a field ends it would be whole again: that is behind the event name.
    const size_t behind_name = 2 + 1 + 6;
    for (size_t size = 0; size < whole.size(); ++size) {
        if (size == behind_name) continue;
        test::ByteVector cut(whole.begin(), whole.begin() + std::ptrdiff_t(size));
        if (size >= 2) {
            const auto stored = uint16_t(size);
            std::memcpy(cut.data(), &stored, sizeof(stored));
        }
        EXPECT_FALSE(compile_schema(cut, k64)) << size;
    }
}

TEST(Schema, RefusesStructsNestedTooDeep) {
    SchemaBuilder builder("E");
    for (int i = 0; i <= kMaxNesting; ++i) builder.structure("s", 1);
    EXPECT_FALSE(compile_schema(builder.field("x", Type::kInt8).build(), k64));
}

TEST(Schema, AcceptsStructsNestedAsDeepAsAllowed) {
    SchemaBuilder builder("E");
    for (int i = 0; i < kMaxNesting; ++i) builder.structure("s", 1);
    EXPECT_TRUE(compile_schema(builder.field("x", Type::kInt8).build(), k64));
}

TEST(Schema, RefusesMoreFieldsThanTheBudget) {
    SchemaBuilder builder("E");
    for (size_t i = 0; i <= kMaxFields; ++i) builder.field(std::to_string(i), Type::kInt8);
    EXPECT_FALSE(compile_schema(builder.build(), k64));
}

TEST(Schema, RefusesAStructWhoseMembersAreMissing) {
    EXPECT_FALSE(
        compile_schema(SchemaBuilder("E").structure("s", 2).field("x", Type::kInt8).build(), k64));
}

TEST(Schema, RefusesArraysOfNothing) {
    EXPECT_FALSE(compile_schema(
        SchemaBuilder("E").field("n", Type::kNull, Out::kDefault, test::kCountedArray).build(),
        k64));
}

TEST(Schema, RefusesUnknownTypes) {
    EXPECT_FALSE(compile_schema(SchemaBuilder("E").field("n", Type(26)).build(), k64));
}

TEST(Traits, GiveNameAndGroup) {
    const Guid group{1, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}};
    const auto provider = parse_traits(test::traits("My.Provider", &group));
    ASSERT_TRUE(provider);
    EXPECT_EQ(provider->name, "My.Provider");
    EXPECT_EQ(provider->group, group);
}

TEST(Traits, SkipTypesTheyDoNotKnow) {
    auto blob = test::traits("P");
    const uint8_t other[] = {4, 0, 200, 1};
    for (const uint8_t b : other) blob.push_back(std::byte{b});
    blob[0] = std::byte(blob.size());
    const auto provider = parse_traits(blob);
    ASSERT_TRUE(provider);
    EXPECT_EQ(provider->name, "P");
    EXPECT_FALSE(provider->group);
}

TEST(Traits, RefuseATraitSmallerThanItsHeader) {
    auto blob = test::traits("P");
    for (const int b : {2, 0}) blob.push_back(std::byte(b));
    blob[0] = std::byte(blob.size());
    EXPECT_FALSE(parse_traits(blob));
}

}  // namespace
}  // namespace etw::decode
