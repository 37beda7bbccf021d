#include "backend_linux/backend.h"

#include "fake_host.h"
#include "support/temp_folder.h"

#include <gmock/gmock.h>

#include <sys/stat.h>

#include <atomic>

namespace etw::backend_linux {
namespace {

using session::EnableResult;
using session::Failure;
using session::SessionStatus;
using test::TempFolder;
using testing::HasSubstr;
using wire::ControlOp;

constexpr std::nullopt_t kHangUp = std::nullopt;

SessionStatus status_of(const std::string& name, uint32_t mode = 0) {
    SessionStatus s;
    s.properties.name = name;
    s.properties.log_file_mode = mode;
    return s;
}

class BackendTest : public testing::Test {
protected:
    // No program: nothing here may start one.
    Backend backend() { return Backend(HostLauncher{folder_.path(), ""}); }

    session::StartRequest start_request(const std::string& file, uint32_t mode = 0) {
        session::StartRequest request;
        request.properties.name = "S";
        request.properties.log_file = folder_ / file;
        request.properties.log_file_mode = mode;
        return request;
    }

    TempFolder folder_;
};

TEST_F(BackendTest, WithoutAHostThereAreNoSessionsAndNoneIsStarted) {
    Backend b = backend();
    EXPECT_EQ(b.query("S").error().code, Code::kSessionNotFound);
    EXPECT_EQ(b.stop("S").error().code, Code::kSessionNotFound);
    EXPECT_EQ(b.flush({"S", {}}).error().code, Code::kSessionNotFound);
    EXPECT_EQ(b.update({"S", {}, {}, {}, {}, {}}).error().code, Code::kSessionNotFound);
    EXPECT_EQ(b.update({"S", folder_ / "x.etl", {}, {}, {}, {}}).error().code,
              Code::kSessionNotFound);
    EXPECT_FALSE(folder_.has("x.etl"));
    EXPECT_EQ(b.enable({"S", {}, 0}).error().code, Code::kSessionNotFound);
    EXPECT_EQ(b.disable({"S", {}, 0}).error().code, Code::kSessionNotFound);
    ASSERT_TRUE(b.list());
    EXPECT_TRUE(b.list()->empty());
    ASSERT_TRUE(b.registered_providers());
    EXPECT_TRUE(b.registered_providers()->empty());
}

TEST_F(BackendTest, AStartThatCannotReachAHostLeavesNoFile) {
    const auto result = backend().start(start_request("a.etl"));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::kServiceNotAvailable);
    EXPECT_FALSE(folder_.has("a.etl"));
}

TEST_F(BackendTest, StartSendsTheRequestAndTheOpenLogFile) {
    struct stat received {};
    session::StartRequest seen;
    FakeHost host(folder_.path(), [&](FakeHost::Request request) {
        EXPECT_EQ(request.op, ControlOp::kStart);
        EXPECT_EQ(request.fds.size(), 1u);
        ::fstat(request.fds.at(0).get(), &received);
        seen = *session::decode<session::StartRequest>(request.body);
        return FakeHost::answer(EnableResult{status_of("S"), {Code::kTimeout}});
    });
    const auto result = backend().start(start_request("a.etl"));
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->codes, std::vector{Code::kTimeout});
    EXPECT_EQ(seen.properties, start_request("a.etl").properties);
    struct stat there {};
    ASSERT_EQ(::stat((folder_ / "a.etl").c_str(), &there), 0);
    EXPECT_EQ(received.st_ino, there.st_ino);
}

TEST_F(BackendTest, ANewFileSessionSendsItsFirstFileAndTheFolder) {
    size_t descriptors = 0;
    session::StartRequest seen;
    FakeHost host(folder_.path(), [&](FakeHost::Request request) {
        descriptors = request.fds.size();
        seen = *session::decode<session::StartRequest>(request.body);
        return FakeHost::answer(EnableResult{status_of("S"), {}});
    });
    ASSERT_TRUE(backend().start(start_request("a%d.etl", kModeNewFile)));
    EXPECT_EQ(descriptors, 2u);
    EXPECT_TRUE(folder_.has("a1.etl"));
    EXPECT_EQ(seen.properties.log_file, folder_ / "a%d.etl");
}

TEST_F(BackendTest, ARefusedStartLeavesNothingBehind) {
    folder_.write("old.etl", "old");
    FakeHost host(folder_.path(), [&](FakeHost::Request) {
        return FakeHost::answer(Failure{Code::kAlreadyExists, "'S' runs already"},
                                Code::kAlreadyExists);
    });
    for (const char* file : {"new.etl", "old.etl"}) {
        const auto result = backend().start(start_request(file));
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error(), (Failure{Code::kAlreadyExists, "'S' runs already"}));
    }
    EXPECT_FALSE(folder_.has("new.etl"));
    EXPECT_EQ(folder_.read("old.etl"), "old");
}

TEST_F(BackendTest, EachRequestHasItsOperation) {
    std::vector<ControlOp> seen;
    FakeHost host(folder_.path(), [&](FakeHost::Request request) {
        seen.push_back(request.op);
        switch (request.op) {
            case ControlOp::kEnable:
            case ControlOp::kDisable:
            case ControlOp::kCaptureState:
                return FakeHost::answer(EnableResult{status_of("S"), {}});
            case ControlOp::kList:
                return FakeHost::answer(std::vector{status_of("S")});
            case ControlOp::kListProviders:
                return FakeHost::answer(std::vector<session::RegisteredProvider>(2));
            default:
                return FakeHost::answer(status_of("S"));
        }
    });
    Backend b = backend();
    EXPECT_TRUE(b.query("S") && b.stop("S") && b.flush({"S", {}}));
    EXPECT_TRUE(b.update({"S", {}, {}, 40, {}, {}}));
    EXPECT_TRUE(b.enable({"S", {}, 0}) && b.disable({"S", {}, 0}) && b.capture_state({"S", {}, 0}));
    EXPECT_EQ(b.list()->size(), 1u);
    EXPECT_EQ(b.registered_providers()->size(), 2u);
    EXPECT_THAT(seen, testing::ElementsAre(ControlOp::kQuery, ControlOp::kStop, ControlOp::kFlush,
                                           ControlOp::kUpdate, ControlOp::kEnable,
                                           ControlOp::kDisable, ControlOp::kCaptureState,
                                           ControlOp::kList, ControlOp::kListProviders));
}

TEST_F(BackendTest, AnUpdateWithAFileOpensItAsTheSessionNeedsIt) {
    std::vector<size_t> descriptors;
    uint32_t mode = 0;
    FakeHost host(folder_.path(), [&](FakeHost::Request request) {
        if (request.op == ControlOp::kUpdate) descriptors.push_back(request.fds.size());
        return FakeHost::answer(status_of("S", mode));
    });
    Backend b = backend();
    ASSERT_TRUE(b.update({"S", folder_ / "b.etl", {}, {}, {}, {}}));
    EXPECT_TRUE(folder_.has("b.etl"));
    mode = kModeNewFile;
    ASSERT_TRUE(b.update({"S", folder_ / "c%d.etl", {}, {}, {}, {}}));
    EXPECT_TRUE(folder_.has("c1.etl"));
    EXPECT_THAT(descriptors, testing::ElementsAre(1u, 2u));
}

TEST_F(BackendTest, AQuerySurvivesOneBrokenConnection) {
    std::atomic<int> requests = 0;
    FakeHost host(folder_.path(), [&](FakeHost::Request) -> std::optional<std::vector<std::byte>> {
        if (++requests == 1) return kHangUp;
        return FakeHost::answer(status_of("S"));
    });
    EXPECT_TRUE(backend().query("S"));
    EXPECT_EQ(requests, 2);
}

TEST_F(BackendTest, AQueryGivesUpAfterEightBrokenConnections) {
    std::atomic<int> requests = 0;
    FakeHost host(folder_.path(), [&](FakeHost::Request) -> std::optional<std::vector<std::byte>> {
        ++requests;
        return kHangUp;
    });
    EXPECT_EQ(backend().query("S").error().code, Code::kServiceNotAvailable);
    EXPECT_EQ(requests, 8);
}

TEST_F(BackendTest, WhatChangesASessionIsNeverSentTwice) {
    std::atomic<int> requests = 0;
    FakeHost host(folder_.path(), [&](FakeHost::Request) -> std::optional<std::vector<std::byte>> {
        ++requests;
        return kHangUp;
    });
    const auto result = backend().stop("S");
    EXPECT_EQ(result.error().code, Code::kServiceNotAvailable);
    EXPECT_THAT(result.error().detail, HasSubstr("tracelog -l"));
    EXPECT_EQ(requests, 1);
}

// The next host goes on with it: a file without a name would take the events and be gone.
TEST_F(BackendTest, TheLogOfARequestThatMayHaveBeenDoneStays) {
    FakeHost host(folder_.path(),
                  [&](FakeHost::Request request) -> std::optional<std::vector<std::byte>> {
                      if (request.op != ControlOp::kQuery) return kHangUp;
                      return FakeHost::answer(status_of("S"));
                  });
    EXPECT_EQ(backend().start(start_request("a.etl")).error().code, Code::kServiceNotAvailable);
    EXPECT_TRUE(folder_.has("a.etl"));
    EXPECT_EQ(backend().update({"S", folder_ / "b.etl", {}, {}, {}, {}}).error().code,
              Code::kServiceNotAvailable);
    EXPECT_TRUE(folder_.has("b.etl"));
}

TEST_F(BackendTest, HostileRepliesAreInvalidData) {
    using Frame = wire::ControlFrame;
    constexpr uint32_t kVersion = wire::kControlProtocolVersion;
    const auto raw = [](Frame frame, size_t body) {
        ByteWriter out;
        out.write(frame);
        for (size_t i = 0; i < body; ++i) out.write(uint8_t(0xFF));
        return out.take();
    };
    std::vector<std::byte> reply;
    FakeHost host(folder_.path(), [&](FakeHost::Request) { return reply; });
    for (const auto& bytes : {
             raw({0x12345678, kVersion, 0, 0}, 0),                             // another protocol
             raw({Frame::kMagic, kVersion, 0, wire::kMaxControlBody + 1}, 0),  // too much
             raw({Frame::kMagic, kVersion, 0, 0}, 0),                          // no status in it
             raw({Frame::kMagic, kVersion, 0, 64}, 64),                        // no status either
         }) {
        reply = bytes;
        const auto result = backend().query("S");
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, Code::kInvalidData) << result.error().detail;
    }
}

TEST_F(BackendTest, AHostOfAnotherVersionIsNamedWithBothVersions) {
    FakeHost host(folder_.path(), [&](FakeHost::Request) {
        ByteWriter out;
        out.write(wire::ControlFrame{wire::ControlFrame::kMagic, 77, uint32_t(Code::kOk), 0});
        return out.take();
    });
    const auto result = backend().query("S");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::kRevisionMismatch);
    EXPECT_THAT(result.error().detail, HasSubstr("version 77"));
    EXPECT_THAT(result.error().detail,
                HasSubstr("version " + std::to_string(wire::kControlProtocolVersion)));
}

TEST_F(BackendTest, AReplyThatEndsTooSoonIsABrokenConnection) {
    const auto whole = FakeHost::answer(status_of("S"));
    size_t size = 0;
    FakeHost host(folder_.path(), [&](FakeHost::Request) {
        return std::vector(whole.begin(), whole.begin() + ptrdiff_t(size));
    });
    for (; size < whole.size(); ++size) {
        const auto result = backend().stop("S");
        ASSERT_FALSE(result) << size;
        EXPECT_EQ(result.error().code, Code::kServiceNotAvailable) << size;
    }
    EXPECT_TRUE(backend().stop("S"));
}

TEST_F(BackendTest, ARefusalWithoutWordsKeepsItsCode) {
    FakeHost host(folder_.path(),
                  [&](FakeHost::Request) { return FakeHost::frame(Code::kAccessDenied, {}); });
    EXPECT_EQ(backend().query("S").error(), (Failure{Code::kAccessDenied, ""}));
}

}  // namespace
}  // namespace etw::backend_linux
