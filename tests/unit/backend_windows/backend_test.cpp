// What reaches the system's functions for every action, byte by byte, and what becomes of their
// answers.
#include "backend_windows/backend.h"

#include "recording_api.h"

#include <gtest/gtest.h>

#include <functional>

namespace etw::backend_windows {
namespace {

using session::PrivateRequest;
using session::Properties;
using session::StartRequest;
using session::UpdateRequest;
using testing::IsEmpty;
using testing::SizeIs;

constexpr Guid kProvider = {0xd58c126f, 0xb309, 0x11d1, {0x96, 0x9e, 0, 0, 0xf8, 0x75, 0xa5, 0xbc}};
constexpr Guid kOwn = {0x12345678, 0x1234, 0x5678, {1, 2, 3, 4, 5, 6, 7, 8}};

class BackendTest : public testing::Test {
protected:
    RecordingApi::SessionCall start(const Properties& properties) {
        StartRequest request;
        request.properties = properties;
        EXPECT_TRUE(backend_.start(request));
        return api_.sessions.front();
    }

    void run_sessions(int count) {
        for (int i = 0; i < count; ++i) {
            RecordingApi::Session one{"S" + std::to_string(i), "", {}};
            one.properties.Wnode.HistoricalContext = ULONG64(i);
            api_.running.push_back(one);
        }
    }

    RecordingApi api_;
    Backend backend_{api_.table()};
};

TEST_F(BackendTest, StartHandsOverEveryProperty) {
    Properties p;
    p.name = "Größe Ω";
    p.guid = kOwn;
    p.log_file_mode = kModeCircular | kModeIndependent;
    p.buffer_size_kb = 128;
    p.minimum_buffers = 10;
    p.maximum_buffers = 30;
    p.maximum_file_size = 2;
    p.flush_timer_s = 7;
    p.flush_threshold = 3;
    p.enable_flags = 0x10003;
    p.clock = ClockType::kSystemTime;
    p.log_file = "C:\\Spuren\\日本 \U0001F600.etl";
    const auto call = start(p);
    EXPECT_EQ(call.function, "StartTrace");
    EXPECT_EQ(call.name, p.name);
    EXPECT_EQ(call.log_file, p.log_file);
    const EVENT_TRACE_PROPERTIES_V2& sent = call.properties;
    EXPECT_EQ(from_system(sent.Wnode.Guid), kOwn);
    EXPECT_EQ(sent.Wnode.ClientContext, 2u);
    EXPECT_EQ(sent.Wnode.Flags, 0x00020000u) << "WNODE_FLAG_TRACED_GUID";
    EXPECT_EQ(sent.BufferSize, 128u);
    EXPECT_EQ(sent.MinimumBuffers, 10u);
    EXPECT_EQ(sent.MaximumBuffers, 30u);
    EXPECT_EQ(sent.MaximumFileSize, 2u);
    EXPECT_EQ(sent.LogFileMode, 0x08000002u);
    EXPECT_EQ(sent.FlushTimer, 7u);
    EXPECT_EQ(sent.EnableFlags, 0x10003u);
    EXPECT_EQ(sent.AgeLimit, 3);
}

TEST_F(BackendTest, TheBlockHasRoomForBothNamesBehindTheProperties) {
    Properties p;
    p.name = "A";
    p.log_file = std::string(session::kMaxNameLength, 'x');
    const auto call = start(p);
    const EVENT_TRACE_PROPERTIES_V2& sent = call.properties;
    constexpr size_t kName = (1024 + 1) * 2;
    EXPECT_EQ(sent.LoggerNameOffset, sizeof(EVENT_TRACE_PROPERTIES_V2));
    EXPECT_EQ(sent.LogFileNameOffset, sizeof(EVENT_TRACE_PROPERTIES_V2) + kName);
    EXPECT_EQ(sent.Wnode.BufferSize, sizeof(EVENT_TRACE_PROPERTIES_V2) + 2 * kName);
    EXPECT_EQ(call.log_file, p.log_file);
}

TEST_F(BackendTest, ASessionWithoutAFileHasNoOffsetOfOne) {
    Properties p;
    p.name = "Live";
    p.log_file_mode = kModeRealTime;
    EXPECT_EQ(start(p).properties.LogFileNameOffset, 0u);
}

TEST_F(BackendTest, TheKernelLoggerHasItsGuidWhateverTheCaseOfItsName) {
    Properties p;
    p.name = "nt kernel LOGGER";
    p.guid = kOwn;
    EXPECT_EQ(to_string(from_system(start(p).properties.Wnode.Guid)),
              "9e814aad-3204-11d2-9a82-006008a86939");
}

TEST_F(BackendTest, StartEnablesItsProvidersThroughTheHandleItWasGiven) {
    api_.handle = 0x0001000200030004;
    api_.enable_codes = {ERROR_SUCCESS, 1460};
    StartRequest request;
    request.properties.name = "A";
    request.providers.resize(2);
    request.providers[0].guid = kProvider;
    request.providers[1].guid = kOwn;
    const auto result = backend_.start(request);
    ASSERT_TRUE(result);
    ASSERT_THAT(api_.enables, SizeIs(2));
    EXPECT_EQ(api_.enables[0].session, api_.handle);
    EXPECT_EQ(from_system(api_.enables[0].provider), kProvider);
    EXPECT_THAT(result->codes, testing::ElementsAre(Code::kOk, Code::kTimeout));
}

TEST_F(BackendTest, ARefusedStartEnablesNothingAndKeepsItsCode) {
    for (const ULONG code : {5u, 87u, 112u, 161u, 183u, 1450u, 999u}) {
        api_.start_codes = {code};
        StartRequest request;
        request.properties.name = "A";
        request.providers.resize(1);
        const auto result = backend_.start(request);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, Code(code));
        EXPECT_FALSE(result.error().detail.empty());
    }
    EXPECT_THAT(api_.enables, IsEmpty());
}

TEST_F(BackendTest, WhatOnlyAHostOfOursCanKeepIsRefusedByName) {
    StartRequest request;
    request.properties.name = "A";
    request.properties.owner_pid = 1;
    auto result = backend_.start(request);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::kNotSupported);
    EXPECT_THAT(result.error().detail, testing::HasSubstr("-owner-pid"));
    request.properties.owner_pid = 0;
    request.properties.ttl_s = 1;
    result = backend_.start(request);
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().detail, testing::HasSubstr("-ttl"));
    request.properties.ttl_s = 0;
    request.providers.resize(1);
    request.providers[0].name = "usdt:C:\\a.dll:b";
    result = backend_.start(request);
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().detail, testing::HasSubstr("usdt:C:\\a.dll:b"));
    EXPECT_THAT(backend_.enable({"A", request.providers, 0}).error().detail,
                testing::HasSubstr("usdt:"));
    EXPECT_THAT(backend_.recover({}).error().detail, testing::HasSubstr("-recover"));
    EXPECT_THAT(api_.sessions, IsEmpty());
}

TEST_F(BackendTest, APrivateSessionHasTheGuidOfItsProvider) {
    StartRequest request;
    request.properties.name = "Own";
    request.properties.log_file_mode = kModePrivate;
    request.providers.resize(1);
    request.providers[0].guid = kProvider;
    ASSERT_TRUE(backend_.start(request));
    ASSERT_THAT(api_.sessions, SizeIs(1)) << "no question: that would need the mode again";
    EXPECT_EQ(from_system(api_.sessions[0].properties.Wnode.Guid), kProvider);
    EXPECT_EQ(api_.sessions[0].properties.LogFileMode, 0x800u);
    EXPECT_EQ(api_.sessions[0].properties.Wnode.Flags, 0x00020000u) << "of version 1";
}

TEST_F(BackendTest, FiltersThatChooseProcessesAreThoseOfAPrivateSession) {
    StartRequest request;
    request.properties.name = "Own";
    request.properties.log_file_mode = kModePrivate;
    request.providers.resize(1);
    request.providers[0].guid = kProvider;
    request.providers[0].pids = {7};
    request.providers[0].exe_names = {"a.exe"};
    request.providers[0].event_ids = session::EventIdFilter{false, {1}};
    ASSERT_TRUE(backend_.start(request));
    const auto& call = api_.sessions.front();
    EXPECT_EQ(call.properties.Wnode.Flags, 0x00820000u) << "WNODE_FLAG_VERSIONED_PROPERTIES";
    EXPECT_EQ(call.properties.V2Control, 2u);
    ASSERT_THAT(call.filters, SizeIs(2));
    EXPECT_EQ(call.filters[0].Type, 0x80000004u);
    EXPECT_EQ(call.filters[0].Size, 4u);
    EXPECT_EQ(call.filters[1].Type, 0x80000008u);
    EXPECT_EQ(call.filters[1].Size, 12u);
}

TEST_F(BackendTest, QpcDeltaIsAnOptionOfVersion2) {
    Properties p;
    p.name = "A";
    p.qpc_delta = true;
    const auto call = start(p);
    EXPECT_EQ(call.properties.Wnode.Flags, 0x00820000u);
    EXPECT_EQ(call.properties.V2Control, 2u);
    EXPECT_EQ(call.properties.V2Options, 2u);
    EXPECT_EQ(call.properties.FilterDescCount, 0u);
}

TEST_F(BackendTest, ModesOfWindowsAloneAreHandedOver) {
    Properties p;
    p.name = "A";
    p.log_file_mode = kModeDebugger | kModeStopOnHybridShutdown | kModeTriageDump;
    EXPECT_EQ(start(p).properties.LogFileMode, 0x80480000u);
}

TEST_F(BackendTest, EachActionIsItsControlCode) {
    const auto code_of_last = [&] { return api_.sessions.back().code; };
    ASSERT_TRUE(backend_.query("Q"));
    EXPECT_EQ(code_of_last(), 0u);
    EXPECT_EQ(api_.sessions.back().name, "Q");
    ASSERT_TRUE(backend_.stop("S"));
    EXPECT_EQ(code_of_last(), 1u);
    ASSERT_TRUE(backend_.flush({"F", std::nullopt}));
    EXPECT_EQ(code_of_last(), 3u);
    EXPECT_EQ(api_.sessions.back().log_file, "");
    ASSERT_TRUE(backend_.increment_file("I"));
    EXPECT_EQ(code_of_last(), 4u);
}

TEST_F(BackendTest, AnswersAreReadBack) {
    RecordingApi::Session running{"Name Ω", "D:\\log.etl", {}};
    EVENT_TRACE_PROPERTIES& p = running.properties;
    p.Wnode.Guid = to_system(kOwn);
    p.Wnode.HistoricalContext = 0xFFFF000000000012;
    p.Wnode.ClientContext = 3;
    p.BufferSize = 64;
    p.MinimumBuffers = 4;
    p.MaximumBuffers = 26;
    p.MaximumFileSize = 5;
    p.LogFileMode = 0x102;
    p.FlushTimer = 9;
    p.EnableFlags = 0x55;
    p.NumberOfBuffers = 6;
    p.FreeBuffers = 5;
    p.BuffersWritten = 77;
    p.EventsLost = 88;
    p.LogBuffersLost = 99;
    p.RealTimeBuffersLost = 111;
    p.LoggerThreadId = reinterpret_cast<HANDLE>(uintptr_t{0x5B4});
    api_.running = {running};
    const auto status = backend_.query("name ω");
    ASSERT_TRUE(status);
    EXPECT_EQ(status->properties.name, running.name);
    EXPECT_EQ(status->properties.guid, kOwn);
    EXPECT_EQ(status->properties.log_file, running.log_file);
    EXPECT_EQ(status->properties.clock, ClockType::kCpuCycle);
    EXPECT_EQ(status->properties.buffer_size_kb, 64u);
    EXPECT_EQ(status->properties.minimum_buffers, 4u);
    EXPECT_EQ(status->properties.maximum_buffers, 26u);
    EXPECT_EQ(status->properties.maximum_file_size, 5u);
    EXPECT_EQ(status->properties.log_file_mode, 0x102u);
    EXPECT_EQ(status->properties.flush_timer_s, 9u);
    EXPECT_EQ(status->properties.enable_flags, 0x55u);
    EXPECT_EQ(status->logger_id, 0x12u);
    EXPECT_EQ(status->logger_thread_id, 0x5B4u);
    EXPECT_EQ(status->number_of_buffers, 6u);
    EXPECT_EQ(status->free_buffers, 5u);
    EXPECT_EQ(status->buffers_written, 77u);
    EXPECT_EQ(status->events_seen_bytes, 77u * 64 * 1024) << "at most: it counts buffers";
    EXPECT_EQ(status->events_lost, 88u);
    EXPECT_EQ(status->log_buffers_lost, 99u);
    EXPECT_EQ(status->real_time_buffers_lost, 111u);
}

TEST_F(BackendTest, ABufferedSessionHasSeenWhatItsBuffersHold) {
    RecordingApi::Session running{"B", "", {}};
    running.properties.LogFileMode = kModeBuffering;
    running.properties.BufferSize = 4;
    running.properties.NumberOfBuffers = 3;
    api_.running = {running};
    EXPECT_EQ(backend_.stop("B")->events_seen_bytes, 3u * 4 * 1024);
}

TEST_F(BackendTest, EveryControlFailureKeepsItsCode) {
    for (const ULONG code : {4201u, 5u, 87u, 24u, 234u, 2402u, 161u}) {
        api_.control_codes = {code};
        const auto status = backend_.stop("A");
        ASSERT_FALSE(status);
        EXPECT_EQ(status.error().code, Code(code));
    }
}

TEST_F(BackendTest, UpdateSaysAgainWhatIsNotToChange) {
    RecordingApi::Session running{"R", "", {}};
    running.properties.LogFileMode = kModeRealTime | kModeCircular;
    running.properties.MaximumBuffers = 20;
    running.properties.FlushTimer = 5;
    running.properties.EnableFlags = 3;
    api_.running = {running};
    UpdateRequest request;
    request.name = "R";
    request.maximum_buffers = 35;
    ASSERT_TRUE(backend_.update(request));
    const EVENT_TRACE_PROPERTIES_V2& sent = api_.sessions[1].properties;
    EXPECT_EQ(api_.sessions[1].code, 2u);
    EXPECT_EQ(sent.LogFileMode, uint32_t{kModeRealTime})
        << "zero would end real-time delivery; it is ORed with the other modes";
    EXPECT_EQ(sent.MaximumBuffers, 35u);
    EXPECT_EQ(sent.FlushTimer, 0u) << "as it was";
    EXPECT_EQ(sent.EnableFlags, 3u);
    EXPECT_EQ(sent.LogFileNameOffset, 0u);
}

TEST_F(BackendTest, UpdateNamesANewFileOnly) {
    RecordingApi::Session running{"R", "C:\\a.etl", {}};
    running.properties.LogFileMode = kModeCircular;
    api_.running = {running};
    UpdateRequest request;
    request.name = "R";
    request.log_file = "C:\\b.etl";
    request.real_time = true;
    request.flush_timer_s = 2;
    request.enable_flags = 0x10;
    ASSERT_TRUE(backend_.update(request));
    EXPECT_EQ(api_.sessions[1].log_file, "C:\\b.etl");
    EXPECT_EQ(api_.sessions[1].properties.LogFileMode, uint32_t{kModeRealTime});
    EXPECT_EQ(api_.sessions[1].properties.FlushTimer, 2u);
    EXPECT_EQ(api_.sessions[1].properties.EnableFlags, 0x10u);
    api_.sessions.clear();
    request.log_file = "C:\\a.etl";
    request.real_time = false;
    ASSERT_TRUE(backend_.update(request));
    EXPECT_EQ(api_.sessions[1].properties.LogFileNameOffset, 0u) << "the same name is an error";
    EXPECT_EQ(api_.sessions[1].properties.LogFileMode, 0u) << "that ends it, as documented";
}

TEST_F(BackendTest, FlushNamesAFileForBufferedSessionsOnly) {
    api_.running = {{"B", "", {}}};
    ASSERT_TRUE(backend_.flush({"B", "C:\\s.etl"}));
    EXPECT_EQ(api_.sessions.back().log_file, "");
    api_.running[0].properties.LogFileMode = kModeBuffering;
    ASSERT_TRUE(backend_.flush({"B", "C:\\s.etl"}));
    EXPECT_EQ(api_.sessions.back().log_file, "C:\\s.etl");
    EXPECT_EQ(api_.sessions.back().code, 3u);
}

TEST_F(BackendTest, PrivateSessionsAreAskedWithTheirModeAndProvider) {
    PrivateRequest request;
    request.name = "P";
    request.providers = {kProvider};
    using Action = PrivateRequest::Action;
    for (const auto& [action, code] : {std::pair{Action::kQuery, 0u},
                                       {Action::kStop, 1u},
                                       {Action::kUpdate, 2u},
                                       {Action::kFlush, 3u}}) {
        request.action = action;
        ASSERT_TRUE(backend_.control_private(request));
        const auto& call = api_.sessions.back();
        EXPECT_EQ(call.code, code);
        EXPECT_EQ(call.properties.LogFileMode, 0x800u);
        EXPECT_EQ(from_system(call.properties.Wnode.Guid), kProvider);
    }
    request.action = Action::kUpdate;
    request.log_file = "C:\\p.etl";
    request.flush_timer_s = 4;
    ASSERT_TRUE(backend_.control_private(request));
    EXPECT_EQ(api_.sessions.back().log_file, "C:\\p.etl");
    EXPECT_EQ(api_.sessions.back().properties.FlushTimer, 4u);
}

TEST_F(BackendTest, TheListGrowsWithTheNumberOfSessions) {
    run_sessions(100);
    const auto list = backend_.list();
    ASSERT_TRUE(list);
    EXPECT_THAT(api_.list_rooms, testing::ElementsAre(64u, 128u));
    ASSERT_THAT(*list, SizeIs(100));
    EXPECT_EQ((*list)[99].properties.name, "S99");
    api_.list_code = ERROR_ACCESS_DENIED;
    const auto refused = backend_.list();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kAccessDenied);
}

TEST_F(BackendTest, TheListTakesNoMoreRoomThanTheSystemHasSessions) {
    run_sessions(100);
    for (const ULONG most : {100u, 101u, 110u, 127u, 128u, 256u}) {
        for (const bool tells_all : {true, false}) {
            api_.most_sessions = most;
            api_.tells_all_sessions = tells_all;
            const auto list = backend_.list();
            ASSERT_TRUE(list) << most;
            EXPECT_THAT(*list, SizeIs(100));
        }
    }
    api_.most_sessions = 99;  // more have begun than it says that it has room for
    EXPECT_FALSE(backend_.list());
    api_.most_sessions = 10;
    EXPECT_EQ(backend_.list().error().code, Code::kInvalidParameter);
}

// An action, and the calls of ControlTrace and EnableTraceEx2 that it cannot do without.
struct Action {
    const char* name;
    size_t controls;
    bool enables;
    std::function<Code(Backend&)> run;
};

template <class T>
Code code_of(const session::Outcome<T>& outcome) {
    return outcome ? Code::kOk : outcome.error().code;
}

std::vector<Action> actions() {
    using Kind = PrivateRequest::Action;
    const auto privately = [](Kind kind) {
        return [kind](Backend& b) {
            PrivateRequest request;
            request.action = kind;
            request.name = "A";
            return code_of(b.control_private(request));
        };
    };
    const auto enable = [] {
        session::EnableRequest request;
        request.name = "A";
        request.providers.resize(1);
        return request;
    };
    const auto update = [] {
        UpdateRequest request;
        request.name = "A";
        return request;
    };
    return {
        {"query", 1, false, [](Backend& b) { return code_of(b.query("A")); }},
        {"stop", 1, false, [](Backend& b) { return code_of(b.stop("A")); }},
        {"update", 2, false, [=](Backend& b) { return code_of(b.update(update())); }},
        {"flush", 1, false,
         [](Backend& b) {
             return code_of(b.flush({"A", std::nullopt}));
         }},
        {"save", 2, false,
         [](Backend& b) {
             return code_of(b.flush({"A", "C:\\s.etl"}));
         }},
        {"increment", 1, false, [](Backend& b) { return code_of(b.increment_file("A")); }},
        {"rundown", 1, true, [](Backend& b) { return code_of(b.system_rundown("A")); }},
        {"enable", 1, false, [=](Backend& b) { return code_of(b.enable(enable())); }},
        {"disable", 1, false, [=](Backend& b) { return code_of(b.disable(enable())); }},
        {"capture", 1, false, [=](Backend& b) { return code_of(b.capture_state(enable())); }},
        {"private query", 1, false, privately(Kind::kQuery)},
        {"private flush", 1, false, privately(Kind::kFlush)},
        {"private update", 1, false, privately(Kind::kUpdate)},
        {"private stop", 1, false, privately(Kind::kStop)},
    };
}

TEST_F(BackendTest, EveryActionKeepsTheCodeOfTheCallThatFailed) {
    for (const Action& action : actions()) {
        EXPECT_EQ(action.run(backend_), Code::kOk) << action.name;
        for (size_t good = 0; good < action.controls; ++good) {
            api_.control_codes.assign(good, ERROR_SUCCESS);
            api_.control_codes.push_back(1450);
            EXPECT_EQ(action.run(backend_), Code::kNoSystemResources) << action.name << good;
        }
        if (!action.enables) continue;
        api_.enable_codes = {5};
        EXPECT_EQ(action.run(backend_), Code::kAccessDenied) << action.name;
    }
}

TEST_F(BackendTest, AStartIsOneAlsoWhereNobodyCanAskAfterIt) {
    api_.control_codes = {5};
    StartRequest request;
    request.properties.name = "A";
    api_.handle = 0xFFFF00000009;
    const auto result = backend_.start(request);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->status.properties.name, "A");
    EXPECT_EQ(result->status.logger_id, 9u);
}

TEST_F(BackendTest, AMissingFunctionIsSaidAndNotCalled) {
    api_.table() = EtwApi();
    EXPECT_EQ(backend_.start({}).error().code, Code::kNotSupported);
    EXPECT_EQ(backend_.list().error().code, Code::kNotSupported);
    EXPECT_EQ(backend_.registered_providers().error().code, Code::kNotSupported);
    EXPECT_EQ(backend_.configure_boot({}).error().code, Code::kNotSupported);
    EXPECT_EQ(backend_.remove_boot("GlobalLogger").error().code, Code::kNotSupported);
    for (const Action& action : actions())
        EXPECT_EQ(action.run(backend_), Code::kNotSupported) << action.name;
}

}  // namespace
}  // namespace etw::backend_windows
