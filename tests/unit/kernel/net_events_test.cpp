// Connections, and what is sent and received.
#include "converters.h"

#include <gtest/gtest.h>

namespace etw::kernel {
namespace {

class NetConverter : public Converters {};

TEST_F(NetConverter, AConnectionIsFollowedFromEndToEnd) {
    bind();
    tasks_.add(process(300, "client"));
    set_state(300, 7, 2);
    set_state(0, 2, 1);  // the answer arrives while another thread runs
    feed(12, 200, 300,
         {at(8, uint64_t{0xABC}), at(16, uint16_t{2}), at(18, uint16_t{6}), at(20, 1000)});
    feed(13, 201, 300,
         {at(8, uint64_t{0xABC}), at(16, uint16_t{2}), at(18, uint16_t{6}), at(20, 50),
          at(24, 2)});  // MSG_PEEK: it will be received once more
    set_state(0, 1, 7);
    const auto connect = sink_.of(0x060C);
    ASSERT_EQ(connect.size(), 1u);
    EXPECT_EQ(connect[0].header_type(), kPerfInfo64);
    EXPECT_EQ(connect[0].at<uint32_t>(kPerfInfoPayload), 300u);
    EXPECT_EQ(connect[0].at<uint32_t>(kPerfInfoPayload + 8), 0x0200007Fu);  // remote
    EXPECT_EQ(connect[0].at<uint16_t>(kPerfInfoPayload + 16), 0x5000);      // 80, big-endian
    const auto send = sink_.of(0x060A);
    ASSERT_EQ(send.size(), 1u);
    EXPECT_EQ(send[0].record.size(), kPerfInfoPayload + 40);
    EXPECT_EQ(send[0].at<uint32_t>(kPerfInfoPayload + 4), 1000u);
    EXPECT_EQ(send[0].at<uint32_t>(kPerfInfoPayload + 12), 0x0100007Fu);  // local
    EXPECT_TRUE(sink_.of(0x060B).empty());
    EXPECT_EQ(sink_.of(0x060D).size(), 1u);
    // No address of the kernel leaves it: connections have numbers.
    EXPECT_EQ(send[0].at<uint64_t>(kPerfInfoPayload + 32), 1u);
}

TEST_F(NetConverter, WhatIsAcceptedBelongsToWhoListens) {
    bind();
    net_.add_listener({8080, 77});
    set_state(0, 12, 3, 8080, 5000);
    set_state(0, 3, 1, 8080, 5000);
    ASSERT_EQ(sink_.of(0x060F).size(), 1u);
    EXPECT_EQ(sink_.of(0x060F)[0].at<uint32_t>(kPerfInfoPayload), 77u);
}

TEST_F(NetConverter, WhatIsAcceptedIsEndedByWhoUsesIt) {
    bind();
    net_.add_listener({8080, 77});
    tasks_.add(process(300, "worker"));
    set_state(0, 3, 1, 8080, 5000);
    feed(13, 200, 300,
         {at(8, uint64_t{0xABC}), at(16, uint16_t{2}), at(18, uint16_t{6}), at(20, 50)});
    set_state(0, 1, 7, 8080, 5000);
    ASSERT_EQ(sink_.of(0x060D).size(), 1u);
    EXPECT_EQ(sink_.of(0x060D)[0].at<uint32_t>(kPerfInfoPayload), 300u);
}

TEST_F(NetConverter, AConnectionIsAcceptedOnceByWhoTakesIt) {
    bind();
    net_.set_accepts_watched(true);
    net_.add_listener({8080, 77});
    EXPECT_EQ(net_.next_accept(), NetEvents::kNever);
    set_state(0, 10, 3, 8080, 5000);
    set_state(0, 3, 1, 8080, 5000);
    EXPECT_TRUE(sink_.of(0x060F).empty());
    found_acceptance(300, 150);
    EXPECT_EQ(net_.next_accept(), 150);
    EXPECT_FALSE(net_.hand_out_accept());
    EXPECT_EQ(net_.next_accept(), NetEvents::kNever);
    EXPECT_EQ(only_accept(), 300u);
    EXPECT_EQ(sink_.of(0x060F)[0].at<uint16_t>(kPerfInfoPayload + 16), 0x8813);
    feed(13, 200, 301,
         {at(8, uint64_t{0xABC}), at(16, uint16_t{2}), at(18, uint16_t{6}), at(20, 50)});
    set_state(0, 1, 7, 8080, 5000);
    EXPECT_EQ(only_accept(), 300u);
    EXPECT_EQ(sink_.of(0x060D)[0].at<uint32_t>(kPerfInfoPayload), 301u);
}

TEST_F(NetConverter, AnAcceptanceMayBeSeenBeforeTheConnection) {
    bind();
    net_.set_accepts_watched(true);
    found_acceptance(300, 99);
    EXPECT_FALSE(net_.hand_out_accept());
    set_state(0, 3, 1, 8080, 5000);
    EXPECT_EQ(only_accept(), 300u);
    EXPECT_TRUE(sink_.of(0x060C).empty());
    EXPECT_EQ(sink_.of(0x060F)[0].at<uint16_t>(kPerfInfoPayload + 16), 0x8813);
    set_state(0, 1, 7, 8080, 5000);
    EXPECT_EQ(sink_.of(0x060D).size(), 1u);
}

TEST_F(NetConverter, WhatNobodyIsSeenToAcceptIsAcceptedByWhoUsesItFirst) {
    bind();
    net_.set_accepts_watched(true);
    net_.add_listener({8080, 77});
    set_state(0, 10, 3, 8080, 5000);
    set_state(0, 3, 1, 8080, 5000);
    feed(12, 200, 300,
         {at(8, uint64_t{0xABC}), at(16, uint16_t{2}), at(18, uint16_t{6}), at(20, 50)});
    EXPECT_EQ(only_accept(), 300u);
    EXPECT_EQ(sink_.of(0x060A).size(), 1u);
}

TEST_F(NetConverter, WhatNobodyUsesIsAcceptedByWhoListens) {
    bind();
    net_.set_accepts_watched(true);
    net_.add_listener({8080, 77});
    set_state(0, 10, 3, 8080, 5000);
    set_state(0, 3, 1, 8080, 5000);
    set_state(0, 1, 7, 8080, 5000);
    EXPECT_EQ(only_accept(), 77u);
    EXPECT_EQ(sink_.of(0x060D).size(), 1u);
}

TEST_F(NetConverter, AnAcceptWaitsForRoom) {
    bind();
    net_.set_accepts_watched(true);
    found_acceptance(300, 99);
    sink_.full = true;
    EXPECT_EQ(net_.hand_out_accept(), 99);
    sink_.full = false;
    EXPECT_FALSE(net_.hand_out_accept());
    EXPECT_EQ(only_accept(), 300u);
}

TEST_F(NetConverter, AnAcceptanceThatIsFoundLateIsNotToldAsEarlier) {
    bind();
    net_.handed_out(500);
    found_acceptance(300, 499);
    EXPECT_EQ(net_.next_accept(), 500);
}

TEST_F(NetConverter, EndsThatConnectToEachOtherAtTheSameTimeBothConnect) {
    bind();
    tasks_.add(process(300, "client"));
    set_state(300, 7, 2);
    set_state(0, 2, 3);
    set_state(0, 3, 1);
    ASSERT_EQ(sink_.of(0x060C).size(), 1u);
    EXPECT_EQ(sink_.of(0x060C)[0].at<uint32_t>(kPerfInfoPayload), 300u);
    EXPECT_TRUE(sink_.of(0x060F).empty());
}

TEST_F(NetConverter, WhatHasArrivedBeforeTheEndIsReceivedAfterIt) {
    bind();
    set_state(300, 7, 2);
    set_state(0, 2, 1);
    set_state(0, 5, 7);  // both ends have said that they send no more
    transfer(false, 50);
    set_state(300, 7, 7);
    const auto received = sink_.of(0x060B);
    ASSERT_EQ(received.size(), 1u);
    EXPECT_EQ(received[0].at<uint16_t>(kPerfInfoPayload + 16), 0x5000);
    EXPECT_EQ(received[0].at<uint64_t>(kPerfInfoPayload + 24), 1u);
    EXPECT_EQ(sink_.of(0x060D).size(), 1u);
    set_state(300, 7, 2);  // another one
    set_state(0, 2, 1);
    set_state(0, 1, 7);
    ASSERT_EQ(sink_.of(0x060D).size(), 2u);
    EXPECT_EQ(sink_.of(0x060C).size(), 2u);
}

TEST_F(NetConverter, ADatagramMayBeEmptyAndAnEndIsNone) {
    bind();
    transfer(true, 0, 0, 17);
    transfer(false, 0, 0, 17);
    transfer(false, 0);
    EXPECT_EQ(sink_.of(0x080A).size(), 1u);
    EXPECT_EQ(sink_.of(0x080B).size(), 1u);
    EXPECT_TRUE(sink_.of(0x060B).empty());
}

TEST_F(NetConverter, WhatWasNotSentAgainIsNoRetransmit) {
    bind();
    auto values = socket_ends(4000, 80);
    feed(11, 100, 0, values);
    values.push_back(at(64, uint32_t(-16)));  // EBUSY: it waits to be sent still
    feed(11, 110, 0, values);
    const auto again = sink_.of(0x060E);
    ASSERT_EQ(again.size(), 1u);
    EXPECT_EQ(again[0].time, 100);
}

TEST_F(NetConverter, WhatComesBackWithAnErrorIsNotReceived) {
    bind();
    transfer(false, 50, 0x2000, 17);
    transfer(false, 50, 0x2000);
    EXPECT_TRUE(sink_.of(0x080B).empty());
    EXPECT_TRUE(sink_.of(0x060B).empty());
}

TEST_F(NetConverter, OfMultipathTcpThePartsComeAndGoAndTheWholeIsSent) {
    bind();
    net_.set_accepts_watched(true);
    set_state(0, 10, 3, 8080, 5000);
    set_multipath_state(10, 1, 8080, 0);
    set_state(0, 3, 1, 8080, 5000);
    found_acceptance(300, 150, 262);
    EXPECT_FALSE(net_.hand_out_accept());
    EXPECT_EQ(only_accept(), 300u);
    transfer(true, 50, 0, 262, 0xDEF);
    set_multipath_state(1, 7, 8080, 5000);
    EXPECT_TRUE(sink_.of(0x060D).empty());
    set_state(0, 1, 7, 8080, 5000);
    EXPECT_EQ(sink_.of(0x060D).size(), 1u);
    EXPECT_EQ(only_accept(), 300u);
    const auto sent = sink_.of(0x060A);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].at<uint32_t>(kPerfInfoPayload + 4), 50u);
    EXPECT_EQ(sent[0].at<uint16_t>(kPerfInfoPayload + 16), 0x8813);
    EXPECT_EQ(sent[0].at<uint64_t>(kPerfInfoPayload + 32), 1u);  // the part's number
}

class Datagrams : public NetConverter {
protected:
    void found_datagram(int64_t time, uint32_t size, uint16_t port) {
        Datagram out{};
        out.socket = 0xDEF;
        out.size = size;
        out.sent = 1;
        out.ends.family = 2;
        out.ends.remote_port = port;
        net_.found(out, found(300, time));
    }
    void send(int64_t time, uint32_t size) {
        feed(12, time, 300,
             {at(8, uint64_t{0xDEF}), at(16, uint16_t{2}), at(18, uint16_t{17}), at(20, size)});
    }
};

TEST_F(Datagrams, WhatWaitsForItsEventIsCounted) {
    bind();
    found_datagram(100, 10, 0x0100);
    found_datagram(110, 20, 0x0200);
    found_datagram(120, 30, 0x0300);
    net_.found(Splice{0xABC, 20, 0}, found(301, 115));
    EXPECT_EQ(net_.count_found_since(110), 3u);
    send(111, 20);
    EXPECT_EQ(net_.count_found_since(0), 2u);
    found_acceptance(300, 150);
    EXPECT_EQ(net_.count_found_since(200), 1u);
}

TEST_F(Datagrams, OfAThreadAreFoundInTheOrderOfItsProcessors) {
    bind();
    found_datagram(120, 20, 0x0200);  // on the first one
    found_datagram(110, 10, 0x0100);
    send(111, 10);
    send(121, 20);
    const auto sent = sink_.of(0x080A);
    ASSERT_EQ(sent.size(), 2u);
    EXPECT_EQ(sent[0].at<uint16_t>(kPerfInfoPayload + 16), 0x0100);
    EXPECT_EQ(sent[1].at<uint16_t>(kPerfInfoPayload + 16), 0x0200);
}

TEST_F(NetConverter, SplicesOfAThreadAreFoundInTheOrderOfItsProcessors) {
    bind();
    net_.found(Splice{0xABC, 20, 0}, found(300, 120));
    net_.found(Splice{0xABC, 10, 0}, found(300, 110));
    feed(18, 111, 300, socket_ends(4000, 80));
    feed(18, 121, 300, socket_ends(4000, 80));
    const auto received = sink_.of(0x060B);
    ASSERT_EQ(received.size(), 2u);
    EXPECT_EQ(received[0].at<uint32_t>(kPerfInfoPayload + 4), 10u);
    EXPECT_EQ(received[1].at<uint32_t>(kPerfInfoPayload + 4), 20u);
}

}  // namespace
}  // namespace etw::kernel
