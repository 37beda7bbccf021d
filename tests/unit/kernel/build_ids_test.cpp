#include "kernel/build_ids.h"

#include "base/byte_writer.h"
#include "kernel/elf_file.h"
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

// Name and data are rounded up to 4 bytes.
std::vector<std::byte> note(uint32_t type, const std::string& name, uint32_t size) {
    ByteWriter out;
    out.write(uint32_t(name.size() + 1));
    out.write(size);
    out.write(type);
    out.append_text(name + std::string(4 - name.size() % 4, '\0'));
    for (uint32_t i = 0; i < (size + 3) / 4 * 4; ++i) out.write(uint8_t(i));
    return out.take();
}

TEST(BuildIdOfNotes, IsTheOneOfTheLinkerAmongOthers) {
    auto notes = note(3, "FreeBSD", 5);
    for (const auto& more : {note(1, "GNU", 16), note(3, "GNU", 20)}) {
        notes.insert(notes.end(), more.begin(), more.end());
    }
    const BuildId id = build_id_of_notes(notes);
    ASSERT_EQ(id.size(), 20u);
    EXPECT_EQ(id[19], std::byte{19});
    notes.resize(notes.size() - 1);
    EXPECT_TRUE(build_id_of_notes(notes).empty());
}

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
