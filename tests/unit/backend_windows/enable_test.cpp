// EnableTraceEx2: its arguments, its parameters and the bytes of every filter.
#include "backend_windows/backend.h"
#include "recording_api.h"

#include <gtest/gtest.h>

namespace etw::backend_windows {
namespace {

using session::EnableRequest;
using session::EventIdFilter;
using session::ProviderEnable;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Filter = RecordingApi::EnableCall::Filter;

constexpr Guid kProvider = {0xd58c126f, 0xb309, 0x11d1, {0x96, 0x9e, 0, 0, 0xf8, 0x75, 0xa5, 0xbc}};
constexpr Guid kSource = {1, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}};

class EnableTest : public testing::Test {
protected:
    EnableTest() {
        api_.running = {{"A", "", {}}};
        api_.running[0].properties.Wnode.HistoricalContext = 0xAB0000000007;
        request_.name = "A";
        request_.providers.resize(1);
        request_.providers[0].guid = kProvider;
    }
    ProviderEnable& provider() { return request_.providers[0]; }

    RecordingApi api_;
    Backend backend_{api_.table()};
    EnableRequest request_;
};

TEST_F(EnableTest, HandsOverEveryValue) {
    provider().level = 5;
    provider().match_any_keyword = 0x8000000000000001;
    provider().match_all_keyword = 0x4000000000000002;
    provider().enable_property = 0x185;
    provider().source_id = kSource;
    request_.timeout_ms = 1500;
    ASSERT_TRUE(backend_.enable(request_));
    ASSERT_THAT(api_.enables, SizeIs(1));
    const auto& call = api_.enables[0];
    EXPECT_EQ(call.session, 0xAB0000000007u) << "the handle of the session, whole";
    EXPECT_EQ(from_system(call.provider), kProvider);
    EXPECT_EQ(call.code, 1u);
    EXPECT_EQ(call.level, 5);
    EXPECT_EQ(call.any, 0x8000000000000001u);
    EXPECT_EQ(call.all, 0x4000000000000002u);
    EXPECT_EQ(call.timeout, 1500u);
    EXPECT_EQ(call.parameters.Version, 2u);
    EXPECT_EQ(call.parameters.EnableProperty, 0x185u);
    EXPECT_EQ(call.parameters.ControlFlags, 0u);
    EXPECT_EQ(from_system(call.parameters.SourceId), kSource);
    EXPECT_EQ(call.parameters.EnableFilterDesc, nullptr);
    EXPECT_EQ(call.parameters.FilterDescCount, 0u);
}

TEST_F(EnableTest, DisableAndCaptureStateAreTheirCodes) {
    ASSERT_TRUE(backend_.disable(request_));
    ASSERT_TRUE(backend_.capture_state(request_));
    ASSERT_THAT(api_.enables, SizeIs(2));
    EXPECT_EQ(api_.enables[0].code, 0u);
    EXPECT_EQ(api_.enables[1].code, 2u);
}

TEST_F(EnableTest, FiltersAreTheDocumentedBytes) {
    provider().pids = {0x01020304, 9};
    provider().exe_names = {"a.exe", "ß.exe"};
    provider().event_ids = EventIdFilter{false, {1, 0x0203}};
    provider().stack_walk_ids = EventIdFilter{true, {7}};
    ASSERT_TRUE(backend_.enable(request_));
    const Filter pids{0x80000004, {4, 3, 2, 1, 9, 0, 0, 0}};
    const Filter names{0x80000008, {'a',  0, '.', 0, 'e', 0, 'x', 0, 'e', 0, ';', 0,
                                    0xDF, 0, '.', 0, 'e', 0, 'x', 0, 'e', 0, 0,   0}};
    const Filter ids{0x80000200, {1, 0, 2, 0, 1, 0, 3, 2}};
    const Filter stacks{0x80001000, {0, 0, 1, 0, 7, 0}};
    ASSERT_THAT(api_.enables, SizeIs(1));
    EXPECT_THAT(api_.enables[0].filters, ElementsAre(pids, names, ids, stacks));
}

TEST_F(EnableTest, PackagesAreOneTextEach) {
    provider().package_ids = "a;b";
    provider().package_app_ids = "App";
    ASSERT_TRUE(backend_.enable(request_));
    const Filter packages{0x80000010, {'a', 0, ';', 0, 'b', 0, 0, 0}};
    const Filter apps{0x80000020, {'A', 0, 'p', 0, 'p', 0, 0, 0}};
    ASSERT_THAT(api_.enables, SizeIs(1));
    EXPECT_THAT(api_.enables[0].filters, ElementsAre(packages, apps));
}

TEST_F(EnableTest, ARundownIsAskedOfTheKernelForTheSession) {
    ASSERT_TRUE(backend_.system_rundown("A"));
    ASSERT_THAT(api_.enables, SizeIs(1));
    EXPECT_EQ(to_string(from_system(api_.enables[0].provider)),
              "9e814aad-3204-11d2-9a82-006008a86939");
    EXPECT_EQ(api_.enables[0].code, 2u);
    const Filter handle{0x80000002, {7, 0, 0, 0, 0, 0xAB, 0, 0}};
    EXPECT_THAT(api_.enables[0].filters, ElementsAre(handle));
    api_.enable_codes = {87};
    EXPECT_EQ(backend_.system_rundown("A").error().code, Code::kInvalidParameter);
}

TEST_F(EnableTest, EveryProviderIsTriedAndHasItsCode) {
    request_.providers.resize(3);
    api_.enable_codes = {ERROR_SUCCESS, 1460, 5};
    const auto result = backend_.enable(request_);
    ASSERT_TRUE(result);
    EXPECT_THAT(result->codes, ElementsAre(Code::kOk, Code::kTimeout, Code::kAccessDenied));
}

TEST_F(EnableTest, ASessionThatDoesNotRunIsSaidBeforeAnythingIsEnabled) {
    api_.control_codes = {4201};
    const auto result = backend_.enable(request_);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::kSessionNotFound);
    EXPECT_THAT(api_.enables, IsEmpty());
}

}  // namespace
}  // namespace etw::backend_windows
