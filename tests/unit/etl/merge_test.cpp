#include "log_builder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace etw::etl {
namespace {

using namespace test;

std::vector<ByteVector> events_at(std::initializer_list<int64_t> times) {
    std::vector<ByteVector> out;
    for (const int64_t time : times) out.push_back(event(time));
    return out;
}

using Times = std::vector<int64_t>;
using Cpus = std::vector<uint16_t>;

TEST(MergeOrder, ProcessorsAreMergedByTime) {
    LogBuilder log;
    log.buffer(0, 1, events_at({10, 40, 50})).buffer(1, 2, events_at({20, 30, 60}));
    const ReadLog got = read_all(log.bytes());
    EXPECT_EQ(got.times, (Times{10, 20, 30, 40, 50, 60}));
    EXPECT_EQ(got.cpus, (Cpus{0, 1, 1, 0, 0, 1}));
}

TEST(MergeOrder, SequenceNumbersDecideWithinAProcessorNotTheFile) {
    LogBuilder log;
    log.buffer(0, 7, events_at({70, 71})).buffer(0, 5, events_at({50, 51}));
    log.buffer(0, 6, events_at({60, 61})).buffer(1, 1, events_at({55}));
    EXPECT_EQ(read_all(log.bytes()).times, (Times{50, 51, 55, 60, 61, 70, 71}));
}

TEST(MergeOrder, EqualTimesGoByProcessorAndKeepTheirOrderWithin) {
    LogBuilder log;
    log.buffer(3, 1, events_at({10, 10})).buffer(1, 2, events_at({10, 10}));
    EXPECT_EQ(read_all(log.bytes()).cpus, (Cpus{1, 1, 3, 3}));
}

TEST(MergeOrder, HeaderEventIsFirstEvenIfRecordsAreOlder) {
    LogBuilder log;
    log.buffer(0, 1, events_at({kStartRaw - 100, kStartRaw + 1}));
    auto reader = LogReader::over(log.bytes());
    ASSERT_TRUE(reader);
    Record record;
    ASSERT_TRUE(reader->next(record));
    EXPECT_EQ(record.time_stamp, kStartRaw);
    EXPECT_EQ(record.hook_id, 0);
    ASSERT_TRUE(reader->next(record));
    EXPECT_EQ(record.time_stamp, kStartRaw - 100);
}

TEST(MergeOrder, LaterEventsOfTheHeaderBufferTakeTheirPlaceInTime) {
    LogBuilder log;
    wire::BufferHeader header;
    std::memcpy(&header, log.bytes().data(), sizeof(header));
    const ByteVector late = event(kStartRaw + 50);
    std::memcpy(&log.bytes()[header.offset], late.data(), late.size());
    header.offset += uint32_t(late.size());  // the system moves only this one
    std::memcpy(log.bytes().data(), &header, sizeof(header));
    log.buffer(0, 1, events_at({kStartRaw + 1, kStartRaw + 99}));
    EXPECT_EQ(read_all(log.bytes()).times, (Times{kStartRaw + 1, kStartRaw + 50, kStartRaw + 99}));
}

TEST(MergeOrder, ProcessorNumberOfOldSystemsIsTheLowByte) {
    LogBuilder log;
    const ByteVector body = event(10);
    auto header = buffer_header(0x0803, 1, body.size());
    log.raw_buffer(header, body);  // with the flag: eleven bits
    header.flags = 0;
    header.sequence = 2;
    log.raw_buffer(header, body);  // without: the high byte is something else
    EXPECT_EQ(read_all(log.bytes()).cpus, (Cpus{3, 3}));
    header.processor = 0x0703;
    header.flags = wire::kBufferProcessorIndex;
    log.raw_buffer(header, body);
    EXPECT_EQ(read_all(log.bytes()).cpus, (Cpus{3, 3, 0x0703}));
}

TEST(MergeOrder, ManyProcessorsWithRunsOfAnyLengthComeOutSorted) {
    for (unsigned seed = 0; seed < 20; ++seed) {
        std::mt19937 random(seed);
        const size_t cpus = 1 + seed * 3;
        std::vector<std::vector<ByteVector>> filling(cpus);
        LogBuilder log;
        Times want;
        int64_t sequence = 0, time = kStartRaw;
        for (int i = 0; i < 3000; ++i) {
            const auto cpu = random() % cpus;
            time += random() % 3;
            want.push_back(time);
            filling[cpu].push_back(event(time));
            if (filling[cpu].size() == 30) {
                log.buffer(uint16_t(cpu), ++sequence, filling[cpu]);
                filling[cpu].clear();
            }
        }
        for (size_t cpu = 0; cpu < cpus; ++cpu) {
            log.buffer(uint16_t(cpu), ++sequence, filling[cpu]);  // may be empty
        }
        const ReadLog got = read_all(log.bytes());
        EXPECT_EQ(got.times, want) << seed;
        EXPECT_EQ(got.damage.first, "");
    }
}

TEST(MergeOrder, ViewsStayValidWhileOtherProcessorsGoOn) {
    LogBuilder log;
    log.buffer(0, 1, events_at({10})).buffer(1, 2, events_at({20})).buffer(0, 3, events_at({30}));
    auto reader = LogReader::over(log.bytes());
    ASSERT_TRUE(reader);
    Record record;
    uint64_t count = 0;
    while (reader->next(record)) {
        ++count;
        EXPECT_EQ(record.raw.size(), record.size);
        EXPECT_EQ(record.payload.data() + record.payload.size(),
                  record.raw.data() + record.raw.size());
    }
    EXPECT_EQ(count, 4u);
    EXPECT_FALSE(reader->next(record));  // stays at the end
}

TEST(MergeOrder, ReaderCanBeMovedWhileItReads) {
    LogBuilder log;
    log.buffer(0, 1, events_at({10, 20}));
    auto first = LogReader::over(log.bytes());
    ASSERT_TRUE(first);
    Record record;
    ASSERT_TRUE(first->next(record));
    LogReader second = *std::move(first);
    EXPECT_TRUE(second.next(record));
    EXPECT_EQ(record.time_stamp, 10);
}

}  // namespace
}  // namespace etw::etl
