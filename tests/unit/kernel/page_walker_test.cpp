#include "kernel/tracefs/page_walker.h"

#include "synthetic.h"

#include <gtest/gtest.h>

namespace etw::kernel {
namespace {

std::vector<uint64_t> times_of(Bytes page, bool* damaged = nullptr) {
    PageWalker walker(page);
    std::vector<uint64_t> out;
    for (PageWalker::Event event; walker.next(event);) out.push_back(event.time);
    if (damaged != nullptr) *damaged = walker.damaged();
    return out;
}

TEST(PageWalker, AddsTheDeltasOfEvents) {
    const auto page = PageBuilder(1000).event(5, {1, 2}).event(7, {3}).build();
    PageWalker walker(page);
    PageWalker::Event event;
    ASSERT_TRUE(walker.next(event));
    EXPECT_EQ(event.time, 1005u);
    EXPECT_EQ(event.data.size(), 8u);
    ASSERT_TRUE(walker.next(event));
    EXPECT_EQ(event.time, 1012u);
    EXPECT_EQ(event.data.size(), 4u);
    EXPECT_FALSE(walker.next(event));
    EXPECT_FALSE(walker.damaged());
}

TEST(PageWalker, ReadsAnEventThatIsLongerThanItsHeaderCanSay) {
    // The size counts itself, and the data are padded to words.
    const auto page = PageBuilder(0).header(0, 1).word(4 + 6).word(1).word(2).event(1, {9}).build();
    PageWalker walker(page);
    PageWalker::Event event;
    ASSERT_TRUE(walker.next(event));
    EXPECT_EQ(event.data.size(), 8u);
    ASSERT_TRUE(walker.next(event));
    EXPECT_EQ(event.time, 2u);
}

TEST(PageWalker, ExtendsADeltaBeyond27Bits) {
    const auto page = PageBuilder(10).header(30, 3).word(2).event(1, {0}).build();
    EXPECT_EQ(times_of(page), std::vector<uint64_t>{10 + (2u << 27) + 3 + 1});
}

TEST(PageWalker, TakesAnAbsoluteTimeWithTheHighBitsOfThePage) {
    const uint64_t high = uint64_t{3} << 59;
    const auto page = PageBuilder(high + 77).header(31, 5).word(1).event(2, {0}).build();
    EXPECT_EQ(times_of(page), std::vector<uint64_t>{high + (1u << 27) + 5 + 2});
}

TEST(PageWalker, SkipsDiscardedEventsAndEndsAtThePadding) {
    const auto page = PageBuilder(0)
                          .header(29, 4)
                          .word(8)
                          .word(0)
                          .event(1, {0})
                          .header(29, 0)
                          .event(1, {0})
                          .build();
    EXPECT_EQ(times_of(page), std::vector<uint64_t>{5});
}

TEST(PageWalker, TellsThatEventsWereMissed) {
    EXPECT_TRUE(PageWalker(PageBuilder(0, uint64_t{1} << 31).event(1, {0}).build()).missed());
    EXPECT_FALSE(PageWalker(PageBuilder(0).event(1, {0}).build()).missed());
}

TEST(PageWalker, StopsWhereAnEntryReachesBeyondThePage) {
    bool damaged = false;
    EXPECT_EQ(times_of(PageBuilder(0).event(1, {0}).header(20, 1).build(), &damaged).size(), 1u);
    EXPECT_TRUE(damaged);
    times_of(PageBuilder(0).header(0, 1).word(3).build(), &damaged);  // less than itself
    EXPECT_TRUE(damaged);
    times_of(PageBuilder(0).header(30, 1).build(), &damaged);
    EXPECT_TRUE(damaged);
}

TEST(PageWalker, DoesNotBelieveACommitBeyondThePage) {
    auto page = PageBuilder(0).event(1, {0}).build(64);
    const uint64_t commit = 4096;
    std::memcpy(page.data() + 8, &commit, sizeof(commit));
    bool damaged = false;
    EXPECT_TRUE(times_of(page, &damaged).empty());
    EXPECT_TRUE(damaged);
}

}  // namespace
}  // namespace etw::kernel
