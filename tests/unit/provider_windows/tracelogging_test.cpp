// TraceLoggingProvider.h on Windows: what it hands to the system.
#include <windows.h>
//
#include <gtest/gtest.h>

#include <evntprov.h>

#include <cstring>
#include <string>
#include <vector>

namespace {

struct Piece {
    ULONG type;
    std::string bytes;
};

struct Recorded {
    PENABLECALLBACK callback = nullptr;
    PVOID context = nullptr;
    GUID id{};
    std::string traits;
    int registered = 0;
    EVENT_DESCRIPTOR descriptor{};
    GUID activity{}, related{};
    std::vector<std::vector<Piece>> events;
} g_recorded;

ULONG record_register(LPCGUID id, PENABLECALLBACK callback, PVOID context, PREGHANDLE handle) {
    g_recorded.id = *id;
    g_recorded.callback = callback;
    g_recorded.context = context;
    ++g_recorded.registered;
    *handle = 0x4711;
    return ERROR_SUCCESS;
}
ULONG record_unregister(REGHANDLE handle) {
    EXPECT_EQ(handle, 0x4711u);
    --g_recorded.registered;
    return ERROR_SUCCESS;
}
ULONG record_information(REGHANDLE handle, EVENT_INFO_CLASS what, PVOID bytes, ULONG size) {
    EXPECT_EQ(handle, 0x4711u);
    EXPECT_EQ(int(what), 2);
    g_recorded.traits.assign(static_cast<const char*>(bytes), size);
    return ERROR_SUCCESS;
}
ULONG record_write(REGHANDLE handle, PCEVENT_DESCRIPTOR descriptor, LPCGUID activity,
                   LPCGUID related, ULONG count, PEVENT_DATA_DESCRIPTOR data) {
    EXPECT_EQ(handle, 0x4711u);
    g_recorded.descriptor = *descriptor;
    g_recorded.activity = activity != nullptr ? *activity : GUID{};
    g_recorded.related = related != nullptr ? *related : GUID{};
    auto& pieces = g_recorded.events.emplace_back();
    for (ULONG i = 0; i < count; ++i) {
        pieces.push_back(
            {data[i].Reserved, {reinterpret_cast<const char*>(data[i].Ptr), data[i].Size}});
    }
    return ERROR_SUCCESS;
}

}  // namespace

#define EventRegister record_register
#define EventUnregister record_unregister
#define EventSetInformation record_information
#define EventWriteTransfer record_write
#include "TraceLoggingProvider.h"

TRACELOGGING_DEFINE_PROVIDER(g_provider, "P", (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11),
                             TraceLoggingOptionGroup(9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1));

namespace {

using namespace std::string_literals;

class TraceLogging : public testing::Test {
protected:
    TraceLogging() {
        g_recorded = {};
        EXPECT_EQ(TraceLoggingRegisterEx(g_provider, on_control, this), S_OK);
    }
    ~TraceLogging() override {
        TraceLoggingUnregister(g_provider);
        EXPECT_EQ(g_recorded.registered, 0);
    }

    static void NTAPI on_control(LPCGUID, ULONG code, UCHAR, ULONGLONG, ULONGLONG,
                                 PEVENT_FILTER_DESCRIPTOR, PVOID context) {
        static_cast<TraceLogging*>(context)->told_.push_back(code);
    }
    // What the system does when a session enables the provider (1) or the last one is gone (0).
    static void control(ULONG code, UCHAR level = 0, ULONGLONG any = 0, ULONGLONG all = 0) {
        g_recorded.callback(nullptr, code, level, any, all, nullptr, g_recorded.context);
    }

    std::vector<ULONG> told_;
};

TEST_F(TraceLogging, RegistersWithItsTraits) {
    EXPECT_EQ(g_recorded.registered, 1);
    EXPECT_EQ(g_recorded.id.Data1, 1u);
    EXPECT_EQ(g_recorded.traits,
              "\x17\0P\0\x13\0\x01\x09\0\0\0\x08\0\x07\0\x06\x05\x04\x03\x02\x01\0\x01"s);
    EXPECT_EQ(TraceLoggingRegister(g_provider), HRESULT_FROM_WIN32(ERROR_INVALID_PARAMETER));
    const GUID id = TraceLoggingProviderId(g_provider);
    EXPECT_EQ(std::memcmp(&id, &g_recorded.id, sizeof(id)), 0);
}

TEST_F(TraceLogging, WritesWhatASessionWants) {
    const auto tick = [] {
        TraceLoggingWrite(g_provider, "Tick", TraceLoggingLevel(4), TraceLoggingKeyword(0x2),
                          TraceLoggingUInt8(7, "n"));
    };
    tick();
    EXPECT_TRUE(g_recorded.events.empty());
    control(1, 3, 0x2);
    tick();
    EXPECT_TRUE(g_recorded.events.empty());
    control(1, 4, 0x4);
    tick();
    EXPECT_TRUE(g_recorded.events.empty());
    control(1, 4, 0x6, 0x2);
    tick();
    EXPECT_EQ(g_recorded.events.size(), 1u);
    EXPECT_TRUE(TraceLoggingProviderEnabled(g_provider, 4, 0x2));
    control(1, 0, 0x2);  // level 0 is all of them
    tick();
    EXPECT_EQ(g_recorded.events.size(), 2u);
    control(0);
    tick();
    EXPECT_EQ(g_recorded.events.size(), 2u);
    EXPECT_EQ(told_, (std::vector<ULONG>{1, 1, 1, 1, 0}));
}

TEST_F(TraceLogging, DescribesItsEventsInTheFirstTwoPieces) {
    control(1, 5, ~0ull);
    const GUID activity{1, 1, 1, {}}, related{2, 2, 2, {}};
    const LONG n = 5;
    TraceLoggingWriteActivity(g_provider, "Tick", &activity, &related, TraceLoggingLevel(4),
                              TraceLoggingOpcode(2), TraceLoggingValue(n, "n"),
                              TraceLoggingValue("a", "t"), TraceLoggingValue(L"b", "w"),
                              TraceLoggingULong(6, "u"));
    ASSERT_EQ(g_recorded.events.size(), 1u);
    const auto& pieces = g_recorded.events[0];
    ASSERT_EQ(pieces.size(), 2 + 4u);
    EXPECT_EQ(pieces[0].type, 2u);
    EXPECT_EQ(pieces[0].bytes, g_recorded.traits);
    EXPECT_EQ(pieces[1].type, 1u);
    EXPECT_EQ(pieces[1].bytes, "\x14\0\0Tick\0n\0\x07t\0\x02w\0\x01u\0\x08"s);
    EXPECT_EQ(pieces[2].type, 0u);
    EXPECT_EQ(pieces[2].bytes, "\x05\0\0\0"s);
    EXPECT_EQ(pieces[3].bytes, "a\0"s);
    EXPECT_EQ(pieces[4].bytes, "b\0\0\0"s);
    EXPECT_EQ(pieces[5].bytes, "\x06\0\0\0"s);
    EXPECT_EQ(g_recorded.descriptor.Level, 4u);
    EXPECT_EQ(g_recorded.descriptor.Opcode, 2u);
    EXPECT_EQ(g_recorded.descriptor.Channel, 11u);
    EXPECT_EQ(g_recorded.activity.Data1, 1u);
    EXPECT_EQ(g_recorded.related.Data1, 2u);
}

}  // namespace
