// Live consumption: what the callbacks are given becomes records; the end, losses, interruption.
#include "backend_windows/consumer.h"

#include "decode/schema.h"
#include "recording_api.h"

#include <gtest/gtest.h>

namespace etw::backend_windows {
namespace {

using session::Consumer;
using std::chrono::seconds;

constexpr seconds kPatience{60};  // a bound on waiting, never a delay

// A session that delivers what the test has prepared and then ends, or waits to be closed.
struct Delivery {
    std::vector<EVENT_RECORD> events;
    bool goes_on = false;
    EVENT_TRACE_LOGFILEW log{};
    std::mutex mutex;
    std::condition_variable changed;
    bool closed = false;
};
Delivery* g_delivery = nullptr;

TRACEHANDLE WINAPI open_trace(EVENT_TRACE_LOGFILEW* log) {
    log->LogfileHeader.NumberOfProcessors = 8;
    log->LogfileHeader.PointerSize = 8;
    log->LogfileHeader.StartTime.QuadPart = 1000;
    g_delivery->log = *log;
    return 77;
}

ULONG WINAPI process_trace(TRACEHANDLE* handles, ULONG count, FILETIME*, FILETIME*) {
    EXPECT_EQ(count, 1u);
    EXPECT_EQ(handles[0], 77u);
    for (EVENT_RECORD event : g_delivery->events) {
        event.UserContext = g_delivery->log.Context;
        g_delivery->log.EventRecordCallback(&event);
    }
    g_delivery->log.BufferCallback(&g_delivery->log);
    std::unique_lock lock(g_delivery->mutex);
    g_delivery->changed.wait(lock, [] { return !g_delivery->goes_on || g_delivery->closed; });
    return ERROR_SUCCESS;
}

ULONG WINAPI close_trace(TRACEHANDLE) {
    const std::lock_guard lock(g_delivery->mutex);
    g_delivery->closed = true;
    g_delivery->changed.notify_all();
    return ERROR_SUCCESS;
}

class ConsumerTest : public testing::Test {
protected:
    ConsumerTest() {
        g_delivery = &delivery_;
        api_.table().open_trace = open_trace;
        api_.table().process_trace = process_trace;
        api_.table().close_trace = close_trace;
        api_.running = {{"Live", "", {}}};
        api_.running[0].properties.LogFileMode = kModeRealTime;
    }
    std::unique_ptr<Consumer> open() {
        auto consumer = backend_windows::Consumer::open("Live", api_.table());
        EXPECT_TRUE(consumer);
        return consumer ? *std::move(consumer) : nullptr;
    }

    RecordingApi api_;
    Delivery delivery_;
};

TEST_F(ConsumerTest, RecordsHaveWhatTheEventsHad) {
    const uint8_t payload[] = {1, 2, 3};
    const uint8_t schema[] = {7, 0, 0, 'E', 'v', 'A', 0};
    EVENT_HEADER_EXTENDED_DATA_ITEM items[2]{};
    items[0].ExtType = uint16_t(wire::ExtendedType::kProviderTraits);
    items[0].DataSize = 3;
    const uint8_t traits[] = {3, 0, 'P'};
    items[0].DataPtr = reinterpret_cast<uintptr_t>(traits);
    items[1].ExtType = uint16_t(wire::ExtendedType::kEventSchemaTl);
    items[1].DataSize = sizeof(schema);
    items[1].DataPtr = reinterpret_cast<uintptr_t>(schema);
    EVENT_RECORD event{};
    event.EventHeader.Size = 200;
    event.EventHeader.Flags = 0x40 | 0x200;
    event.EventHeader.ThreadId = 3;
    event.EventHeader.ProcessId = 4;
    event.EventHeader.TimeStamp.QuadPart = 123456789;
    event.EventHeader.ProviderId.Data1 = 0xABCD;
    event.EventHeader.EventDescriptor = {9, 1, 11, 4, 2, 5, 0x80};
    event.EventHeader.KernelTime = 6;
    event.EventHeader.UserTime = 7;
    event.EventHeader.ActivityId.Data1 = 0x1234;
    event.BufferContext.ProcessorIndex = 300;
    event.ExtendedDataCount = 2;
    event.ExtendedData = items;
    event.UserData = const_cast<uint8_t*>(payload);
    event.UserDataLength = sizeof(payload);
    delivery_.events = {event};

    const auto consumer = open();
    etl::Record record;
    ASSERT_EQ(consumer->next(record, kPatience), Consumer::Next::kRecord);
    EXPECT_EQ(record.type, wire::HeaderType::kEvent64);
    EXPECT_EQ(record.cpu, 300);
    EXPECT_EQ(record.thread_id, 3u);
    EXPECT_EQ(record.process_id, 4u);
    EXPECT_EQ(record.provider.data1, 0xABCDu);
    EXPECT_EQ(record.descriptor.id, 9);
    EXPECT_EQ(record.descriptor.version, 1);
    EXPECT_EQ(record.descriptor.channel, 11);
    EXPECT_EQ(record.descriptor.level, 4);
    EXPECT_EQ(record.descriptor.opcode, 2);
    EXPECT_EQ(record.descriptor.task, 5);
    EXPECT_EQ(record.descriptor.keyword, 0x80u);
    EXPECT_EQ(record.kernel_time, 6u);
    EXPECT_EQ(record.user_time, 7u);
    EXPECT_EQ(record.activity.data1, 0x1234u);
    EXPECT_EQ(consumer->time().to_filetime(record.time_stamp), 123456789);
    EXPECT_TRUE(std::equal(record.payload.begin(), record.payload.end(),
                           std::as_bytes(std::span(payload)).begin()));
    const auto found = etl::find_extended(record, wire::ExtendedType::kEventSchemaTl);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->size(), sizeof(schema));
    EXPECT_EQ(record.extended.size(), 32u) << "two items, each padded to 8 bytes";
    EXPECT_EQ(consumer->next(record, kPatience), Consumer::Next::kEnded);
    EXPECT_EQ(consumer->buffers(), 1u);
    EXPECT_EQ(consumer->header().fixed.processors, 8u);
}

TEST_F(ConsumerTest, FlagsTellWhatKindOfRecordItIs) {
    const auto type_with = [](USHORT flags) {
        EVENT_RECORD event{};
        event.EventHeader.Flags = flags;
        return build_record(event).record.type;
    };
    EXPECT_EQ(type_with(0x40), wire::HeaderType::kEvent64);
    EXPECT_EQ(type_with(0x20), wire::HeaderType::kEvent32);
    EXPECT_EQ(type_with(0x140), wire::HeaderType::kFull64);
    EXPECT_EQ(type_with(0x120), wire::HeaderType::kFull32);
    EXPECT_EQ(type_with(0x48), wire::HeaderType::kMessage);
}

TEST_F(ConsumerTest, LossesAreCounted) {
    EVENT_RECORD lost{};
    lost.EventHeader.ProviderId = {
        0x6a399ae0, 0x4bc6, 0x4de9, {0x87, 0x0b, 0x36, 0x57, 0xf8, 0x94, 0x7e, 0x7e}};
    lost.EventHeader.EventDescriptor.Opcode = 32;
    delivery_.events = {lost, lost, lost};
    delivery_.events[2].EventHeader.EventDescriptor.Opcode = 33;
    const auto consumer = open();
    etl::Record record;
    while (consumer->next(record, kPatience) == Consumer::Next::kRecord) continue;
    EXPECT_EQ(consumer->events_lost(), 2u);
    EXPECT_EQ(consumer->buffers_lost(), 1u);
}

TEST_F(ConsumerTest, ASessionThatGoesOnIsWaitedForAndInterrupted) {
    delivery_.goes_on = true;
    const auto consumer = open();
    etl::Record record;
    EXPECT_EQ(consumer->next(record, std::chrono::milliseconds(1)), Consumer::Next::kNothingYet);
    consumer->interrupt();
    EXPECT_EQ(consumer->next(record, kPatience), Consumer::Next::kEnded);
}

TEST_F(ConsumerTest, ASessionWithoutRealTimeDeliveryIsRefusedWithTheRemedy) {
    api_.running[0].properties.LogFileMode = 0;
    const auto consumer = backend_windows::Consumer::open("Live", api_.table());
    ASSERT_FALSE(consumer);
    EXPECT_EQ(consumer.error().code, Code::kNotSupported);
    EXPECT_THAT(consumer.error().detail, testing::HasSubstr("-update"));
    api_.control_codes = {4201};
    EXPECT_EQ(backend_windows::Consumer::open("Live", api_.table()).error().code,
              Code::kSessionNotFound);
}

}  // namespace
}  // namespace etw::backend_windows
