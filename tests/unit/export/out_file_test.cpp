#include "export/out_file.h"

#include "export_log.h"

namespace etw::exports {
namespace {

using test::read_file;
using test::TempFolder;

TEST(OutFile, HasItsNameWhenItIsFinished) {
    TempFolder folder;
    const std::string path = folder / "out";
    auto file = OutFile::create(path);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("text"));
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_TRUE(std::filesystem::exists(path + ".part"));
    ASSERT_TRUE(file->finish());
    EXPECT_EQ(read_file(path), "text");
    EXPECT_FALSE(std::filesystem::exists(path + ".part"));
}

TEST(OutFile, LeavesWhatWasThereWhenItIsNotFinished) {
    TempFolder folder;
    const std::string path = folder / "out";
    std::ofstream(path) << "before";
    {
        auto file = OutFile::create(path);
        ASSERT_TRUE(file);
        ASSERT_TRUE(file->write("half"));
    }
    EXPECT_EQ(read_file(path), "before");
    EXPECT_FALSE(std::filesystem::exists(path + ".part"));
}

TEST(OutFile, WritesOverItsFront) {
    TempFolder folder;
    auto file = OutFile::create(folder / "out");
    ASSERT_TRUE(file->write("....text"));
    ASSERT_TRUE(file->write_front(std::as_bytes(std::span("head", 4))));
    ASSERT_TRUE(file->finish());
    EXPECT_EQ(read_file(folder / "out"), "headtext");
}

TEST(OutFile, RefusesAFolder) {
    TempFolder folder;
    EXPECT_FALSE(OutFile::create(folder / ""));
}

}  // namespace
}  // namespace etw::exports
