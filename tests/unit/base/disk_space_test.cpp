#include "base/disk_space.h"

#include <gtest/gtest.h>

namespace etw {
namespace {

TEST(DiskSpace, IsWhatAnOrdinaryUserMayWrite) {
    struct statvfs disk {};
    disk.f_frsize = 4096;
    disk.f_blocks = 100;
    disk.f_bfree = 20;
    disk.f_bavail = 10;
    EXPECT_EQ(free_space(disk), 40960u);
    disk.f_bavail = 0;
    EXPECT_EQ(free_space(disk), 0u);
}

TEST(DiskSpace, OfAFileSystemThatTellsOfNoBlocksIsEnough) {
    struct statvfs disk {};
    disk.f_frsize = 4096;
    EXPECT_EQ(free_space(disk), ~uint64_t{0});
}

}  // namespace
}  // namespace etw
