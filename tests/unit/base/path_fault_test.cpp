#include "base/path_fault.h"

#include "base/path.h"
#include "support/temp_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace etw {
namespace {

using test::TempFolder;
using testing::HasSubstr;

// What is said of a file that cannot be made there.
PathFault fault_of(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    EXPECT_LT(fd, 0) << path;
    return explain_open(path, errno);
}

// Root may do anything: what others may not is tried as somebody else.
class Others : public testing::Test {
protected:
    Others() { std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755)); }
    ~Others() override {
        if (changed_) {
            EXPECT_EQ(::seteuid(0), 0);
        }
    }
    void become_other() {
        constexpr uid_t kNobody = 65534;
        if (changed_) {
            ASSERT_EQ(::seteuid(kNobody), 0);
        }
    }

    TempFolder folder_;
    const bool changed_ = ::geteuid() == 0;
};

TEST(PathFault, NamesTheFolderThatIsMissing) {
    const TempFolder folder;
    const PathFault fault = fault_of(folder / "a/b/c.etl");
    EXPECT_EQ(fault.code, Code::kPathNotFound);
    EXPECT_EQ(fault.text,
              "the folder '" + (folder / "a") + "' does not exist; make it, or name another");
}

TEST(PathFault, TellsThatTheCurrentFolderHasBeenRemoved) {
    const TempFolder folder;
    const std::filesystem::path before = std::filesystem::current_path();
    std::filesystem::create_directory(folder / "gone");
    std::filesystem::current_path(folder / "gone");
    std::filesystem::remove(folder / "gone");
    const PathFault fault = fault_of("a.etl");
    EXPECT_EQ(to_absolute("a.etl"), "a.etl") << "and does not throw";
    std::filesystem::current_path(before);
    EXPECT_EQ(fault.code, Code::kPathNotFound);
    EXPECT_THAT(fault.text, HasSubstr("the folder '.' has been removed"));
}

TEST(PathFault, NamesWhatIsNoFolder) {
    const TempFolder folder;
    folder.write("file", "");
    const PathFault fault = fault_of(folder / "file/a.etl");
    EXPECT_EQ(fault.code, Code::kPathNotFound);
    EXPECT_THAT(fault.text, HasSubstr("'" + (folder / "file") + "' is a file, not a folder"));
}

TEST(PathFault, AFolderThatIsThereIsNotCalledMissing) {
    const PathFault fault = fault_of("/proc/openetw-test.etl");
    EXPECT_EQ(fault.code, Code::kBadPathname);
    EXPECT_THAT(fault.text, HasSubstr("the file system of '/proc' takes no new files; name a"));
}

TEST(PathFault, NamesTheLinkThatLeadsNowhere) {
    const TempFolder folder;
    std::filesystem::create_symlink("nowhere/a.etl", folder / "link.etl");
    PathFault fault = fault_of(folder / "link.etl");
    EXPECT_EQ(fault.code, Code::kPathNotFound);
    EXPECT_THAT(fault.text,
                HasSubstr("link.etl' is a link to 'nowhere/a.etl', which is not there"));
    std::filesystem::create_symlink("nowhere", folder / "folder");
    fault = fault_of(folder / "folder/a.etl");
    EXPECT_THAT(fault.text, HasSubstr("folder' is a link to 'nowhere', which is not there"));
}

TEST(PathFault, NamesTheLinkThatLeadsInACircle) {
    const TempFolder folder;
    std::filesystem::create_symlink("b", folder / "a");
    std::filesystem::create_symlink("a", folder / "b");
    for (const char* path : {"a", "a/x.etl"}) {
        const PathFault fault = fault_of(folder / path);
        EXPECT_EQ(fault.code, Code::kInvalidName);
        EXPECT_THAT(fault.text, HasSubstr("the link '" + (folder / "a") + "' leads in a circle"));
    }
}

TEST(PathFault, SaysWhatIsTooLong) {
    const TempFolder folder;
    PathFault fault = fault_of(folder / std::string(300, 'x'));
    EXPECT_EQ(fault.code, Code::kInvalidName);
    EXPECT_EQ(fault.text, "a name in it has 300 bytes, 255 are the most; shorten it");
    std::string deep = folder.path();
    while (deep.size() < 5000) deep += "/x";
    fault = fault_of(deep);
    EXPECT_EQ(fault.code, Code::kInvalidName);
    EXPECT_THAT(fault.text, HasSubstr("bytes, 4095 are the most; name a shorter path"));
}

TEST(PathFault, TellsAFolderFromItsSpelling) {
    const TempFolder folder;
    PathFault fault = fault_of(folder.path());
    EXPECT_EQ(fault.code, Code::kBadPathname);
    EXPECT_EQ(fault.text, "it is a folder; name a file in it");
    fault = fault_of(folder / "a.etl/");
    EXPECT_EQ(fault.code, Code::kBadPathname);
    EXPECT_EQ(fault.text, "it ends in / as a folder does; name a file");
    EXPECT_EQ(fault_of("/").text, "it is a folder; name a file in it");
}

TEST(PathFault, SaysWhatAMachineMayLack) {
    EXPECT_EQ(explain_open("/a.etl", EROFS).code, Code::kAccessDenied);
    EXPECT_THAT(explain_open("/a.etl", EROFS).text, HasSubstr("read-only"));
    EXPECT_EQ(explain_open("/a.etl", ENOSPC).code, Code::kDiskFull);
    EXPECT_EQ(explain_open("/a.etl", EDQUOT).code, Code::kDiskFull);
    EXPECT_EQ(explain_open("/a.etl", EPERM).code, Code::kAccessDenied);
    EXPECT_EQ(explain_open("/a.etl", ETXTBSY).code, Code::kSharingViolation);
    EXPECT_EQ(explain_open("/a.etl", EIO).text, "Input/output error");
}

TEST(PathFault, CallsWhatIsNoFileByItsKind) {
    EXPECT_THAT(explain_kind(S_IFIFO).text, HasSubstr("it is a pipe, where no log can go"));
    EXPECT_THAT(explain_kind(S_IFSOCK).text, HasSubstr("a socket"));
    EXPECT_THAT(explain_kind(S_IFCHR).text, HasSubstr("a device"));
    EXPECT_EQ(explain_kind(S_IFBLK).code, Code::kBadPathname);
}

TEST_F(Others, MayNotLookIntoAFolder) {
    std::filesystem::create_directory(folder_ / "shut");
    ASSERT_EQ(::chmod((folder_ / "shut").c_str(), changed_ ? 0700 : 0600), 0);
    become_other();
    const PathFault fault = fault_of(folder_ / "shut/a.etl");
    EXPECT_EQ(fault.code, Code::kAccessDenied);
    EXPECT_EQ(fault.text, "you have no right to look into the folder '" + (folder_ / "shut") +
                              "'; name another");
}

TEST_F(Others, MayNotMakeFilesInAFolder) {
    std::filesystem::create_directory(folder_ / "theirs");
    ASSERT_EQ(::chmod((folder_ / "theirs").c_str(), 0555), 0);
    become_other();
    const PathFault fault = fault_of(folder_ / "theirs/a.etl");
    EXPECT_EQ(fault.code, Code::kAccessDenied);
    EXPECT_EQ(fault.text, "you have no right to make files in the folder '" + (folder_ / "theirs") +
                              "'; name another");
}

TEST_F(Others, MayNotWriteToAFile) {
    folder_.write("a.etl", "");
    ASSERT_EQ(::chmod((folder_ / "a.etl").c_str(), 0444), 0);
    become_other();
    const PathFault fault = fault_of(folder_ / "a.etl");
    EXPECT_EQ(fault.code, Code::kAccessDenied);
    EXPECT_THAT(fault.text, HasSubstr("you have no right to read and write it"));
}

}  // namespace
}  // namespace etw
