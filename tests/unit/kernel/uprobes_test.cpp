#include "kernel/uprobes.h"

#include "support/temp_folder.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace etw::kernel {
namespace {

// A file in the place of the kernel's: what is there, and behind it what was asked for.
class Uprobes : public testing::Test {
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
    UprobeGroup group_{folder_.path(), "etw_7_t"};
    const std::vector<Uprobe> probes_{{"one", {"/a:0x1", "/a:0x2"}}, {"two", {"/a:0x3"}}};
};

TEST_F(Uprobes, AreDefinedWithAllTheirPlaces) {
    there("");
    ASSERT_TRUE(group_.define(probes_));
    EXPECT_EQ(asked(""), "p:etw_7_t/one /a:0x1\np:etw_7_t/one /a:0x2\np:etw_7_t/two /a:0x3\n");
}

TEST_F(Uprobes, OfAPredecessorStayUnlessItWasKilledOverThem) {
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

TEST_F(Uprobes, AreRemovedOnceEachWhateverPlacesTheyHave) {
    const std::string before =
        "p:etw_7_t/old /a:0x1\np:etw_7_t/old /a:0x2\np:etw_7_t/two /a:0x3\np:other/old /a:0x1\n";
    there(before);
    group_.keep_only(probes_);
    EXPECT_EQ(asked(before), "-:etw_7_t/old\n");
}

}  // namespace
}  // namespace etw::kernel
