// Where modules lay, and when.
#include "decode/image_table.h"

#include "event_builder.h"

#include <gtest/gtest.h>

namespace etw::decode {
namespace {

using test::ByteVector;

class ImageTableTest : public testing::Test {
protected:
    void image(uint16_t hook, int64_t time, uint64_t base, uint64_t size, uint32_t process,
               std::string_view path) {
        ByteWriter out;
        out.write(base);
        out.write(size);
        out.write(process);
        for (int i = 0; i < 3; ++i) out.write(uint32_t{0});
        out.write(base);
        for (int i = 0; i < 4; ++i) out.write(uint32_t{0});
        test::put_utf16(out, path);
        out.write(char16_t{0});
        add(hook, time, out);
    }
    void add(uint16_t hook, int64_t time, const ByteWriter& payload) {
        const ByteVector bytes(payload.bytes().begin(), payload.bytes().end());
        etl::Record record = test::kernel_record(hook, 3, bytes, true);
        record.time_stamp = time;
        table_.add(record);
    }
    std::string at(uint32_t process, int64_t time, uint64_t address) const {
        ImageTable::Place place{};
        if (!table_.find(process, time, address, place)) return "";
        return table_.modules()[place.module].path + "+" + std::to_string(place.offset);
    }

    ImageTable table_;
};

TEST_F(ImageTableTest, FindsAnImageFromItsLoadToItsUnload) {
    image(0x030A, 10, 0x1000, 0x100, 7, "/bin/a");
    image(0x1402, 20, 0x1000, 0x100, 7, "/bin/a");
    image(0x030A, 30, 0x1000, 0x200, 7, "/bin/b");
    EXPECT_EQ(at(7, 9, 0x1010), "");
    EXPECT_EQ(at(7, 15, 0x1010), "/bin/a+16");
    EXPECT_EQ(at(7, 15, 0x1100), "");
    EXPECT_EQ(at(7, 25, 0x1010), "");
    EXPECT_EQ(at(7, 99, 0x1110), "/bin/b+272");
    EXPECT_EQ(at(8, 15, 0x1010), "");
}

TEST_F(ImageTableTest, TakesWhatRundownsTellForTheTimeBefore) {
    image(0x1403, 10, 0x1000, 0x100, 7, "/bin/a");
    image(0x1404, 50, 0x1000, 0x100, 7, "/bin/a");
    image(0x1404, 50, 0x3000, 0x100, 7, "/bin/b");  // the start of the log is gone
    EXPECT_EQ(at(7, 1, 0x1000), "/bin/a+0");
    EXPECT_EQ(at(7, 1, 0x3000), "/bin/b+0");
    EXPECT_EQ(table_.modules().size(), 2u);
}

TEST_F(ImageTableTest, SeesTheKernelInAllProcesses) {
    image(0x1403, 10, 0xffffffff81000000, 0x1000, 0, "[kernel]");
    EXPECT_EQ(at(7, 20, 0xffffffff81000020), "[kernel]+32");
    EXPECT_EQ(at(ImageTable::kNoProcess, 20, 0xffffffff81000020), "[kernel]+32");
}

TEST_F(ImageTableTest, KnowsWhoseAThreadWas) {
    for (const auto& [hook, time, process] :
         {std::tuple{0x0503, 10, 7u}, std::tuple{0x0501, 30, 9u}}) {
        ByteWriter out;
        out.write(process);
        out.write(uint32_t{71});
        add(uint16_t(hook), time, out);
    }
    EXPECT_EQ(table_.process_of(71, 20), 7u);
    EXPECT_EQ(table_.process_of(71, 30), 9u);
    EXPECT_EQ(table_.process_of(72, 30), ImageTable::kNoProcess);
}

// Its start was lost: that it is there says nothing of when another process had the number.
TEST_F(ImageTableTest, ARundownDoesNotReachBackOverAnotherProcess) {
    for (const auto& [hook, time, process] :
         {std::tuple{0x0501, 10, 7u}, std::tuple{0x0504, 50, 9u}}) {
        ByteWriter out;
        out.write(process);
        out.write(uint32_t{71});
        add(uint16_t(hook), time, out);
    }
    EXPECT_EQ(table_.process_of(71, 20), 7u);
    EXPECT_EQ(table_.process_of(71, 50), 9u);
}

// A log may unload as often as it likes what it never loaded.
TEST_F(ImageTableTest, ManyImagesAtOneBaseTakeNoTime) {
    for (int64_t time = 0; time < 100'000; ++time) image(0x1402, time, 0x1000, 0x100, 7, "/bin/a");
    image(0x030A, 200'000, 0x1000, 0x100, 7, "/bin/b");
    EXPECT_EQ(at(7, 200'001, 0x1010), "/bin/b+16");
}

TEST_F(ImageTableTest, ForgetsWhatHasEndedToMakeRoom) {
    image(0x030A, 10, 0x1000, 0x100, 7, "/bin/a");
    image(0x030A, 10, 0x2000, 0x100, 7, "/bin/b");
    image(0x030A, 10, 0x1000, 0x100, 8, "/bin/c");
    for (const auto& [process, thread] : {std::pair{7u, 71u}, std::pair{8u, 81u}}) {
        ByteWriter out;
        out.write(process);
        out.write(thread);
        add(0x0501, 10, out);
    }
    image(0x1402, 20, 0x2000, 0x100, 7, "/bin/b");
    image(0x1402, 20, 0x1000, 0x100, 8, "/bin/c");
    table_.drop_ended();
    EXPECT_EQ(at(7, 15, 0x1010), "/bin/a+16");
    EXPECT_EQ(at(7, 15, 0x2010), "");
    EXPECT_EQ(at(8, 15, 0x1010), "");
    EXPECT_EQ(table_.process_of(71, 15), 7u);
    EXPECT_EQ(table_.process_of(81, 15), ImageTable::kNoProcess);
}

TEST_F(ImageTableTest, PassesOverWhatIsCutShort) {
    ByteWriter out;
    out.write(uint64_t{0x1000});
    for (const int hook : {0x030A, 0x1402, 0x1403, 0x1404, 0x0501}) add(uint16_t(hook), 1, out);
    EXPECT_TRUE(table_.empty());
}

}  // namespace
}  // namespace etw::decode
