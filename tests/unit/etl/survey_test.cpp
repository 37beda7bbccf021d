// Looking through a log on several threads, and reading only what that asked for.
#include "log_builder.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace etw::etl {
namespace {

using namespace test;

using Times = std::vector<int64_t>;

// Notes what it is shown, and asks for the buffers of events with one id.
class Noting final : public RecordVisitor {
public:
    explicit Noting(uint16_t wanted = 0) : wanted_(wanted) {}

    bool visit(const Record& record) override {
        shown.push_back(record.time_stamp);
        return wanted_ != 0 && record.descriptor.id == wanted_;
    }
    Times shown;

private:
    uint16_t wanted_;
};

bool survey(LogReader& log, std::vector<Noting>& threads,
            const std::function<bool(uint64_t)>& go_on = {}) {
    std::vector<RecordVisitor*> visitors;
    for (Noting& thread : threads) visitors.push_back(&thread);
    return log.survey(visitors, go_on);
}

// 200 buffers of four processors with two events each, of ids 1 and 2; buffer 40 has one of id 9.
ByteVector long_log() {
    LogBuilder log;
    for (int64_t i = 1; i <= 200; ++i) {
        log.buffer(uint16_t(i % 4), i,
                   {event(i * 10, 16, 1), event(i * 10 + 1, 16, i == 40 ? 9 : 2)});
    }
    return log.bytes();
}

TEST(Survey, ShowsEveryRecordOnceWhateverTheNumberOfThreads) {
    const ByteVector file = long_log();
    for (const size_t count : {1u, 2u, 5u}) {
        auto log = LogReader::over(file);
        std::vector<Noting> threads(count);
        EXPECT_TRUE(survey(*log, threads));
        Times shown;
        for (const Noting& thread : threads) {
            shown.insert(shown.end(), thread.shown.begin(), thread.shown.end());
        }
        std::sort(shown.begin(), shown.end());
        ASSERT_EQ(shown.size(), 401u);
        EXPECT_EQ(std::adjacent_find(shown.begin(), shown.end()), shown.end());
    }
}

TEST(Survey, WhatWasAskedForIsReadInOrderAfterIt) {
    const ByteVector file = long_log();
    auto log = LogReader::over(file);
    std::vector<Noting> threads(3, Noting(9));
    ASSERT_TRUE(survey(*log, threads));
    const ReadLog got = read_all(*log);
    EXPECT_EQ(got.times, (Times{400, 401}));
    EXPECT_EQ(got.consumed, file.size());
    EXPECT_EQ(got.buffers, 201u);
    EXPECT_EQ(got.damage.buffers, 0u);
}

TEST(Survey, BuffersOfSeveralProcessorsAreMerged) {
    LogBuilder built;
    built.buffer(0, 1, {event(10, 16, 9), event(40)}).buffer(1, 2, {event(20), event(30, 16, 9)});
    built.buffer(1, 3, {event(50)}).buffer(2, 4, {event(60, 16, 9)});
    auto log = LogReader::over(built.bytes());
    std::vector<Noting> threads(2, Noting(9));
    ASSERT_TRUE(survey(*log, threads));
    EXPECT_EQ(read_all(*log).times, (Times{10, 20, 30, 40, 60}));
}

TEST(Survey, LeavesOutTraceMessages) {
    wire::MessageHeader message{};
    message.marker = wire::kMarkerMessage;
    LogBuilder built;
    built.buffer(0, 1, {event(10), finished(record(message), 0), event(20)});
    auto log = LogReader::over(built.bytes());
    std::vector<Noting> threads(1);
    ASSERT_TRUE(survey(*log, threads));
    EXPECT_EQ(threads[0].shown, (Times{kStartRaw, 10, 20}));
}

TEST(Survey, LeavesOutSelfDescribingEvents) {
    ByteVector described = event(15);
    const size_t channel = offsetof(wire::EventHeader, descriptor.channel);
    described[channel] = std::byte{wire::kChannelTraceLogging};
    LogBuilder built;
    built.buffer(0, 1, {event(10), described, event(20)});
    auto log = LogReader::over(built.bytes());
    std::vector<Noting> threads(1);
    ASSERT_TRUE(survey(*log, threads));
    EXPECT_EQ(threads[0].shown, (Times{kStartRaw, 10, 20}));
}

TEST(Survey, EndsEarlyWhenItIsTold) {
    const ByteVector file = long_log();
    auto log = LogReader::over(file);
    std::vector<Noting> threads(1);
    uint64_t done = 0;
    EXPECT_FALSE(survey(*log, threads, [&](uint64_t bytes) {
        EXPECT_GE(bytes, done);
        done = bytes;
        return threads[0].shown.size() < 100;
    }));
    EXPECT_LT(threads[0].shown.size(), 200u);
    EXPECT_GT(done, 0u);
}

TEST(Survey, DamageIsCountedOnceByWhoReadsInOrder) {
    LogBuilder built;
    built.buffer(0, 1, {event(10), ByteVector(16, std::byte{0x11}), event(20)});
    built.buffer(1, 2, {event(15, 16, 9)});
    auto log = LogReader::over(built.bytes());
    std::vector<Noting> threads(1, Noting(1));
    ASSERT_TRUE(survey(*log, threads));
    const ReadLog got = read_all(*log);
    EXPECT_EQ(got.times, (Times{10}));
    EXPECT_EQ(got.damage.buffers, 1u);
}

}  // namespace
}  // namespace etw::etl
