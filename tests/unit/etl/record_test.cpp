// Each kind of record, made byte by byte, in the terms of the consumer.
#include "log_builder.h"

#include <gtest/gtest.h>

namespace etw::etl {
namespace {

using namespace test;
using wire::ExtendedType;
using wire::HeaderType;

constexpr int64_t kTime = kStartRaw + 500;
constexpr uint64_t kPayload = 0x1122334455667788;
constexpr Guid kProcessClass{
    0x3d6fa8d0, 0xfe05, 0x11d0, {0x9d, 0xda, 0x00, 0xc0, 0x4f, 0xd7, 0xba, 0x7c}};
constexpr Guid kImageClass{
    0x2cb15d1d, 0x5fc1, 0x11d2, {0xab, 0xe1, 0x00, 0xa0, 0xc9, 0x11, 0xf5, 0x18}};

// Owns what the record's views point to.
struct OneRecord {
    explicit OneRecord(const std::vector<ByteVector>& records, uint16_t cpu = 1)
        : log(LogBuilder().buffer(cpu, 1, records)), reader(*LogReader::over(log.bytes())) {
        EXPECT_TRUE(reader.next(record));  // the header event
        found = reader.next(record);
    }
    uint64_t payload() const {
        uint64_t value = 0;
        EXPECT_EQ(record.payload.size(), sizeof(value));
        if (record.payload.size() == sizeof(value)) {
            std::memcpy(&value, record.payload.data(), sizeof(value));
        }
        return value;
    }

    LogBuilder log;
    LogReader reader;
    Record record;
    bool found = false;
};

ByteVector system_record(HeaderType type, uint16_t hook, uint16_t version = 3) {
    const wire::SystemHeader header{.version = version,
                                    .header_type = uint8_t(type),
                                    .marker = wire::kMarkerEvent,
                                    .size = 0,
                                    .hook_id = hook,
                                    .thread_id = 11,
                                    .process_id = 12,
                                    .time_stamp = kTime,
                                    .kernel_time = 13,
                                    .user_time = 14};
    ByteVector bytes = record(header);
    if (type == HeaderType::kCompact32 || type == HeaderType::kCompact64) bytes.resize(24);
    const ByteVector payload = record(kPayload);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    return finished(std::move(bytes), 4);
}

TEST(Record, SystemHeaderGivesClassOpcodeAndTimes) {
    for (const auto type : {HeaderType::kSystem32, HeaderType::kSystem64}) {
        const OneRecord one({system_record(type, 0x0301)});
        ASSERT_TRUE(one.found);
        EXPECT_EQ(one.record.type, type);
        EXPECT_EQ(one.record.is_64_bit, type == HeaderType::kSystem64);
        EXPECT_EQ(one.record.cpu, 1);
        EXPECT_EQ(one.record.size, 40);
        EXPECT_EQ(one.record.time_stamp, kTime);
        EXPECT_EQ(one.record.thread_id, 11u);
        EXPECT_EQ(one.record.process_id, 12u);
        EXPECT_EQ(one.record.kernel_time, 13u);
        EXPECT_EQ(one.record.user_time, 14u);
        EXPECT_EQ(one.record.provider, kProcessClass);
        EXPECT_EQ(one.record.hook_id, 0x0301);
        EXPECT_EQ(one.record.descriptor.opcode, 1);
        EXPECT_EQ(one.record.descriptor.version, 3);
        EXPECT_EQ(one.record.raw.size(), 40u);
        EXPECT_EQ(one.payload(), kPayload);
    }
}

TEST(Record, CompactHeaderHasNoTimesOfTheThread) {
    for (const auto type : {HeaderType::kCompact32, HeaderType::kCompact64}) {
        const OneRecord one({system_record(type, 0x0301)});
        ASSERT_TRUE(one.found);
        EXPECT_EQ(one.record.is_64_bit, type == HeaderType::kCompact64);
        EXPECT_EQ(one.record.thread_id, 11u);
        EXPECT_EQ(one.record.process_id, 12u);
        EXPECT_EQ(one.record.kernel_time, 0u);
        EXPECT_EQ(one.record.user_time, 0u);
        EXPECT_EQ(one.payload(), kPayload);
    }
}

TEST(Record, ImageLoadInTheProcessGroupIsAnEventOfImage) {
    const OneRecord one({system_record(HeaderType::kSystem64, 0x030A)});
    ASSERT_TRUE(one.found);
    EXPECT_EQ(one.record.provider, kImageClass);
    EXPECT_EQ(one.record.descriptor.opcode, 10);
    EXPECT_EQ(one.record.hook_id, 0x030A);
}

TEST(Record, GroupWithoutAClassHasNoProvider) {
    const OneRecord one({system_record(HeaderType::kSystem64, 0xEE01)});
    ASSERT_TRUE(one.found);
    EXPECT_EQ(one.record.provider, Guid{});
}

ByteVector perfinfo_record(uint8_t flags, size_t counters,
                           HeaderType type = HeaderType::kPerfInfo64) {
    const wire::PerfInfoHeader header{.version = 2,
                                      .flags = flags,
                                      .header_type = uint8_t(type),
                                      .marker = wire::kMarkerEvent,
                                      .size = 0,
                                      .hook_id = 0x0524,
                                      .time_stamp = kTime};
    ByteVector bytes = record(header);
    bytes.resize(bytes.size() + 8 * counters, std::byte{0xCC});
    const ByteVector payload = record(kPayload);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    return finished(std::move(bytes), 4);
}

TEST(Record, PerfInfoHeaderHasNoProcess) {
    for (const auto type : {HeaderType::kPerfInfo32, HeaderType::kPerfInfo64}) {
        const OneRecord one({perfinfo_record(0, 0, type)});
        ASSERT_TRUE(one.found);
        EXPECT_EQ(one.record.is_64_bit, type == HeaderType::kPerfInfo64);
        EXPECT_EQ(one.record.process_id, 0xFFFFFFFF);
        EXPECT_EQ(one.record.thread_id, 0xFFFFFFFF);
        EXPECT_EQ(one.record.hook_id, 0x0524);
        EXPECT_EQ(one.record.time_stamp, kTime);
        EXPECT_EQ(one.payload(), kPayload);
    }
}

TEST(Record, PayloadStartsBehindCountersAndPebsIndex) {
    EXPECT_EQ(OneRecord({perfinfo_record(2, 2)}).payload(), kPayload);
    EXPECT_EQ(OneRecord({perfinfo_record(0x80, 1)}).payload(), kPayload);
    EXPECT_EQ(OneRecord({perfinfo_record(0x87, 8)}).payload(), kPayload);
}

TEST(Record, CountersThatRunPastTheRecordMakeItUnreadable) {
    const OneRecord one({perfinfo_record(7, 0)});
    EXPECT_FALSE(one.found);
    EXPECT_EQ(one.reader.damage().records, 1u);
}

struct TestItem {
    ExtendedType type;
    std::vector<uint8_t> data;
    uint16_t size_change = 0;
};

ByteVector extended_event(const std::vector<TestItem>& items, bool last_links = false) {
    wire::EventHeader header = event_header(kTime);
    header.flags = wire::kEventExtended;
    header.kernel_time = 21;
    header.user_time = 22;
    header.activity_id = kImageClass;
    ByteVector bytes = record(header);
    for (size_t i = 0; i < items.size(); ++i) {
        const auto& data = items[i].data;
        const size_t size = wire::align8(8 + data.size());
        const wire::ExtendedItem item{.size = uint16_t(size + items[i].size_change),
                                      .type = uint16_t(items[i].type),
                                      .linkage = uint16_t(last_links || i + 1 < items.size()),
                                      .data_size = uint16_t(data.size())};
        const ByteVector head = record(item);
        bytes.insert(bytes.end(), head.begin(), head.end());
        for (const uint8_t b : data) bytes.push_back(std::byte{b});
        bytes.resize(bytes.size() + size - 8 - data.size());
    }
    const ByteVector payload = record(kPayload);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    return finished(std::move(bytes), 0);
}

TEST(Record, EventHeaderIsTakenAsItIs) {
    const OneRecord one({extended_event({{ExtendedType::kSid, {1, 2, 3}}})});
    ASSERT_TRUE(one.found);
    EXPECT_EQ(one.record.type, HeaderType::kEvent64);
    EXPECT_TRUE(one.record.is_64_bit);
    EXPECT_EQ(one.record.provider, kProvider);
    EXPECT_EQ(one.record.descriptor.id, 1);
    EXPECT_EQ(one.record.descriptor.version, 2);
    EXPECT_EQ(one.record.descriptor.level, 4);
    EXPECT_EQ(one.record.descriptor.opcode, 9);
    EXPECT_EQ(one.record.descriptor.task, 3);
    EXPECT_EQ(one.record.descriptor.keyword, 0x80u);
    EXPECT_EQ(one.record.thread_id, 5u);
    EXPECT_EQ(one.record.process_id, 6u);
    EXPECT_EQ(one.record.kernel_time, 21u);
    EXPECT_EQ(one.record.user_time, 22u);
    EXPECT_EQ(one.record.activity, kImageClass);
    EXPECT_EQ(one.record.hook_id, 0);
    EXPECT_EQ(one.payload(), kPayload);
}

TEST(Record, FieldsOfTheRecordBeforeDoNotShowThrough) {
    OneRecord one({extended_event({{ExtendedType::kSid, {1}}}), perfinfo_record(0, 0)});
    ASSERT_TRUE(one.reader.next(one.record));
    EXPECT_EQ(one.record.type, HeaderType::kPerfInfo64);
    EXPECT_TRUE(one.record.extended.empty());
    EXPECT_EQ(one.record.activity, Guid{});
    EXPECT_EQ(one.record.kernel_time, 0u);
    EXPECT_EQ(one.record.user_time, 0u);
    EXPECT_EQ(one.record.descriptor.id, 0);
    EXPECT_EQ(one.record.descriptor.level, 0);
    EXPECT_EQ(one.record.descriptor.keyword, 0u);
    EXPECT_EQ(one.record.message_flags, 0);
}

TEST(Record, ExtendedItemsAreFoundByType) {
    const OneRecord one({extended_event({{ExtendedType::kSid, {1, 2, 3}},
                                         {ExtendedType::kTsId, {4, 5, 6, 7}},
                                         {ExtendedType::kTsId, {9}},
                                         {ExtendedType::kPsmKey, {}}})});
    ASSERT_TRUE(one.found);
    const auto sid = find_extended(one.record, ExtendedType::kSid);
    ASSERT_TRUE(sid);
    EXPECT_EQ(sid->size(), 3u);
    const auto first = find_extended(one.record, ExtendedType::kTsId);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->size(), 4u);
    EXPECT_EQ((*first)[0], std::byte{4});
    EXPECT_TRUE(find_extended(one.record, ExtendedType::kPsmKey)->empty());
    EXPECT_FALSE(find_extended(one.record, ExtendedType::kEventKey));
    EXPECT_EQ(one.payload(), kPayload);
}

TEST(Record, BrokenItemChainsMakeOnlyThatRecordUnreadable) {
    const auto expect_skipped = [](const ByteVector& broken, const char* what) {
        const OneRecord one({broken, event(kTime + 1)});
        EXPECT_TRUE(one.found) << what;
        EXPECT_EQ(one.record.time_stamp, kTime + 1) << what;
        EXPECT_EQ(one.reader.damage().records, 1u) << what;
        EXPECT_EQ(one.reader.damage().buffers, 0u) << what;
        EXPECT_NE(one.reader.damage().first, "") << what;
    };
    const std::vector<uint8_t> data{1, 2, 3, 4};
    expect_skipped(extended_event({{ExtendedType::kSid, data, 4000}}), "size past the end");
    expect_skipped(extended_event({{ExtendedType::kSid, data, uint16_t(-12)}}), "size below 8");
    expect_skipped(extended_event({{ExtendedType::kSid, data, uint16_t(-8)}}), "data past item");
    expect_skipped(extended_event({{ExtendedType::kSid, data}}, true), "link to nothing");
}

TEST(Record, FullHeaderIsAClassicEvent) {
    for (const auto type : {HeaderType::kFull32, HeaderType::kFull64}) {
        const wire::FullHeader header{.size = 0,
                                      .header_type = uint8_t(type),
                                      .marker = wire::kMarkerEvent,
                                      .opcode = 36,
                                      .level = 3,
                                      .version = 2,
                                      .thread_id = 11,
                                      .process_id = 12,
                                      .time_stamp = kTime,
                                      .event_class = kProvider,
                                      .kernel_time = 13,
                                      .user_time = 14};
        const OneRecord one({finished(record(header, kPayload), 0)});
        ASSERT_TRUE(one.found);
        EXPECT_EQ(one.record.is_64_bit, type == HeaderType::kFull64);
        EXPECT_EQ(one.record.provider, kProvider);
        EXPECT_EQ(one.record.descriptor.opcode, 36);
        EXPECT_EQ(one.record.descriptor.level, 3);
        EXPECT_EQ(one.record.descriptor.version, 2);
        EXPECT_EQ(one.record.thread_id, 11u);
        EXPECT_EQ(one.record.process_id, 12u);
        EXPECT_EQ(one.record.kernel_time, 13u);
        EXPECT_EQ(one.record.user_time, 14u);
        EXPECT_EQ(one.payload(), kPayload);
    }
}

TEST(Record, InstanceHeaderIsAFullHeaderWithMoreBeforeThePayload) {
    for (const auto type : {HeaderType::kInstance32, HeaderType::kInstance64}) {
        wire::InstanceHeader header{};
        header.full.header_type = uint8_t(type);
        header.full.marker = wire::kMarkerEvent;
        header.full.opcode = 7;
        header.full.time_stamp = kTime;
        header.full.event_class = kProvider;
        const OneRecord one({finished(record(header, kPayload), 0)});
        ASSERT_TRUE(one.found);
        EXPECT_EQ(one.record.is_64_bit, type == HeaderType::kInstance64);
        EXPECT_EQ(one.record.descriptor.opcode, 7);
        EXPECT_EQ(one.record.provider, kProvider);
        EXPECT_EQ(one.payload(), kPayload);
    }
}

ByteVector message(uint16_t flags, int64_t time = kTime) {
    ByteWriter out;
    out.write(wire::MessageHeader{
        .size = 0, .reserved = 0, .marker = wire::kMarkerMessage, .number = 17, .flags = flags});
    if (flags & wire::kMessageSequence) out.write(uint32_t{99});
    if (flags & wire::kMessageComponent) {
        out.write(uint32_t{55});
    } else if (flags & wire::kMessageGuid) {
        out.write(kProvider);
    }
    if (flags & (wire::kMessageTime | wire::kMessagePerfTime)) out.write(time);
    if (flags & wire::kMessageSystemInfo) {
        out.write(uint32_t{11});
        out.write(uint32_t{12});
    }
    out.write(kPayload);
    return finished(out.take(), 0);
}

TEST(Record, MessageHasTheItemsThatItsFlagsName) {
    const OneRecord one({message(0xAB)});
    ASSERT_TRUE(one.found);
    EXPECT_EQ(one.record.type, HeaderType::kMessage);
    EXPECT_TRUE(one.record.is_64_bit);
    EXPECT_EQ(one.record.descriptor.id, 17);
    EXPECT_EQ(one.record.provider, kProvider);
    EXPECT_EQ(one.record.message_flags, 0xAB);
    EXPECT_EQ(one.record.message_sequence, 99u);
    EXPECT_EQ(one.record.time_stamp, kTime);
    EXPECT_EQ(one.record.thread_id, 11u);
    EXPECT_EQ(one.record.process_id, 12u);
    EXPECT_EQ(one.payload(), kPayload);
}

TEST(Record, MessageComponentWinsOverGuid) {
    const OneRecord one({message(wire::kMessageComponent | wire::kMessageGuid | wire::kMessageTime |
                                 wire::kMessagePointer32)});
    ASSERT_TRUE(one.found);
    EXPECT_EQ(one.record.provider, (Guid{.data1 = 55}));
    EXPECT_FALSE(one.record.is_64_bit);
    EXPECT_EQ(one.record.process_id, 0xFFFFFFFF);
    EXPECT_EQ(one.payload(), kPayload);
}

TEST(Record, EveryCombinationOfMessageItemsKeepsThePayload) {
    for (uint16_t flags = 0; flags < 0x100; ++flags) {
        EXPECT_EQ(OneRecord({message(flags)}).payload(), kPayload) << flags;
    }
}

TEST(Record, MessageWithoutATimeHasItsPredecessors) {
    OneRecord one({event(kTime), message(wire::kMessageGuid), event(kTime + 1)});
    EXPECT_EQ(one.record.time_stamp, kTime);
    ASSERT_TRUE(one.reader.next(one.record));
    EXPECT_EQ(one.record.type, HeaderType::kMessage);
    EXPECT_EQ(one.record.time_stamp, kTime);
    EXPECT_EQ(one.payload(), kPayload);
}

TEST(Record, MessageTooShortForItsItemsIsUnreadable) {
    const ByteVector broken = finished(record(wire::MessageHeader{.size = 0,
                                                                  .reserved = 0,
                                                                  .marker = wire::kMarkerMessage,
                                                                  .number = 1,
                                                                  .flags = 0xAA},
                                              uint32_t{1}),
                                       0);
    const OneRecord one({broken, event(kTime)});
    EXPECT_EQ(one.record.time_stamp, kTime);
    EXPECT_EQ(one.reader.damage().records, 1u);
}

TEST(TimeConverterTest, PerfCounterIsScaledAndRoundedDownOnBothSidesOfTheStart) {
    LogHeader header;
    header.fixed.clock_type = uint32_t(ClockType::kPerfCounter);
    header.fixed.perf_frequency = 3;
    header.fixed.start_time = 1000;
    header.start_raw = 50;
    const TimeConverter time(header);
    EXPECT_EQ(time.to_filetime(50), 1000);
    EXPECT_EQ(time.to_filetime(51), 1000 + 3'333'333);
    EXPECT_EQ(time.to_filetime(53), 1000 + 10'000'000);
    EXPECT_EQ(time.to_filetime(49), 1000 - 3'333'334);
    EXPECT_EQ(time.to_filetime(47), 1000 - 10'000'000);
}

TEST(TimeConverterTest, LongLogsDoNotOverflow) {
    LogHeader header;
    header.fixed.clock_type = uint32_t(ClockType::kPerfCounter);
    header.fixed.perf_frequency = 2'400'000'000;
    header.fixed.start_time = kStartTime;
    const TimeConverter time(header);
    const int64_t year = 365 * 86400LL;
    EXPECT_EQ(time.to_filetime(100 * year * 2'400'000'000 + 240),
              kStartTime + 100 * year * 10'000'000 + 1);
    header.fixed.perf_frequency = INT64_MAX;
    EXPECT_EQ(TimeConverter(header).to_filetime(INT64_MAX), kStartTime + 10'000'000);
    EXPECT_EQ(TimeConverter(header).to_filetime(INT64_MAX - 1), kStartTime + 9'999'999);
    header.fixed.perf_frequency = 1;
    EXPECT_EQ(TimeConverter(header).to_filetime(INT64_MAX), INT64_MAX);
    EXPECT_EQ(TimeConverter(header).to_filetime(INT64_MIN), INT64_MIN);
}

TEST(TimeConverterTest, SystemTimeIsFileTimeAlreadyAndCyclesCountByMegahertz) {
    LogHeader header;
    header.fixed.clock_type = uint32_t(ClockType::kSystemTime);
    header.fixed.perf_frequency = 10'000'000;
    header.fixed.start_time = header.start_raw = kStartTime;
    EXPECT_EQ(TimeConverter(header).to_filetime(kStartTime + 5), kStartTime + 5);
    header.fixed.clock_type = uint32_t(ClockType::kCpuCycle);
    header.fixed.cpu_mhz = 100;
    header.start_raw = 0;
    EXPECT_EQ(TimeConverter(header).to_filetime(100'000'000), kStartTime + 10'000'000);
}

}  // namespace
}  // namespace etw::etl
