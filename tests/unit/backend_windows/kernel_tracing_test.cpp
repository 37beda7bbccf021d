// TraceSetInformation and TraceQueryInformation: each option with its class and its bytes.
#include "backend_windows/backend.h"
#include "recording_api.h"

#include <gtest/gtest.h>

namespace etw::backend_windows {
namespace {

using session::KernelTracing;
using session::StartRequest;
using session::UpdateRequest;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Set = RecordingApi::SetCall;

constexpr TRACEHANDLE kSession = 0xAB0000000007;

// CLASSIC_EVENT_ID: GUID, type, seven bytes of nothing.
const std::vector<uint8_t> kContextSwitch = {0xd1, 0xa8, 0x6f, 0x3d, 0x05, 0xfe, 0xd0, 0x11,
                                             0x9d, 0xda, 0x00, 0xc0, 0x4f, 0xd7, 0xba, 0x7c,
                                             36,   0,    0,    0,    0,    0,    0,    0};
const std::vector<uint8_t> kImageLoad = {0x1d, 0x5d, 0xb1, 0x2c, 0xc1, 0x5f, 0xd2, 0x11,
                                         0xab, 0xe1, 0x00, 0xa0, 0xc9, 0x11, 0xf5, 0x18,
                                         10,   0,    0,    0,    0,    0,    0,    0};

std::vector<uint8_t> both(std::vector<uint8_t> a, const std::vector<uint8_t>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

class KernelTracingTest : public testing::Test {
protected:
    KernelTracingTest() {
        api_.handle = kSession;
        api_.running = {{"K", "", {}}};
        api_.running[0].properties.Wnode.HistoricalContext = kSession;
        add_source("Timer", 0, 1000, 10000000, false);
        add_source("CacheMisses", 10, 4096, 0x7FFFFFFF, false);
        add_source("TotalCycles", 19, 4097, 0x80000000, true);
    }
    void add_source(const std::string& name, ULONG id, ULONG minimum, ULONG maximum, bool last) {
        const std::wstring text = to_wide(name);
        const size_t size = (24 + (text.size() + 1) * 2 + 7) / 8 * 8;
        const size_t at = api_.sources.size();
        api_.sources.resize(at + size);
        const auto put = [&](size_t offset, const void* from, size_t bytes) {
            std::memcpy(api_.sources.data() + at + offset, from, bytes);
        };
        const ULONG next = last ? 0 : ULONG(size);
        put(0, &next, 4);
        put(4, &id, 4);
        put(8, &minimum, 4);
        put(12, &maximum, 4);
        put(24, text.c_str(), (text.size() + 1) * 2);
    }
    session::Outcome<session::EnableResult> start(const KernelTracing& kernel) {
        StartRequest request;
        request.properties.name = "K";
        request.properties.log_file_mode = kModeSystemLogger;
        request.properties.kernel = kernel;
        return backend_.start(request);
    }
    session::Outcome<session::SessionStatus> update(const KernelTracing& kernel) {
        UpdateRequest request;
        request.name = "K";
        request.kernel = kernel;
        return backend_.update(request);
    }

    RecordingApi api_;
    Backend backend_{api_.table()};
};

TEST_F(KernelTracingTest, SourcesAreReadFromTheAnswer) {
    const auto sources = backend_.profile_sources();
    ASSERT_TRUE(sources);
    EXPECT_THAT(*sources, ElementsAre(session::ProfileSource{"Timer", 0, 1000, 10000000},
                                      session::ProfileSource{"CacheMisses", 10, 4096, 0x7FFFFFFF},
                                      session::ProfileSource{"TotalCycles", 19, 4097, 0x80000000}));
}

TEST_F(KernelTracingTest, LongAnswersGetTheRoomTheyNeedAndNoMore) {
    api_.sources.resize(5000);
    EXPECT_TRUE(backend_.profile_sources());
    EXPECT_THAT(api_.query_rooms, ElementsAre(4096u, 8192u));
    api_.query_code = ERROR_INSUFFICIENT_BUFFER;
    EXPECT_EQ(backend_.profile_sources().error().code, Code::kInsufficientBuffer);
    api_.query_code = ERROR_ACCESS_DENIED;
    EXPECT_EQ(backend_.profile_sources().error().code, Code::kAccessDenied);
}

TEST_F(KernelTracingTest, AnswersThatPointOutsideThemselvesEndThere) {
    const auto whole = api_.sources;
    for (size_t size = 0; size <= whole.size(); ++size) {
        api_.sources.assign(whole.begin(), whole.begin() + ptrdiff_t(size));
        EXPECT_TRUE(backend_.profile_sources());
    }
    for (const ULONG next : {1u, 8u, 23u, 0xFFFFFFFFu}) {
        api_.sources = whole;
        std::memcpy(api_.sources.data(), &next, sizeof(next));
        EXPECT_TRUE(backend_.profile_sources());
    }
}

TEST_F(KernelTracingTest, StacksAreOfEventsByClassAndType) {
    KernelTracing kernel;
    kernel.stack_events = {0x0524, 0x030A};
    ASSERT_TRUE(start(kernel));
    EXPECT_THAT(api_.sets, ElementsAre(Set{kSession, 3, both(kContextSwitch, kImageLoad)}));
    EXPECT_EQ(api_.privileges, 0);
    EXPECT_THAT(api_.query_rooms, IsEmpty());
}

TEST_F(KernelTracingTest, IntervalsAndTheSourceOfSamplesAreThoseOfTheSystem) {
    KernelTracing kernel;
    kernel.intervals = {{"timer", 0x2710}, {"CacheMisses", 0x10000}};
    kernel.profile_source = "CACHEMISSES";
    ASSERT_TRUE(start(kernel));
    EXPECT_THAT(api_.sets,
                ElementsAre(Set{0, 5, {0, 0, 0, 0, 0x10, 0x27, 0, 0}},
                            Set{0, 5, {10, 0, 0, 0, 0, 0, 1, 0}}, Set{0, 6, {10, 0, 0, 0}}));
    EXPECT_EQ(api_.privileges, 1);
}

TEST_F(KernelTracingTest, CountersComeBeforeTheirEvents) {
    KernelTracing kernel;
    kernel.counters = {"TotalCycles", "CacheMisses"};
    kernel.counter_events = {0x0524};
    ASSERT_TRUE(start(kernel));
    EXPECT_THAT(api_.sets, ElementsAre(Set{kSession, 9, {19, 0, 0, 0, 10, 0, 0, 0}},
                                       Set{kSession, 8, kContextSwitch}));
}

TEST_F(KernelTracingTest, NothingAskedForIsNoCall) {
    ASSERT_TRUE(start({}));
    EXPECT_THAT(api_.sets, IsEmpty());
    UpdateRequest request;
    request.name = "K";
    ASSERT_TRUE(backend_.update(request));
    EXPECT_THAT(api_.sets, IsEmpty());
}

TEST_F(KernelTracingTest, AnUpdateWithoutStacksEndsThem) {
    ASSERT_TRUE(update({}));
    EXPECT_THAT(api_.sets, ElementsAre(Set{kSession, 3, {}}));
    KernelTracing kernel;
    kernel.stack_events = {0x0524};
    ASSERT_TRUE(update(kernel));
    EXPECT_EQ(api_.sets.back(), (Set{kSession, 3, kContextSwitch}));
}

TEST_F(KernelTracingTest, WhatTheMachineDoesNotHaveIsRefusedByNameAndNothingIsLeft) {
    const auto unknown = [](int which) {
        KernelTracing kernel;
        if (which == 0) kernel.profile_source = "Heat";
        if (which == 1) kernel.intervals = {{"Heat", 1}};
        if (which == 2) kernel.counters = {"Heat"};
        return kernel;
    };
    constexpr const char* kOptions[] = {"-ProfileSource", "-SetProfInt", "-Pmc"};
    for (int which = 0; which < 3; ++which) {
        api_.sessions.clear();
        const auto refused = start(unknown(which));
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Code::kInvalidParameter);
        EXPECT_THAT(refused.error().detail, HasSubstr(kOptions[which]));
        EXPECT_THAT(refused.error().detail, HasSubstr("'Heat'"));
        ASSERT_THAT(api_.sessions, SizeIs(2));
        EXPECT_EQ(api_.sessions[1].code, 1u) << "stopped";
    }
    KernelTracing kernel;
    kernel.stack_events = {0xFE01};
    EXPECT_THAT(start(kernel).error().detail, HasSubstr("0xfe01"));
    EXPECT_THAT(api_.sets, IsEmpty());
}

TEST_F(KernelTracingTest, EveryCallThatFailsEndsTheStartWithItsCode) {
    KernelTracing kernel;
    kernel.stack_events = {0x0524};
    kernel.intervals = {{"Timer", 0x2710}};
    kernel.profile_source = "CacheMisses";
    kernel.counters = {"TotalCycles"};
    kernel.counter_events = {0x0524};
    for (size_t good = 0; good < 5; ++good) {
        api_.sessions.clear();
        api_.sets.clear();
        api_.set_codes.assign(good, ERROR_SUCCESS);
        api_.set_codes.push_back(ERROR_NOT_SUPPORTED);
        const auto refused = start(kernel);
        ASSERT_FALSE(refused) << good;
        EXPECT_EQ(refused.error().code, Code::kNotSupported);
        EXPECT_THAT(api_.sets, SizeIs(good + 1));
        EXPECT_EQ(api_.sessions.back().code, 1u) << "stopped";
    }
    api_.set_codes = {ERROR_ACCESS_DENIED};
    EXPECT_EQ(update(kernel).error().code, Code::kAccessDenied);
}

TEST_F(KernelTracingTest, FunctionsThatOlderSystemsLackAreSaid) {
    KernelTracing kernel;
    kernel.stack_events = {0x0524};
    api_.table().set_information = nullptr;
    EXPECT_EQ(start(kernel).error().code, Code::kNotSupported);
    EXPECT_TRUE(start({})) << "nothing needs it";
    api_.table().query_information = nullptr;
    EXPECT_EQ(backend_.profile_sources().error().code, Code::kNotSupported);
}

}  // namespace
}  // namespace etw::backend_windows
