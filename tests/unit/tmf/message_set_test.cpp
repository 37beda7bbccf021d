#include "tmf/message_set.h"

#include <gtest/gtest.h>

namespace etw::tmf {
namespace {

MessageFormat format(uint32_t guid, uint16_t number, std::string text) {
    MessageFormat out;
    out.guid.data1 = guid;
    out.number = number;
    out.text = std::move(text);
    return out;
}

TEST(MessageSet, FindsByGuidAndNumber) {
    MessageSet set;
    EXPECT_TRUE(set.add(format(1, 10, "a")));
    EXPECT_TRUE(set.add(format(1, 11, "b")));
    EXPECT_TRUE(set.add(format(2, 10, "c")));
    ASSERT_NE(set.find(format(2, 10, "").guid, 10), nullptr);
    EXPECT_EQ(set.find(format(2, 10, "").guid, 10)->text, "c");
    EXPECT_EQ(set.find(format(2, 10, "").guid, 11), nullptr);
    EXPECT_EQ(set.find(Guid{}, 10), nullptr);
}

TEST(MessageSet, KeepsTheFirstDescriptionOfAMessage) {
    MessageSet set;
    EXPECT_TRUE(set.add(format(1, 10, "first")));
    EXPECT_FALSE(set.add(format(1, 10, "second")));
    MessageSet other;
    other.add(format(1, 10, "third"));
    other.add(format(1, 11, "new"));
    set.add(std::move(other));
    EXPECT_EQ(set.find(format(1, 0, "").guid, 10)->text, "first");
    EXPECT_EQ(set.find(format(1, 0, "").guid, 11)->text, "new");
    EXPECT_EQ(set.formats().size(), 2u);
}

TEST(MessageSet, KeepsTheFirstDescriptionOfAControlGuid) {
    MessageSet set;
    EXPECT_TRUE(set.empty());
    EXPECT_TRUE(set.add(ControlGuid{Guid{1}, "one", {"FLAG_A"}}));
    EXPECT_FALSE(set.add(ControlGuid{Guid{1}, "again", {}}));
    EXPECT_TRUE(set.add(ControlGuid{Guid{2}, "two", {}}));
    ASSERT_EQ(set.controls().size(), 2u);
    EXPECT_EQ(set.controls()[0].name, "one");
    EXPECT_FALSE(set.empty());
}

}  // namespace
}  // namespace etw::tmf
