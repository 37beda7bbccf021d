#include "cli/traceview_show.h"

#include "fake_backend.h"

#include <gmock/gmock.h>

namespace etw::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// Delivers no event, and then ends.
class EndedConsumer : public session::Consumer {
public:
    EndedConsumer(std::function<void()> before_end, uint64_t lost)
        : before_end_(std::move(before_end)), lost_(lost) {}
    const etl::LogHeader& header() const override { return header_; }
    const etl::TimeConverter& time() const override { return time_; }
    Next next(etl::Record&, std::chrono::milliseconds) override {
        if (before_end_) before_end_();
        return Next::kEnded;
    }
    void interrupt() noexcept override {}
    uint64_t buffers() const override { return 0; }
    uint64_t buffers_lost() const override { return 0; }
    uint64_t events_lost() const override { return lost_; }
    const etl::Damage& damage() const override { return damage_; }

private:
    std::function<void()> before_end_;
    uint64_t lost_;
    etl::LogHeader header_;
    etl::TimeConverter time_;
    etl::Damage damage_;
};

class ShowSession : public testing::Test {
protected:
    ShowSession() {
        backend_.status.properties.name = "S";
        backend_.status.properties.guid = guid_from_name("first");
        start_.shown_session = "S";
    }

    int show(const OpenConsumer& open) {
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        const int status = show_session(options_, start_, backend_, open);
        out_ = testing::internal::GetCapturedStdout();
        err_ = testing::internal::GetCapturedStderr();
        return status;
    }
    int show(std::function<void()> before_end = {}, uint64_t lost = 0) {
        return show([&](const std::string&) {
            return session::Outcome<std::unique_ptr<session::Consumer>>(
                std::make_unique<EndedConsumer>(before_end, lost));
        });
    }

    FakeBackend backend_;
    TraceviewOptions options_;
    TraceviewReport start_;
    std::string out_, err_;
};

TEST_F(ShowSession, AStartedSessionThatStillRunsIsStopped) {
    EXPECT_EQ(show(), kExitDone);
    EXPECT_THAT(backend_.calls, ElementsAre("query S", "query S", "stop S"));
    EXPECT_THAT(err_, HasSubstr("'S': RUNNING\ntraceview: 'S': STOPPING\ntraceview: 'S': STOPPED"));
    EXPECT_EQ(out_, "");
}

TEST_F(ShowSession, AJoinedSessionIsLeftRunning) {
    start_.joined = true;
    EXPECT_EQ(show(), kExitDone);
    EXPECT_THAT(backend_.calls, Not(Contains("stop S")));
    EXPECT_THAT(err_, HasSubstr("'S': RUNNING (joined)\ntraceview: 'S': RUNNING (left)"));
}

TEST_F(ShowSession, ASessionThatOnlyHasTheSameNameIsNotStopped) {
    show([&] { backend_.status.properties.guid = guid_from_name("second"); });
    EXPECT_THAT(backend_.calls, Not(Contains("stop S")));
    EXPECT_THAT(err_, HasSubstr("'S': STOPPED"));
}

TEST_F(ShowSession, WhatCannotBeShownIsStopped) {
    const auto refuse = [](const std::string&) {
        return session::Outcome<std::unique_ptr<session::Consumer>>(
            session::Failure{Code::kNoSystemResources, "no memory"});
    };
    EXPECT_EQ(show(refuse), kExitFailed);
    EXPECT_THAT(backend_.calls, Contains("stop S"));
    EXPECT_THAT(err_, HasSubstr("traceview: 'S': no memory: Insufficient system resources "));
}

TEST_F(ShowSession, LossesAreTheExitStatus) {
    EXPECT_EQ(show({}, 3), kExitLoss);
    EXPECT_THAT(err_, HasSubstr("events lost: 3"));
}

TEST_F(ShowSession, JsonEndsWithTheSessionAsItEnded) {
    options_.control.json = true;
    start_.report.output = "{\"start\":1}\n";
    EXPECT_EQ(show(), kExitDone);
    EXPECT_THAT(out_, HasSubstr("{\"start\":1}\n{\"operation_status\":0,\"name\":\"S\""));
}

}  // namespace
}  // namespace etw::cli
