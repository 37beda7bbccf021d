#include "tmf/pdb.h"

#include "support/pdb_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace etw::tmf {
namespace {

using test::ByteVector;
using test::MsfBuilder;
using test::PdbBuilder;
using test::read_from;
using ::testing::ElementsAre;

constexpr const char* kGuidLine =
    "9f4c5d00-1111-2222-3333-444455556666 tracedrv // SRC=drv.c MJ= MN=";
const Guid kGuid = *parse_guid("9f4c5d00-1111-2222-3333-444455556666");

Result<PdbMessages> read(const ByteVector& file) {
    ETW_TRY(auto msf, MsfFile::open(read_from(file), file.size()));
    return read_pdb_messages(msf);
}

PdbBuilder driver() {
    PdbBuilder pdb;
    pdb.symbol(0x1110, ByteVector(30))
        .annotation({"Debug", "AssertFail", "x == 1"})
        .annotation({"TMF:", kGuidLine,
                     "#typev drv_c5 10 \"%0IOCTL = %10!d!\" //   LEVEL=INFO FUNC=f", "{",
                     "x, ItemLong -- 10", "}"})
        .module()
        .annotation({"TMF:", kGuidLine, "#typev drv_c9 11 \"%0a\nb\r\" //   FUNC=f", "{", "}"})
        .annotation({"TMC:", "d58c126f-b309-11d1-969e-0000f875a5bc", "TraceDrvGuid", "FLAG_ONE",
                     "FLAG_TWO"});
    return pdb;
}

TEST(Pdb, GivesTheMessagesOfAllModules) {
    const auto pdb = read(driver().build());
    ASSERT_TRUE(pdb);
    EXPECT_TRUE(pdb->skipped.empty());
    EXPECT_EQ(pdb->damaged_modules, 0u);
    EXPECT_EQ(pdb->messages.formats().size(), 2u);
    const MessageFormat* const m = pdb->messages.find(kGuid, 10);
    ASSERT_NE(m, nullptr);
    EXPECT_EQ(m->text, "%0IOCTL = %10!d!");
    EXPECT_EQ(m->component, "tracedrv");
    EXPECT_EQ(m->arguments.size(), 1u);
}

TEST(Pdb, KeepsALineFeedOfATextAsItsEscape) {
    const auto pdb = read(driver().build());
    ASSERT_TRUE(pdb);
    ASSERT_NE(pdb->messages.find(kGuid, 11), nullptr);
    EXPECT_EQ(pdb->messages.find(kGuid, 11)->text, "%0a%nb");
}

TEST(Pdb, GivesControlGuidsAndTheirFlags) {
    const auto pdb = read(driver().build());
    ASSERT_TRUE(pdb);
    ASSERT_EQ(pdb->messages.controls().size(), 1u);
    const ControlGuid& c = pdb->messages.controls()[0];
    EXPECT_EQ(to_string(c.guid), "d58c126f-b309-11d1-969e-0000f875a5bc");
    EXPECT_EQ(c.name, "TraceDrvGuid");
    EXPECT_THAT(c.flags, ElementsAre("FLAG_ONE", "FLAG_TWO"));
}

TEST(Pdb, GivesTheNamesOfEnumerationsFromItsTypes) {
    PdbBuilder pdb;
    pdb.enumeration("Unused", {{"No", 1}});
    const uint32_t first_list = PdbBuilder::kFirstType;
    pdb.enumeration("_STATE", {{"Idle", 0}, {"Busy", 300'000}, {"Bad", -2}}, first_list);
    pdb.annotation({"TMF:", kGuidLine, "#typev drv_c5 10 \"%0%10!s!\" //", "{",
                    "s, ItemEnum(_STATE) -- 10", "t, ItemEnum(_MISSING) -- 11", "}"});
    const auto messages = read(pdb.build());
    ASSERT_TRUE(messages);
    const MessageFormat* const m = messages->messages.find(kGuid, 10);
    ASSERT_NE(m, nullptr);
    EXPECT_THAT(m->arguments[0].names,
                ElementsAre(NamedValue{0, "Idle"}, NamedValue{300'000, "Busy"},
                            NamedValue{uint64_t(int64_t{-2}), "Bad"}, NamedValue{1, "No"}));
    EXPECT_TRUE(m->arguments[1].names.empty());
}

TEST(Pdb, EndsAtAListThatGoesOnWithItself) {
    PdbBuilder pdb;
    pdb.enumeration("_STATE", {{"Idle", 0}}, PdbBuilder::kFirstType);
    pdb.annotation({"TMF:", kGuidLine, "#typev drv_c5 10 \"%0%10!s!\" //", "{",
                    "s, ItemEnum(_STATE) -- 10", "}"});
    const auto messages = read(pdb.build());
    ASSERT_TRUE(messages);
    EXPECT_THAT(messages->messages.find(kGuid, 10)->arguments[0].names,
                ElementsAre(NamedValue{0, "Idle"}));
}

TEST(Pdb, KnowsItsIdentity) {
    const auto file = driver().build();
    auto msf = MsfFile::open(read_from(file), file.size());
    ASSERT_TRUE(msf);
    const auto identity = read_pdb_identity(*msf);
    ASSERT_TRUE(identity);
    EXPECT_EQ(identity->guid, PdbBuilder().guid_);
    EXPECT_EQ(identity->age, 3u);
}

TEST(Pdb, WithoutAnnotationsIsEmptyAndNoFailure) {
    const auto pdb = read(PdbBuilder().build());
    ASSERT_TRUE(pdb);
    EXPECT_TRUE(pdb->messages.empty());
}

TEST(Pdb, ReadsTheOtherModulesWhereOneIsDamaged) {
    PdbBuilder pdb = driver();
    auto streams = pdb.streams();
    streams[4].resize(20);
    MsfBuilder file;
    for (ByteVector& s : streams) file.stream(std::move(s));
    const auto messages = read(file.build());
    ASSERT_TRUE(messages);
    EXPECT_EQ(messages->damaged_modules, 1u);
    EXPECT_EQ(messages->messages.find(kGuid, 10), nullptr);
    EXPECT_NE(messages->messages.find(kGuid, 11), nullptr);
}

TEST(Pdb, LeavesOutAnAnnotationThatSaysItHasMoreStringsThanItHas) {
    ByteWriter annotation;
    annotation.write(uint32_t{0});
    annotation.write(uint16_t{1});
    annotation.write(uint16_t{900});
    annotation.append_text(std::string_view("TMC:\0d58c126f-b309-11d1-969e-0000f875a5bc\0x\0", 44));
    PdbBuilder pdb;
    pdb.symbol(0x1019, annotation.bytes());
    pdb.annotation({"TMC:", "d58c126f-b309-11d1-969e-0000f875a5bd", "good"});
    const auto messages = read(pdb.build());
    ASSERT_TRUE(messages);
    EXPECT_EQ(messages->damaged_modules, 1u);
    ASSERT_EQ(messages->messages.controls().size(), 1u);
    EXPECT_EQ(messages->messages.controls()[0].name, "good");
}

// --- the container -------------------------------------------------------------------------------

TEST(Msf, GivesStreamsOfAnySize) {
    for (const uint32_t block_size : {512u, 4096u}) {
        MsfBuilder builder(block_size);
        std::vector<ByteVector> streams;
        for (const size_t size :
             {size_t{0}, size_t{1}, size_t{511}, size_t{512}, size_t{513}, size_t{200'000}}) {
            ByteVector bytes(size);
            for (size_t i = 0; i < size; ++i) bytes[i] = std::byte(i * 7 + size);
            streams.push_back(bytes);
            builder.stream(std::move(bytes));
        }
        const auto file = builder.build();
        auto msf = MsfFile::open(read_from(file), file.size());
        ASSERT_TRUE(msf);
        ASSERT_EQ(msf->stream_count(), streams.size());
        for (size_t i = 0; i < streams.size(); ++i) {
            const auto stream = msf->read_stream(i);
            ASSERT_TRUE(stream);
            EXPECT_EQ(*stream, streams[i]);
        }
        EXPECT_FALSE(msf->read_stream(streams.size()));
    }
}

struct Damage {
    const char* what;  // of the error
    size_t offset;     // in the super block
    uint32_t value;
};
void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.what; }

class MsfDamage : public ::testing::TestWithParam<Damage> {};

TEST_P(MsfDamage, IsAnError) {
    auto file = driver().build();
    std::memcpy(file.data() + GetParam().offset, &GetParam().value, sizeof(uint32_t));
    const auto msf = MsfFile::open(read_from(file), file.size());
    ASSERT_FALSE(msf);
    EXPECT_EQ(msf.error().code, Code::kInvalidData);
    EXPECT_STREQ(msf.error().what, GetParam().what);
}

INSTANTIATE_TEST_SUITE_P(
    SuperBlock, MsfDamage,
    ::testing::Values(Damage{"PDB: no MSF 7.00 signature", 0, 0}, Damage{"PDB: block size", 32, 0},
                      Damage{"PDB: block size", 32, 513}, Damage{"PDB: block size", 32, 1u << 20},
                      Damage{"PDB: size of the directory", 44, UINT32_MAX},
                      Damage{"PDB: list of the directory's blocks", 52, UINT32_MAX},
                      Damage{"PDB: number of streams", 44, 3}));

TEST(Msf, RefusesAFileThatIsCutOff) {
    const auto whole = driver().build();
    // The last block is only filled in part.
    for (size_t size = 0; size < whole.size() - 512; size += 97) {
        const ByteVector cut(whole.begin(), whole.begin() + ptrdiff_t(size));
        const auto messages = read(cut);
        EXPECT_TRUE(!messages || messages->damaged_modules != 0) << size;
    }
}

TEST(Msf, BoundsWhatStreamsThatShareTheirBlocksGive) {
    // All streams of the directory lie in the same block.
    constexpr uint32_t kStreams = 50;
    ByteWriter directory;
    directory.write(kStreams);
    for (uint32_t i = 0; i < kStreams; ++i) directory.write(uint32_t{512});
    for (uint32_t i = 0; i < kStreams; ++i) directory.write(uint32_t{0});
    MsfBuilder builder(512);
    builder.stream(directory.take());
    auto file = builder.build();
    // The stream becomes the directory: its one block is number 3, its list follows the old one's.
    const uint32_t size = 4 + 8 * kStreams;
    std::memcpy(file.data() + 44, &size, sizeof(size));
    const uint32_t block = 3;
    const size_t map_at = file.size() - 512;
    std::memcpy(file.data() + map_at, &block, sizeof(block));
    auto msf = MsfFile::open(read_from(file), file.size());
    ASSERT_TRUE(msf);
    uint64_t given = 0;
    for (size_t i = 0; i < kStreams; ++i) {
        if (const auto stream = msf->read_stream(i)) given += stream->size();
    }
    EXPECT_GT(given, 0u);
    EXPECT_LE(given, 4 * file.size());
}

}  // namespace
}  // namespace etw::tmf
