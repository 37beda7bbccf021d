#include "backend_linux/log_file.h"

#include "support/temp_folder.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace etw::backend_linux {
namespace {

using test::TempFolder;

Code code_of(const std::string& path) {
    const auto log = LogFile::open(path, false);
    return log ? Code::kOk : log.error().code;
}

TEST(LogFile, ANewFileGoesAgainUnlessItIsKept) {
    const TempFolder folder;
    {
        const auto log = LogFile::open(folder / "a.etl", false);
        ASSERT_TRUE(log);
        EXPECT_TRUE(folder.has("a.etl"));
        EXPECT_EQ(log->descriptors().size(), 1u);
    }
    EXPECT_FALSE(folder.has("a.etl"));
    {
        auto log = LogFile::open(folder / "a.etl", false);
        ASSERT_TRUE(log);
        log->keep();
    }
    EXPECT_TRUE(folder.has("a.etl"));
}

TEST(LogFile, AnExistingFileIsNeitherTruncatedNorRemoved) {
    const TempFolder folder;
    folder.write("a.etl", "old");
    { ASSERT_TRUE(LogFile::open(folder / "a.etl", false)); }
    EXPECT_EQ(folder.read("a.etl"), "old");
}

TEST(LogFile, SomebodyElsesFileAtThePathIsLeftAlone) {
    const TempFolder folder;
    {
        const auto log = LogFile::open(folder / "a.etl", false);
        ASSERT_TRUE(log);
        folder.write("other", "theirs");
        std::filesystem::rename(folder / "other", folder / "a.etl");
    }
    EXPECT_EQ(folder.read("a.etl"), "theirs");
}

TEST(LogFile, ComesWithItsFolderOnRequest) {
    const TempFolder folder;
    const auto log = LogFile::open(folder / "a1.etl", true);
    ASSERT_TRUE(log);
    ASSERT_EQ(log->descriptors().size(), 2u);
    struct stat given {
    }, there{};
    ASSERT_EQ(::fstat(log->descriptors()[1], &given), 0);
    ASSERT_EQ(::stat(folder.path().c_str(), &there), 0);
    EXPECT_EQ(given.st_ino, there.st_ino);
    // Good for making the next file.
    const UniqueFd next(
        ::openat(log->descriptors()[1], "a2.etl", O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    EXPECT_TRUE(next);
}

TEST(LogFile, OnlyRegularFilesTakeALog) {
    const TempFolder folder;
    EXPECT_EQ(code_of(folder.path()), Code::kBadPathname);
    EXPECT_EQ(code_of("/dev/null"), Code::kBadPathname);
    ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
    EXPECT_EQ(code_of(folder / "pipe"), Code::kBadPathname);
    EXPECT_TRUE(folder.has("pipe"));
}

TEST(LogFile, IsNotWhatTheProgramPrintsInto) {
    const TempFolder folder;
    folder.write("output", "");
    const UniqueFd output(::open((folder / "output").c_str(), O_WRONLY | O_CLOEXEC));
    for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
        std::fflush(nullptr);
        const UniqueFd before(::dup(fd));
        ASSERT_EQ(::dup2(output.get(), fd), fd);
        const Code code = code_of(folder / "output");
        const Code device = code_of(fd == STDOUT_FILENO ? "/dev/stdout" : "/dev/stderr");
        ASSERT_EQ(::dup2(before.get(), fd), fd);
        EXPECT_EQ(code, Code::kBadPathname);
        EXPECT_EQ(device, Code::kBadPathname);
    }
    EXPECT_EQ(code_of(folder / "output"), Code::kOk);
}

TEST(LogFile, AMissingFolderIsNamed) {
    const TempFolder folder;
    const auto log = LogFile::open(folder / "nowhere/a.etl", false);
    ASSERT_FALSE(log);
    EXPECT_EQ(log.error().code, Code::kPathNotFound);
    EXPECT_NE(log.error().detail.find("nowhere/a.etl"), std::string::npos);
    folder.write("file", "");
    EXPECT_EQ(code_of(folder / "file/a.etl"), Code::kPathNotFound);
}

TEST(LogFile, ALinkToAFileThatIsNotThereYetIsFollowed) {
    const TempFolder folder;
    std::filesystem::create_symlink(folder / "real.etl", folder / "link.etl");
    EXPECT_EQ(code_of(folder / "link.etl"), Code::kOk);
}

TEST(LogFile, RightsAreTheCallers) {
    if (::geteuid() == 0) GTEST_SKIP() << "root may open anything";
    const TempFolder folder;
    folder.write("a.etl", "");
    ASSERT_EQ(::chmod((folder / "a.etl").c_str(), 0400), 0);
    EXPECT_EQ(code_of(folder / "a.etl"), Code::kAccessDenied);
}

}  // namespace
}  // namespace etw::backend_linux
