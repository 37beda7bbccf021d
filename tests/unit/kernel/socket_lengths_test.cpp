#include "kernel/programs/socket_lengths.h"

#include "kernel/tracefs/format.h"

#include <gtest/gtest.h>

namespace etw::kernel {
namespace {

TEST(SocketLengths, AStandInHasTheFieldsOfTheTracepoint) {
    for (const char* name : {"sock_send_length", "sock_recv_length"}) {
        const auto text = stand_in_format(name);
        ASSERT_TRUE(text);
        const auto format = Format::parse(*text, "sock");
        ASSERT_TRUE(format);
        EXPECT_TRUE(is_stand_in(format->id()));
        const auto check = [&](const char* field, uint32_t offset, uint32_t size) {
            EXPECT_EQ(format->field(field).offset, offset) << field;
            EXPECT_EQ(format->field(field).size, size) << field;
        };
        check("sk", 8, 8);
        check("family", 16, 2);
        check("protocol", 18, 2);
        check("ret", 20, 4);
        check("flags", 24, 4);
    }
}

TEST(SocketLengths, TheTwoStandInsAreTwo) {
    const auto sent = Format::parse(*stand_in_format("sock_send_length"), "sock");
    const auto received = Format::parse(*stand_in_format("sock_recv_length"), "sock");
    ASSERT_TRUE(sent && received);
    EXPECT_NE(sent->id(), received->id());
}

TEST(SocketLengths, NothingStandsInForOtherTracepoints) {
    const auto text = stand_in_format("sched_switch");
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, Code::kNotSupported);
    EXPECT_FALSE(is_stand_in(0));
    EXPECT_FALSE(is_stand_in(500));
}

TEST(SocketLengths, TheKernelTellsBothWaysByTracepointsOrByFunctionsAlone) {
    auto types = KernelTypes::load();
    if (!types) GTEST_SKIP() << "no type information (BTF)";
    const auto points = LengthPoint::find(*types);
    ASSERT_TRUE(points);
    bool sent = false, received = false;
    for (const LengthPoint& point : *points) {
        (point.sent() ? sent : received) = true;
        EXPECT_EQ(point.is_tracepoint(), points->front().is_tracepoint());
    }
    EXPECT_TRUE(sent && received);
}

}  // namespace
}  // namespace etw::kernel
