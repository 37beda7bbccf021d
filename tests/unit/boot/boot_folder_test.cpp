#include "boot/boot_folder.h"

#include "support/temp_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace etw::boot {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Folder : public testing::Test {
protected:
    BootFolder folder() const { return {path_, "/log"}; }
    void write(const std::string& name, const std::string& text) const {
        const auto written = folder().write(name, text);
        ASSERT_TRUE(written) << written.error().detail;
    }
    Code read_code(const std::string& name) const {
        const auto text = folder().read(name);
        return text ? Code::kOk : text.error().code;
    }

    test::TempFolder root_;
    std::string path_ = root_ / "config/openetw";
};

TEST_F(Folder, ThatDoesNotExistHoldsNothing) {
    const auto names = folder().names();
    ASSERT_TRUE(names) << names.error().detail;
    EXPECT_THAT(*names, IsEmpty());
    EXPECT_EQ(read_code("GlobalLogger"), Code::kFileNotFound);
    EXPECT_EQ(read_code("Auto"), Code::kFileNotFound);
}

TEST_F(Folder, HoldsAFileForEachSessionThatOthersMayReadAndNotWrite) {
    const mode_t before = ::umask(0);
    write("Zwei", "Start = 1\n");
    write("Ein s", "Start = 0\n");
    write("globallogger", "Start = 1\n");
    ::umask(before);
    EXPECT_THAT(*folder().names(), ElementsAre("GlobalLogger", "Ein s", "Zwei"));
    EXPECT_EQ(*folder().read("GLOBALLOGGER"), "Start = 1\n");
    struct stat st {};
    ASSERT_EQ(::stat((path_ + "/autologger/Ein s.conf").c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0644u);
    ASSERT_EQ(::stat((path_ + "/autologger").c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0755u);
}

TEST_F(Folder, KnowsANameInAnyCaseAndKeepsOneFileForIt) {
    write("MyLogger", "Start = 1\n");
    write("MYLOGGER", "Start = 0\n");
    EXPECT_THAT(*folder().names(), ElementsAre("MyLogger"));
    EXPECT_EQ(*folder().read("mylogger"), "Start = 0\n");
    EXPECT_FALSE(folder().load("MyLogger")->session.start);
}

TEST_F(Folder, PassesOverWhatEditorsLeave) {
    write("Auto", "Start = 1\n");
    for (const char* name : {".Auto.conf.swp", "Auto.conf~", "Auto.conf.dpkg-old", ".hidden.conf"})
        std::ofstream(path_ + "/autologger/" + name) << "Start = 1\n";
    EXPECT_THAT(*folder().names(), ElementsAre("Auto"));
}

TEST_F(Folder, WritesAnewOverWhatIsThere) {
    write("Auto", "Start = 1\n");
    std::filesystem::create_hard_link(path_ + "/autologger/Auto.conf", root_ / "old");
    write("Auto", "Start = 0\n");
    EXPECT_EQ(*folder().read("Auto"), "Start = 0\n");
    std::ifstream old(root_ / "old");
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(old), {}), "Start = 1\n");
    const std::filesystem::directory_iterator entries(path_ + "/autologger");
    EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
}

TEST_F(Folder, BelievesNothingThatOthersMayWrite) {
    write("Auto", "Start = 1\n");
    for (const std::string part : {"", "/autologger", "/autologger/Auto.conf"}) {
        const std::string path = path_ + part;
        struct stat st {};
        ASSERT_EQ(::stat(path.c_str(), &st), 0);
        for (const mode_t more : {mode_t{S_IWGRP}, mode_t{S_IWOTH}}) {
            ASSERT_EQ(::chmod(path.c_str(), st.st_mode | more), 0);
            const auto text = folder().read("Auto");
            ASSERT_FALSE(text) << path;
            EXPECT_EQ(text.error().code, Code::kAccessDenied);
            EXPECT_THAT(text.error().detail, HasSubstr(path));
        }
        ASSERT_EQ(::chmod(path.c_str(), st.st_mode), 0);
        EXPECT_EQ(read_code("Auto"), Code::kOk);
    }
    ASSERT_EQ(::chmod(path_.c_str(), 0777), 0);
    EXPECT_FALSE(folder().names());
    EXPECT_FALSE(folder().write("Auto", "Start = 0\n"));
}

TEST_F(Folder, BelievesNothingOfAnotherUser) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to give a file away";
    write("Auto", "Start = 1\n");
    ASSERT_EQ(::chown((path_ + "/autologger/Auto.conf").c_str(), 12345, 0), 0);
    EXPECT_EQ(read_code("Auto"), Code::kAccessDenied);
}

TEST_F(Folder, FollowsNoLinksAndWaitsForNoPipe) {
    write("Auto", "Start = 1\n");
    const std::string inner = path_ + "/autologger/";
    std::filesystem::create_symlink(inner + "Auto.conf", inner + "Link.conf");
    EXPECT_NE(read_code("Link"), Code::kOk);
    ASSERT_EQ(::mkfifo((inner + "Pipe.conf").c_str(), 0600), 0);
    EXPECT_EQ(read_code("Pipe"), Code::kBadPathname);
    std::filesystem::rename(path_ + "/autologger", root_ / "elsewhere");
    std::filesystem::create_directory_symlink(root_ / "elsewhere", path_ + "/autologger");
    EXPECT_NE(read_code("Auto"), Code::kOk);
}

TEST_F(Folder, RefusesAFileOfEndlessLength) {
    write("Auto", "Start = 1\n");
    std::filesystem::resize_file(path_ + "/autologger/Auto.conf", kMaxConfigBytes + 1);
    EXPECT_EQ(read_code("Auto"), Code::kInvalidData);
}

TEST_F(Folder, NamesTheFileAndLineThatIsWrong) {
    write("Auto", "Start = 1\nBufferSize = big\n");
    const auto loaded = folder().load("Auto");
    ASSERT_FALSE(loaded);
    EXPECT_THAT(loaded.error().detail, HasSubstr(path_ + "/autologger/Auto.conf:2: BufferSize"));
}

TEST(DefaultFolders, FollowTheUserAndTheEnvironment) {
    ::setenv("ETW_CONFIG_DIR", "/somewhere", 1);
    EXPECT_EQ(default_config_folder(), "/somewhere");
    ::unsetenv("ETW_CONFIG_DIR");
    ::setenv("XDG_CONFIG_HOME", "/conf", 1);
    ::setenv("XDG_STATE_HOME", "/state", 1);
    const bool root = ::geteuid() == 0;
    EXPECT_EQ(default_config_folder(), root ? "/etc/openetw" : "/conf/openetw");
    EXPECT_EQ(default_log_folder(), root ? "/var/log/openetw" : "/state/openetw");
}

}  // namespace
}  // namespace etw::boot
