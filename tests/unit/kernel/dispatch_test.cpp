// Which tracepoints are wanted, and who gets their events.
#include "converters.h"

#include <gtest/gtest.h>

namespace etw::kernel {
namespace {

TEST(Dispatch, WantsEveryEventWhereOneOfTwoDoes) {
    Dispatch dispatch([](const std::string&, const std::string& name) {
        return Format::parse(format_text(9, name, field("int x", 8, 4)), "s");
    });
    int calls = 0;
    const auto count = [&calls](const Format&) -> Dispatch::Handler {
        return [&calls](const RawEvent&) { ++calls; };
    };
    EXPECT_TRUE(dispatch.on("s", "p", count, "x == 1"));
    EXPECT_EQ(dispatch.wanted()[0].filter, "x == 1");
    EXPECT_TRUE(dispatch.on("s", "p", count));
    ASSERT_EQ(dispatch.wanted().size(), 1u);
    EXPECT_EQ(dispatch.wanted()[0].filter, "");
    const uint16_t id = 9;
    dispatch(RawEvent{0, 0, std::as_bytes(std::span(&id, 1))});
    EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace etw::kernel
