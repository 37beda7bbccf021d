#include "render/record_filter.h"

#include "../decode/event_builder.h"

#include <gtest/gtest.h>

namespace etw::render {
namespace {

using decode::test::ByteVector;
using decode::test::kernel_record;
using decode::test::kProvider;
using decode::test::kStartTime;

constexpr int64_t kSecond = 10'000'000;
constexpr uint32_t kNoId = UINT32_MAX;

etl::Record event(uint16_t id, uint8_t level = 4) {
    etl::Record record = decode::test::event_record({}, {});
    record.descriptor.id = id;
    record.descriptor.level = level;
    return record;
}

// A process event of version 3, 64-bit, as the kernel writes it for a process without a user.
ByteVector process_payload(uint32_t process, std::string_view name) {
    ByteWriter out;
    out.write(uint64_t{0xFFFF});  // key
    out.write(process);
    out.write(uint32_t{1});   // parent
    out.write(uint32_t{0});   // session
    out.write(int32_t{259});  // still running
    out.write(uint64_t{0});   // page table
    out.write(uint32_t{0});   // no SID
    out.append_text(name);
    out.write(uint8_t{0});
    out.write(char16_t{0});
    return out.take();
}

TEST(RecordFilter, WithoutOptionsWantsEverything) {
    RecordFilter filter({});
    EXPECT_FALSE(filter.active());
    EXPECT_TRUE(filter.wants(event(7), 0));
    EXPECT_TRUE(filter.wants(event(7), decode::Event{}));
}

TEST(RecordFilter, TimesIncludeBothEnds) {
    FilterOptions options;
    options.from = Moment{kStartTime + kSecond, false};
    options.to = Moment{kStartTime + 2 * kSecond, false};
    RecordFilter filter(options);
    EXPECT_FALSE(filter.wants(event(1), kStartTime + kSecond - 1));
    EXPECT_TRUE(filter.wants(event(1), kStartTime + kSecond));
    EXPECT_TRUE(filter.wants(event(1), kStartTime + 2 * kSecond));
    EXPECT_FALSE(filter.wants(event(1), kStartTime + 2 * kSecond + 1));
}

TEST(RecordFilter, RelativeTimesCountFromTheFirstRecord) {
    FilterOptions options;
    options.from = Moment{kSecond, true};
    RecordFilter filter(options);
    EXPECT_FALSE(filter.wants(event(1), kStartTime));
    EXPECT_FALSE(filter.wants(event(1), kStartTime + kSecond - 1));
    EXPECT_TRUE(filter.wants(event(1), kStartTime + kSecond));
}

TEST(RecordFilter, LevelIsAtMostAndZeroBelongsToEvery) {
    FilterOptions options;
    options.level = 3;
    RecordFilter filter(options);
    EXPECT_TRUE(filter.wants(event(1, 0), 0));
    EXPECT_TRUE(filter.wants(event(1, 3), 0));
    EXPECT_FALSE(filter.wants(event(1, 4), 0));
}

TEST(RecordFilter, LevelOfATraceMessageIsThatOfItsFormat) {
    FilterOptions options;
    options.level = 3;
    const RecordFilter filter(options);
    decode::Message message;
    decode::Event decoded;
    decoded.message = &message;
    message.level = "TRACE_LEVEL_ERROR";
    EXPECT_TRUE(filter.wants(event(1, 0), decoded));
    message.level = "TRACE_LEVEL_VERBOSE";
    EXPECT_FALSE(filter.wants(event(1, 0), decoded));
}

TEST(RecordFilter, IdsAreRangesOfEventsThatHaveIds) {
    FilterOptions options;
    options.ids = {{5, 7}, {100, 100}};
    RecordFilter filter(options);
    EXPECT_FALSE(filter.wants(event(4), 0));
    EXPECT_TRUE(filter.wants(event(5), 0));
    EXPECT_TRUE(filter.wants(event(7), 0));
    EXPECT_TRUE(filter.wants(event(100), 0));
    EXPECT_FALSE(filter.wants(kernel_record(0x0005, 2, {}), 0));
}

TEST(RecordFilter, ProvidersAreGuidsOrNames) {
    FilterOptions options;
    options.providers = {kProvider};
    EXPECT_TRUE(RecordFilter(options).wants(event(1), 0));
    etl::Record other = event(1);
    other.provider.data1 = 1;
    EXPECT_FALSE(RecordFilter(options).wants(other, 0));

    options.provider_names = {"Contoso-*"};
    RecordFilter filter(options);
    EXPECT_TRUE(filter.wants(other, 0)) << "the name is known when the event is decoded";
    decode::Event decoded;
    EXPECT_FALSE(filter.wants(other, decoded));
    EXPECT_TRUE(filter.wants(event(1), decoded)) << "its GUID was asked for";
    decoded.provider = "contoso-disk";
    EXPECT_TRUE(filter.wants(other, decoded));
}

TEST(RecordFilter, EventsAreNamesOrClassAndOpcode) {
    FilterOptions options;
    options.events = {"Tick", "Thread/CSwitch"};
    const RecordFilter filter(options);
    decode::Event decoded;
    decoded.name = "tick";
    EXPECT_TRUE(filter.wants(event(0), decoded));
    decoded.name = "Thread";
    decoded.opcode = "Start";
    EXPECT_FALSE(filter.wants(event(0), decoded));
    decoded.opcode = "CSwitch";
    EXPECT_TRUE(filter.wants(event(0), decoded));
}

TEST(RecordFilter, ProcessIsThatOfTheHeaderOrOfAKernelPayload) {
    FilterOptions options;
    options.processes = {42};
    RecordFilter filter(options);
    etl::Record record = event(1);
    record.process_id = 42;
    EXPECT_TRUE(filter.wants(record, 0));
    record.process_id = 43;
    EXPECT_FALSE(filter.wants(record, 0));

    const ByteVector payload = process_payload(42, "a.exe");
    record = kernel_record(0x0301, 3, payload);
    record.process_id = 1;
    EXPECT_TRUE(filter.wants(record, 0)) << "started by another";
    record = kernel_record(0x0301, 3, Bytes(payload).first(11));
    record.process_id = 1;
    EXPECT_FALSE(filter.wants(record, 0)) << "cut off inside of the process id";
}

TEST(RecordFilter, RecordWithoutAProcessIsNobodys) {
    FilterOptions options;
    options.processes = {kNoId};
    etl::Record record = event(1);
    record.process_id = kNoId;
    EXPECT_FALSE(RecordFilter(options).wants(record, 0));
}

TEST(RecordFilter, NamesFollowTheProcessesThatHaveThem) {
    FilterOptions options;
    options.process_names = {"note*.exe"};
    RecordFilter filter(options);
    etl::Record record = event(1);
    record.process_id = 42;
    EXPECT_FALSE(filter.wants(record, 0));
    EXPECT_TRUE(filter.lacks_process_names());

    const ByteVector mine = process_payload(42, "notepad.exe");
    const ByteVector other = process_payload(42, "calc.exe");
    EXPECT_TRUE(filter.wants(kernel_record(0x0303, 3, mine), 0));
    EXPECT_FALSE(filter.lacks_process_names());
    EXPECT_TRUE(filter.wants(record, 0));
    EXPECT_FALSE(filter.wants(kernel_record(0x0301, 3, other), 0)) << "the number is used again";
    EXPECT_FALSE(filter.wants(record, 0));
}

TEST(Describes, TellsWhatOthersNeed) {
    etl::Record manifest = event(0xFFFE);
    const std::byte chunk[] = {std::byte{1}, std::byte{1}, std::byte{0}, std::byte{0x5B}};
    manifest.payload = chunk;
    EXPECT_EQ(describes(manifest), Describes::kEvents);
    EXPECT_EQ(describes(event(1)), Describes::kNothing);
    EXPECT_EQ(describes(kernel_record(0x0303, 3, {})), Describes::kProcesses);
    EXPECT_EQ(describes(kernel_record(0x0503, 3, {})), Describes::kMachine);
    EXPECT_EQ(describes(kernel_record(0x030A, 3, {})), Describes::kMachine);
    EXPECT_EQ(describes(kernel_record(0x0524, 3, {})), Describes::kNothing);
}

}  // namespace
}  // namespace etw::render
