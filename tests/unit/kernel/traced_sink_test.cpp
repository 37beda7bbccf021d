// What is added to records: stacks behind them, counters in their headers.
#include "kernel/events/traced_sink.h"

#include "kernel/events/image_events.h"
#include "synthetic.h"

#include <gtest/gtest.h>

namespace etw::kernel {
namespace {

constexpr uint16_t kSwitch = 0x0524, kCall = 0x0F33, kStart = 0x0301, kStack = 0x1820,
                   kHeapFree = 0x1024;
constexpr size_t kPayload = sizeof(wire::PerfInfoHeader);

class TracedSinkTest : public testing::Test {
protected:
    void set(std::vector<uint16_t> stacks, std::vector<uint16_t> counted = {}) {
        Tracing tracing;
        tracing.stack_events = std::move(stacks);
        tracing.counter_events = std::move(counted);
        traced_.set(tracing);
    }
    void switch_to(uint32_t to, uint32_t from, int64_t time, std::vector<uint64_t> stack,
                   uint8_t state = 5) {
        traced_.begin({{from, 100 + from}, stack, {}});
        RecordBuilder(kSwitch, 4, time)
            .put(to)
            .put(from)
            .put(uint32_t{0})
            .put(uint16_t{0})
            .put(state)
            .put(uint8_t{0})
            .put(uint64_t{0})
            .send(traced_, 1);
        traced_.clear();
    }
    std::vector<uint64_t> frames(const FakeSink::Sent& stack) const {
        std::vector<uint64_t> out;
        for (size_t at = kPayload + 16; at < stack.record.size(); at += 8)
            out.push_back(stack.at<uint64_t>(at));
        return out;
    }

    FakeSink sink_;
    Tasks tasks_;
    TracedSink traced_{sink_, tasks_};
};

TEST_F(TracedSinkTest, PutsTheStackRightBehindItsRecord) {
    set({kCall});
    const std::vector<uint64_t> stack{0xffffffff81000010, 0x401000};
    traced_.begin({{7, 3}, stack, {}});
    RecordBuilder(kCall, 2, 50).put(uint64_t{1}).send(traced_, 2);
    traced_.clear();
    RecordBuilder(kCall, 2, 51).put(uint64_t{1}).send(traced_, 2);  // has none
    ASSERT_EQ(sink_.sent.size(), 3u);
    EXPECT_EQ(sink_.sent[0].hook(), kCall);
    const FakeSink::Sent& walk = sink_.sent[1];
    EXPECT_EQ(walk.hook(), kStack);
    EXPECT_EQ(walk.cpu, 2u);
    EXPECT_EQ(walk.time, 50);
    EXPECT_EQ(walk.at<int64_t>(kPayload), 50);
    EXPECT_EQ(walk.at<uint32_t>(kPayload + 8), 3u);
    EXPECT_EQ(walk.at<uint32_t>(kPayload + 12), 7u);
    EXPECT_EQ(frames(walk), stack);
}

// Of code without frame pointers, what is taken for callers is anything.
TEST_F(TracedSinkTest, AStackEndsWhereItLeavesTheCodeOfItsProcess) {
    Context context{traced_, tasks_, 1'000'000, kKernelImageLoad};
    FileNames names;
    ImageEvents images(context, names);
    traced_.end_stacks_by(images);
    Process process;
    process.pid = 3;
    tasks_.add(process);
    images.on_map(image_of(0x401000, 0x2000, 0x1000, "/bin/a"), true, {3, 10, 0});
    images.on_map(image_of(0x7F0000, 0x1000, 0, std::string(kAnonymous)), true, {3, 11, 0});
    set({kCall});
    const auto told = [&](uint32_t pid, const std::vector<uint64_t>& stack) {
        sink_.sent.clear();
        traced_.begin({{7, pid}, stack, {}});
        RecordBuilder(kCall, 2, 50).put(uint64_t{1}).send(traced_, 2);
        traced_.clear();
        return frames(sink_.of(kStack).at(0));
    };
    using Frames = std::vector<uint64_t>;
    const uint64_t kernel = 0xffffffff81000010;
    EXPECT_EQ(told(3, {kernel, 0x401000, 0x7F0010, 0x402FFF, 0x400, 0x401010}),
              (Frames{kernel, 0x401000, 0x7F0010, 0x402FFF}));
    EXPECT_EQ(told(3, {kernel}), Frames{kernel});
    EXPECT_EQ(told(3, {0x400, 0x401010, kernel}), (Frames{0x400, 0x401010}));  // where it is
    EXPECT_EQ(told(4, {0x401000, 0x400}), (Frames{0x401000, 0x400}));          // not known
    // What a converter tells by itself, too.
    RecordBuilder(kHeapFree, 2, 60, RecordIds{7, 3}).send(traced_, 1);
    sink_.sent.clear();
    RecordBuilder(kStack, 2, 60)
        .put(int64_t{60})
        .put(uint32_t{3})
        .put(uint32_t{7})
        .put(uint64_t{0x401000})
        .put(uint64_t{0x400})
        .send(traced_, 1);
    ASSERT_EQ(sink_.sent.size(), 1u);
    EXPECT_EQ(frames(sink_.sent[0]), Frames{0x401000});
    EXPECT_EQ(sink_.sent[0].at<uint32_t>(kPayload + 8), 3u);
    EXPECT_EQ(sink_.sent[0].at<uint32_t>(kPayload + 12), 7u);
    EXPECT_EQ(sink_.sent[0].time, 60);
}

// By time and thread a log's readers tell whose a stack is.
TEST_F(TracedSinkTest, EventsWithStacksHaveTimesOfTheirOwn) {
    set({kCall, kStart});
    const std::vector<uint64_t> first{1}, second{2};
    const auto call = [this](uint32_t cpu, int64_t time, const std::vector<uint64_t>& stack) {
        traced_.begin({{7, 3}, stack, {}});
        RecordBuilder(kCall, 2, time).put(uint64_t{1}).send(traced_, cpu);
        traced_.clear();
    };
    call(0, 50, first);
    RecordBuilder(kHeapFree, 2, 50, RecordIds{7, 3}).send(traced_, 0);  // is to have none
    call(0, 50, second);
    call(0, 49, first);
    call(1, 50, second);  // that of another processor
    traced_.begin({{7, 3}, first, {}});
    RecordBuilder(kStart, 4, 52, RecordIds{7, 3}).put(uint64_t{1}).send(traced_, 0);
    traced_.clear();
    RecordBuilder(kHeapFree, 2, 51, RecordIds{7, 3}).send(traced_, 0);
    std::vector<int64_t> times;
    for (const FakeSink::Sent& sent : sink_.sent) times.push_back(sent.time);
    EXPECT_EQ(times, (std::vector<int64_t>{50, 50, 50, 51, 51, 52, 52, 50, 50, 53, 53, 53}));
    times.clear();
    for (const FakeSink::Sent& sent : sink_.of(kStack)) {
        EXPECT_EQ(sent.at<int64_t>(kPayload), sent.time);
        times.push_back(sent.time);
    }
    EXPECT_EQ(times, (std::vector<int64_t>{50, 51, 52, 50, 53}));
}

TEST_F(TracedSinkTest, AStackThatIsToldBehindItsEventHasThatOnesTime) {
    RecordBuilder(kStart, 4, 100, RecordIds{7, 3}).send(traced_, 0);
    RecordBuilder(kHeapFree, 2, 60, RecordIds{7, 3}).send(traced_, 0);
    RecordBuilder(kStack, 2, 60)
        .put(int64_t{60})
        .put(uint32_t{3})
        .put(uint32_t{7})
        .put(uint64_t{0x401000})
        .send(traced_, 0);
    ASSERT_EQ(sink_.sent.size(), 3u);
    EXPECT_EQ(sink_.sent[1].time, 100);
    EXPECT_EQ(sink_.sent[2].at<int64_t>(kPayload), 100);
}

TEST_F(TracedSinkTest, WhatIsDivertedIsNoneOfTheStreams) {
    FakeSink other;
    traced_.divert_to(&other);
    RecordBuilder(kStart, 4, 100, RecordIds{7, 3}).send(traced_, 0);
    traced_.divert_to(nullptr);
    RecordBuilder(kStart, 4, 60, RecordIds{7, 3}).send(traced_, 0);
    ASSERT_EQ(other.sent.size(), 1u);
    ASSERT_EQ(sink_.sent.size(), 1u);
    EXPECT_EQ(sink_.sent[0].time, 60);
}

TEST_F(TracedSinkTest, LeavesRecordsOfOtherKindsAlone) {
    set({kStart});
    const std::vector<uint64_t> stack{1};
    traced_.begin({{7, 3}, stack, {}});
    RecordBuilder(kCall, 2, 50).put(uint64_t{1}).send(traced_, 0);
    EXPECT_EQ(sink_.sent.size(), 1u);
    // Headers with ids have their kind at the same place.
    RecordBuilder(kStart, 4, 50, RecordIds{7, 3}).put(uint64_t{1}).send(traced_, 0);
    EXPECT_EQ(sink_.of(kStack).size(), 1u);
}

TEST_F(TracedSinkTest, GivesASwitchTheStackAtWhichTheNewThreadWaited) {
    set({kSwitch});
    switch_to(8, 7, 10, {0x70});
    EXPECT_TRUE(sink_.of(kStack).empty());  // where 8 waited nobody has seen
    switch_to(7, 8, 20, {0x80});
    ASSERT_EQ(sink_.of(kStack).size(), 1u);
    EXPECT_EQ(sink_.of(kStack)[0].at<uint32_t>(kPayload + 12), 7u);
    EXPECT_EQ(frames(sink_.of(kStack)[0]), std::vector<uint64_t>{0x70});
    switch_to(8, 7, 30, {0x71}, 4);  // it ends: the next thread of this number is another
    EXPECT_EQ(frames(sink_.of(kStack)[1]), std::vector<uint64_t>{0x80});
    switch_to(7, 8, 40, {0x81});
    EXPECT_EQ(sink_.of(kStack).size(), 2u);
}

TEST_F(TracedSinkTest, PutsCountersBetweenHeaderAndPayload) {
    set({}, {kCall});
    const std::vector<uint64_t> counters{11, 12};
    traced_.begin({{7, 3}, {}, counters});
    RecordBuilder(kCall, 2, 50).put(uint64_t{0xABCD}).send(traced_, 0);
    RecordBuilder(kSwitch, 4, 50).put(uint64_t{0}).send(traced_, 0);
    const FakeSink::Sent& call = sink_.sent[0];
    EXPECT_EQ(call.at<uint8_t>(1), 2u);  // flags: how many
    EXPECT_EQ(call.at<uint16_t>(4), call.record.size());
    EXPECT_EQ(call.at<uint64_t>(kPayload), 11u);
    EXPECT_EQ(call.at<uint64_t>(kPayload + 8), 12u);
    EXPECT_EQ(call.at<uint64_t>(kPayload + 16), 0xABCDu);
    EXPECT_EQ(sink_.sent[1].at<uint8_t>(1), 0u);
}

TEST(Feeds, KnowsTheTracepointsOfAnEventOfBothProtocolVersions) {
    EXPECT_TRUE(feeds("sched_switch", kSwitch));
    EXPECT_FALSE(feeds("sched_switch", kCall));
    EXPECT_TRUE(feeds("sock_send_length", 0x060A));
    EXPECT_TRUE(feeds("sock_send_length", 0x061A));
}

}  // namespace
}  // namespace etw::kernel
