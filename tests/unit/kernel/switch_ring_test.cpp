#include "kernel/switch_ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

namespace etw::kernel {
namespace {

constexpr uint32_t kCpus = 3;
constexpr uint64_t kCapacity = 8;

class SwitchRing : public testing::Test {
protected:
    // What the program in the kernel does.
    void put(uint32_t cpu, int64_t time, uint32_t thread = 1) {
        SwitchControl& control = controls_[cpu];
        if (control.head - control.tail >= kCapacity) {
            ++control.lost;
            return;
        }
        const SwitchRecord record{time, thread, thread + 1, 120, 98, 1, 0, {}};
        const uint64_t at = cpu * kCapacity + control.head % kCapacity;
        std::memcpy(records_.data() + at * sizeof(record), &record, sizeof(record));
        ++control.head;
    }
    // (cpu, time) of what is handed out up to a time.
    using Seen = std::vector<std::pair<uint32_t, int64_t>>;
    Seen take(int64_t until = SwitchRings::kNever) {
        Seen out;
        EXPECT_FALSE(rings_.for_each(until, [&](const Switch& event) {
            out.emplace_back(event.cpu, event.time);
            return true;
        }));
        return out;
    }

    std::vector<SwitchControl> controls_ = std::vector<SwitchControl>(kCpus);
    std::vector<std::byte> records_ =
        std::vector<std::byte>(kCpus * kCapacity * sizeof(SwitchRecord));
    SwitchRings rings_{controls_.data(), records_.data(), kCpus, kCapacity};
};

TEST_F(SwitchRing, HandsOutTheRecordsOfAllProcessorsInTheOrderOfTime) {
    for (const int64_t time : {10, 40, 50}) put(0, time);
    for (const int64_t time : {20, 30, 60}) put(2, time);
    EXPECT_EQ(rings_.next_time(), SwitchRings::kNever);  // not read yet
    rings_.read();
    EXPECT_EQ(rings_.next_time(), 10);
    EXPECT_EQ(rings_.count(), 6u);
    EXPECT_EQ(take(40), (Seen{{0, 10}, {2, 20}, {2, 30}, {0, 40}}));
    EXPECT_EQ(rings_.next_time(), 50);
    EXPECT_EQ(take(), (Seen{{0, 50}, {2, 60}}));
    EXPECT_EQ(rings_.next_time(), SwitchRings::kNever);
    EXPECT_EQ(rings_.count(), 0u);
    EXPECT_TRUE(take().empty());
}

TEST_F(SwitchRing, TellsAllThatARecordHas) {
    put(1, 77, 4000);
    rings_.read();
    rings_.for_each(77, [](const Switch& event) {
        EXPECT_EQ(event.time, 77);
        EXPECT_EQ(event.cpu, 1u);
        EXPECT_EQ(event.old_thread, 4000u);
        EXPECT_EQ(event.new_thread, 4001u);
        EXPECT_EQ(event.old_priority, 120u);
        EXPECT_EQ(event.new_priority, 98u);
        EXPECT_EQ(event.old_state, 1u);
        return true;
    });
}

TEST_F(SwitchRing, GoesAroundAndLosesNothingAsLongAsItIsRead) {
    int64_t time = 0;
    for (int round = 0; round < 100; ++round) {
        Seen expected;
        const int count = 1 + round % int(kCapacity);
        for (int i = 0; i < count; ++i) {
            put(0, ++time);
            expected.emplace_back(0, time);
        }
        rings_.read();
        EXPECT_EQ(take(), expected);
        rings_.read();
    }
    EXPECT_EQ(rings_.take_lost(), 0u);
}

TEST_F(SwitchRing, RecordsThatFindNoRoomAreCountedOnce) {
    for (int64_t time = 1; time <= 11; ++time) put(1, time);
    put(2, 5);
    rings_.read();
    EXPECT_EQ(rings_.take_lost(), 3u);
    EXPECT_EQ(rings_.take_lost(), 0u);
    EXPECT_EQ(take().size(), kCapacity + 1);
    put(1, 19);
    EXPECT_EQ(rings_.take_lost(), 1u);
    rings_.read();
    put(1, 20);  // there is room again
    rings_.read();
    EXPECT_EQ(take(), (Seen{{1, 20}}));
    EXPECT_EQ(rings_.take_lost(), 0u);
}

TEST_F(SwitchRing, WhatIsNotHandedOutKeepsItsRoom) {
    for (int64_t time = 1; time <= 8; ++time) put(0, time);
    rings_.read();
    take(3);
    rings_.read();
    for (int64_t time = 9; time <= 12; ++time) put(0, time);
    EXPECT_EQ(controls_[0].lost, 1u);
    rings_.read();
    Seen expected;
    for (int64_t time = 4; time <= 11; ++time) expected.emplace_back(0, time);
    EXPECT_EQ(take(), expected);
}

TEST(LongSwitchRing, GivesRoomBackOnTheWay) {
    constexpr uint64_t kLong = 16384;
    std::vector<SwitchControl> control(1);
    const std::vector<std::byte> records(kLong * sizeof(SwitchRecord));
    SwitchRings rings(control.data(), records.data(), 1, kLong);
    control[0].head = kLong;
    rings.read();
    uint64_t seen = 0;
    rings.for_each(0, [&](const Switch&) {
        EXPECT_LE(seen - control[0].tail, 4096u);
        ++seen;
        return true;
    });
    EXPECT_EQ(seen, kLong);
}

TEST_F(SwitchRing, AHandlerThatStopsGetsTheRecordAgain) {
    for (int64_t time = 1; time <= 4; ++time) put(uint32_t(time % 2), time);
    rings_.read();
    Seen seen;
    const auto stopped = rings_.for_each(4, [&](const Switch& event) {
        if (seen.size() == 2) return false;
        seen.emplace_back(event.cpu, event.time);
        return true;
    });
    EXPECT_EQ(stopped, 3);
    EXPECT_EQ(rings_.next_time(), 3);
    EXPECT_EQ(take(), (Seen{{1, 3}, {0, 4}}));
}

TEST_F(SwitchRing, WhatIsBeforeTheBeginningIsNoneOfTheTraces) {
    for (int64_t time = 1; time <= 10; ++time) put(0, time);
    rings_.begin_at(6);
    rings_.read();
    EXPECT_EQ(rings_.next_time(), 6);
    EXPECT_EQ(take(), (Seen{{0, 6}, {0, 7}, {0, 8}}));
    EXPECT_EQ(rings_.take_lost(), 0u);
    put(1, 3);
    rings_.read();
    EXPECT_TRUE(take().empty());
    EXPECT_EQ(controls_[1].tail, 1u);
}

TEST_F(SwitchRing, DoesNotBelieveAHeadThatNoRingHas) {
    put(0, 1);
    controls_[1].head = kCapacity + 1;
    controls_[2].head = ~uint64_t{0};
    rings_.read();
    EXPECT_EQ(take(), (Seen{{0, 1}}));
    controls_[0].head = 0;  // it falls
    rings_.read();
    EXPECT_TRUE(take().empty());
}

TEST(ReportedState, IsTheHighestBitThatTheKernelReports) {
    struct Case {
        uint16_t state;
        uint64_t reported;
    };
    for (const Case& c : {Case{0, 0}, Case{1, 1}, Case{2, 2}, Case{0x102, 2},  // TASK_KILLABLE
                          Case{4, 4}, Case{0x108, 8}, Case{0x90, 0x10},        // dead, reaped
                          Case{0xA0, 0x20},                                    // dead, a zombie
                          Case{0x40, 0x40}, Case{0x402, 0x80},                 // idle
                          Case{0x1000, 2}, Case{0x8000, 2}, Case{0x2001, 1}}) {
        const SwitchRecord record{0, 0, 0, 0, 0, c.state, 0, {}};
        EXPECT_EQ(reported_state(record), c.reported) << c.state;
    }
    EXPECT_EQ(reported_state({0, 0, 0, 0, 0, 1, 1, {}}), 0x100u);
}

}  // namespace
}  // namespace etw::kernel
