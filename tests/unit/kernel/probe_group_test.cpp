#include "kernel/tracefs/probe_group.h"

#include "kernel/programs/file_fault_probe.h"
#include "support/temp_folder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <sstream>

namespace etw::kernel {
namespace {

std::multiset<std::string> lines_of(const std::string& text) {
    std::istringstream in(text);
    std::multiset<std::string> out;
    for (std::string line; std::getline(in, line);) out.insert(line);
    return out;
}

// A file in the place of the kernel's: what is there, and behind it what was asked for.
class ProbeGroupTest : public testing::Test {
protected:
    void there(const std::string& text) { std::ofstream(list_) << text; }
    std::string asked(const std::string& before) const {
        std::ifstream in(list_);
        std::ostringstream text;
        text << in.rdbuf();
        EXPECT_TRUE(text.str().starts_with(before));
        return text.str().substr(before.size());
    }

    test::TempFolder folder_;
    std::string list_ = folder_.path() + "/uprobe_events";
    ProbeGroup group_{folder_.path(), "etw_7_t"};
    const std::vector<Probe> probes_{{"one", {"/a:0x1", "/a:0x2"}}, {"two", {"/a:0x3"}}};
};

TEST_F(ProbeGroupTest, AreDefinedWithAllTheirPlaces) {
    there("");
    ASSERT_TRUE(group_.define(probes_));
    EXPECT_EQ(asked(""), "p:etw_7_t/one /a:0x1\np:etw_7_t/one /a:0x2\np:etw_7_t/two /a:0x3\n");
}

TEST_F(ProbeGroupTest, OfAPredecessorStayUnlessItWasKilledOverThem) {
    const std::string whole =
        "p:etw_7_t/one /a:0x1\np:etw_7_t/one /a:0x2\np:etw_8_t/two /a:0x3\np:etw_7_t/two /a:0x3\n";
    there(whole);
    ASSERT_TRUE(group_.define(probes_));
    EXPECT_EQ(asked(whole), "");
    const std::string part = "p:etw_7_t/one /a:0x1\np:etw_7_t/two /a:0x3\n";
    there(part);
    ASSERT_TRUE(group_.define(probes_));
    EXPECT_EQ(asked(part), "-:etw_7_t/one\np:etw_7_t/one /a:0x1\np:etw_7_t/one /a:0x2\n");
}

TEST_F(ProbeGroupTest, AreRemovedOnceEachWhateverPlacesTheyHave) {
    const std::string before =
        "p:etw_7_t/old /a:0x1\np:etw_7_t/old /a:0x2\np:etw_7_t/two /a:0x3\np:other/old /a:0x1\n";
    there(before);
    group_.keep_only(probes_);
    EXPECT_EQ(asked(before), "-:etw_7_t/old\n");
}

TEST_F(ProbeGroupTest, OfTheKernelStandInItsOwnList) {
    there("");
    std::ofstream(folder_.path() + "/kprobe_events") << "";
    ASSERT_TRUE(ProbeGroup(folder_.path(), "etw_7_t", ProbesIn::kKernel)
                    .define({{"fault", {"filemap_fault i_ino=$arg1:u64"}}}));
    EXPECT_EQ(asked(""), "");
    std::ifstream in(folder_.path() + "/kprobe_events");
    std::string line;
    std::getline(in, line);
    EXPECT_EQ(line, "p:etw_7_t/fault filemap_fault i_ino=$arg1:u64");
}

TEST_F(ProbeGroupTest, OfMakersThatAreGoneOrEndOrKeepUsAreRemovedFromBothLists) {
    constexpr int kNobody = 0x7FFFFFFF;  // no process has this id
    const pid_t ended = ::fork();
    if (ended == 0) ::_exit(0);
    siginfo_t told{};
    ASSERT_EQ(::waitid(P_PID, id_t(ended), &told, WEXITED | WNOWAIT), 0);  // its status remains
    std::string before, removed;
    for (const int maker : {kNobody, int(ended), int(::getppid()), int(::getpid())}) {
        before += fmt::format("p:etw_{}_t/one /a:0x1\n", maker);
        if (maker != ::getpid()) removed += fmt::format("-:etw_{}_t/one\n", maker);
    }
    for (const char* list : {"/uprobe_events", "/kprobe_events"}) {
        std::ofstream(folder_.path() + list) << before;
    }
    remove_unused_probes(folder_.path());
    for (const char* list : {"/uprobe_events", "/kprobe_events"}) {
        std::ifstream in(folder_.path() + list);
        std::ostringstream text;
        text << in.rdbuf();
        EXPECT_EQ(text.str().substr(0, before.size()), before) << list;
        EXPECT_EQ(lines_of(text.str().substr(before.size())), lines_of(removed)) << list;
    }
    ::waitid(P_PID, id_t(ended), &told, WEXITED);
}

TEST(FileFaultProbe, LeadsFromTheFaultToTheFile) {
    const auto probe = file_fault_probe();
    if (!probe) GTEST_SKIP() << "no type information of the kernel";
    EXPECT_EQ(probe->event, kFileFaultEvent);
    ASSERT_EQ(probe->places.size(), 1u);
    EXPECT_THAT(probe->places[0],
                testing::MatchesRegex("filemap_fault i_ino=\\+[0-9]+\\(\\+[0-9]+"
                                      "\\(\\+[0-9]+\\(\\+0\\(\\$arg1\\)\\)\\)\\):u64"));
}

}  // namespace
}  // namespace etw::kernel
