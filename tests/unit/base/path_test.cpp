#include "base/path.h"

#include "base/file.h"
#include "support/temp_folder.h"

#include <gtest/gtest.h>

namespace etw {
namespace {

TEST(Path, KeepsNamesOfAnyCharacters) {
    for (const char* name : {"", "plain.etl", "журнал.etl", "トレース", "é😀", ".", "a.b.c"}) {
        EXPECT_EQ(to_text(to_path(name)), name);
    }
    EXPECT_EQ(to_text(to_path("журнал.tmf").extension()), ".tmf");
    EXPECT_EQ(to_path("папка/é"), to_path("папка") / to_path("é"));
}

TEST(Path, NamesTheFileThatIsOpenedByTheSameText) {
    const test::TempFolder folder;
    const std::string path = folder / "журнал 😀.etl";
    ASSERT_TRUE(File::create(path, true));
    EXPECT_TRUE(std::filesystem::exists(to_path(path)));
    ASSERT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
    const auto entry = *std::filesystem::directory_iterator(folder.path());
    EXPECT_EQ(to_text(entry.path().filename()), "журнал 😀.etl");
    EXPECT_TRUE(File::open_read(to_text(entry.path())));
}

}  // namespace
}  // namespace etw
