#include "kernel/images/build_ids.h"

#include "base/byte_writer.h"
#include "kernel/images/elf_file.h"
#include "support/temp_folder.h"

#include <gtest/gtest.h>

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <filesystem>

namespace etw::kernel {
namespace {

TEST(BuildIds, AreThoseOfTheFileThatWasMapped) {
    const std::string path = std::filesystem::read_symlink("/proc/self/exe");
    struct stat file {};
    ASSERT_EQ(::stat(path.c_str(), &file), 0);
    const auto self = uint32_t(::getpid());
    BuildIds ids;
    const BuildId id = ids.of(path, file.st_ino, self);
    EXPECT_EQ(ids.of(path, file.st_ino, INT_MAX), id);  // a process that is gone
    EXPECT_TRUE(ids.of(path, file.st_ino + 1, self).empty());
    EXPECT_TRUE(ids.of("[heap]", 0, self).empty());
    EXPECT_TRUE(ids.of("/proc/self/maps", 0, self).empty());
}

// Another process chooses the path, and to open a device can do something.
TEST(BuildIds, OpenNothingButRegularFiles) {
    const test::TempFolder folder;
    const std::string path = folder / "pipe";
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    struct stat file {};
    ASSERT_EQ(::stat(path.c_str(), &file), 0);
    const UniqueFd opened(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    ASSERT_GE(::inotify_add_watch(opened.get(), path.c_str(), IN_OPEN), 0);
    EXPECT_TRUE(BuildIds().of(path, file.st_ino, uint32_t(::getpid())).empty());
    EXPECT_FALSE(ElfFile::open(path));
    std::array<char, 4096> events{};
    EXPECT_EQ(::read(opened.get(), events.data(), events.size()), -1);
    EXPECT_EQ(errno, EAGAIN);
}

}  // namespace
}  // namespace etw::kernel
