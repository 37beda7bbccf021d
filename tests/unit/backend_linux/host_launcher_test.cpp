#include "backend_linux/host_launcher.h"

#include "backend_linux/backend.h"
#include "base/runtime_folder.h"
#include "support/temp_folder.h"
#include "wire/provider_protocol.h"

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>

namespace etw::backend_linux {
namespace {

using test::TempFolder;
using testing::HasSubstr;

class Launcher : public testing::Test {
protected:
    ~Launcher() override {
        for (const pid_t pid : started()) {
            // Its number may be another's by now.
            std::ifstream comm("/proc/" + std::to_string(pid) + "/comm");
            std::string name;
            if (comm >> name && name == "fake_etwd") ::kill(pid, SIGKILL);
        }
    }

    HostLauncher launcher() const {
        return {run_, ETW_FAKE_ETWD, std::chrono::milliseconds(20'000)};
    }
    std::vector<pid_t> started() const {
        std::vector<pid_t> pids;
        std::error_code ignored;
        for (const auto& entry : std::filesystem::directory_iterator(run_, ignored)) {
            const std::string name = entry.path().filename();
            if (name.starts_with("started.")) pids.push_back(std::stoi(name.substr(8)));
        }
        return pids;
    }
    void behave(const std::string& how) {
        ASSERT_EQ(::mkdir(run_.c_str(), 0700), 0);
        folder_.write("run/behave", how);
    }

    TempFolder folder_;
    std::string run_ = folder_ / "run";
};

TEST_F(Launcher, StartsAHostThatListensWhenItReturns) {
    const auto result = launcher().start();
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_TRUE(ControlChannel::connect(run_));
    EXPECT_EQ(started().size(), 1u);
}

TEST_F(Launcher, TheHostIsDetachedAndHoldsNothingOfOurs) {
    // Not close-on-exec, as what a shell hands down.
    const UniqueFd leaked(::open((folder_ / "leaked").c_str(), O_RDWR | O_CREAT, 0600));
    ASSERT_TRUE(leaked);
    ASSERT_TRUE(launcher().start());
    EXPECT_EQ(folder_.read("run/fds"), "");
    const std::string tty = folder_.read("run/tty");
    EXPECT_EQ(tty.front(), '0');
    EXPECT_NE(tty.substr(1), std::to_string(::getsid(0)));
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "the host is a child of ours";
}

TEST_F(Launcher, ARunningHostIsLeftAlone) {
    ASSERT_TRUE(launcher().start());
    ASSERT_TRUE(launcher().start());
    EXPECT_EQ(started().size(), 1u);
}

TEST_F(Launcher, ToolsThatComeAtOnceStartOneHostBetweenThem) {
    constexpr int kTools = 8;
    int gate[2];
    ASSERT_EQ(::pipe2(gate, O_CLOEXEC), 0);
    std::vector<pid_t> tools;
    for (int i = 0; i < kTools; ++i) {
        const pid_t pid = ::fork();
        if (pid == 0) {
            ::close(gate[1]);
            char byte = 0;
            static_cast<void>(::read(gate[0], &byte, 1));  // until all are there
            const bool good = launcher().start() && ControlChannel::connect(run_);
            ::_exit(good ? 0 : 1);
        }
        tools.push_back(pid);
    }
    ::close(gate[0]);
    ::close(gate[1]);
    for (const pid_t pid : tools) {
        int status = -1;
        ASSERT_EQ(::waitpid(pid, &status, 0), pid);
        EXPECT_EQ(status, 0);
    }
    EXPECT_EQ(started().size(), 1u);
}

TEST_F(Launcher, AHostThatFailsIsReportedWithItsLog) {
    behave("fail");
    const auto result = launcher().start();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::kServiceNotAvailable);
    EXPECT_THAT(result.error().detail, HasSubstr("etwd.log"));
}

TEST_F(Launcher, AHostThatHangsIsWaitedForOnlySoLong) {
    behave("hang");
    HostLauncher impatient = launcher();
    impatient.patience = std::chrono::milliseconds(200);
    const auto result = impatient.start();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::kServiceNotAvailable);
}

TEST_F(Launcher, AFolderThatOthersMayWriteToIsRefused) {
    ASSERT_EQ(::mkdir(run_.c_str(), 0700), 0);
    ASSERT_EQ(::chmod(run_.c_str(), 0777), 0);
    EXPECT_THAT(launcher().start().error().detail, HasSubstr("writable by nobody else"));
    std::filesystem::remove(run_);
    std::filesystem::create_directory_symlink(folder_.path(), run_);
    EXPECT_THAT(launcher().start().error().detail, HasSubstr("is not a folder"));
    EXPECT_TRUE(started().empty());
    std::filesystem::remove(run_);
}

TEST_F(Launcher, AMissingProgramIsNamed) {
    EXPECT_THAT((HostLauncher{run_, ""}).start().error().detail, HasSubstr("no etwd beside"));
    EXPECT_THAT((HostLauncher{run_, "/nonexistent/etwd"}).start().error().detail,
                HasSubstr("/nonexistent/etwd"));
}

TEST_F(Launcher, AQueryBringsBackAHostThatLeftSessions) {
    Backend backend(launcher());
    ASSERT_TRUE(backend.list());
    EXPECT_TRUE(started().empty());
    std::filesystem::create_directories(run_ + "/sessions");
    ASSERT_EQ(::chmod(run_.c_str(), 0700), 0);
    ASSERT_TRUE(backend.list());
    EXPECT_TRUE(started().empty());
    folder_.write("run/sessions/S", "saved");
    ASSERT_TRUE(backend.list());
    EXPECT_EQ(started().size(), 1u);
}

class Environment : public testing::Test {
protected:
    ~Environment() override {
        for (const auto& [name, value] : saved_)
            value ? ::setenv(name, value->c_str(), 1) : ::unsetenv(name);
    }
    void set(const char* name, const char* value) {
        const char* old = ::getenv(name);
        saved_.emplace_back(name, old ? std::optional<std::string>(old) : std::nullopt);
        value ? ::setenv(name, value, 1) : ::unsetenv(name);
    }
    std::vector<std::pair<const char*, std::optional<std::string>>> saved_;
};

TEST_F(Environment, TheFolderIsTheOverrideElseTheUsers) {
    set("ETW_RUNTIME_DIR", "/tmp/elsewhere");
    EXPECT_EQ(runtime_folder(), "/tmp/elsewhere");
    set("ETW_RUNTIME_DIR", nullptr);
    set("XDG_RUNTIME_DIR", "/run/user/77");
    EXPECT_EQ(runtime_folder(), ::geteuid() == 0 ? "/run/etw" : "/run/user/77/etw");
    if (::geteuid() == 0) return;
    set("XDG_RUNTIME_DIR", nullptr);
    EXPECT_THAT(runtime_folder(), HasSubstr(std::to_string(::geteuid())));
}

TEST_F(Environment, TheProgramIsFoundOnThePathButNotInTheCurrentFolder) {
    const TempFolder folder;
    std::filesystem::copy_file(ETW_FAKE_ETWD, folder / "etwd");
    set("PATH", (":/nonexistent:" + folder.path()).c_str());
    const std::string found = find_host_program();
    // A real one beside this test goes first.
    EXPECT_TRUE(found == folder / "etwd" ||
                std::filesystem::path(found).parent_path() ==
                    std::filesystem::read_symlink("/proc/self/exe").parent_path())
        << found;
}

}  // namespace
}  // namespace etw::backend_linux
