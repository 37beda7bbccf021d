// The private session from the process's side, against a host that may ask for anything.
#include "etl/log_writer.h"
#include "served.h"

#include <fcntl.h>

#include <filesystem>

namespace etw::provider {
namespace {

using wire::PrivateAction;
using wire::PrivateResult;

class PrivateSessions : public Served {
protected:
    static constexpr uint32_t kBuffer = 4096;

    void SetUp() override {
        start();
        host_->enable_at_registration = false;
        register_provider();
    }
    void TearDown() override {
        if (last().flags == 0) stop();
        Served::TearDown();
    }

    static wire::PrivateStart good(uint64_t epoch = 5) {
        wire::PrivateStart start{};
        start.session = {wire::kMaxSessions, 0, epoch};
        start.geometry = {uint32_t(::sysconf(_SC_NPROCESSORS_CONF)), 64, kBuffer, 0};
        start.counter_hz = 1'000'000'000;
        return start;
    }
    // A log with its header, as a host hands it over.
    UniqueFd log(const char* name = "log.etl") {
        path_ = runtime_dir() + "/" + name;
        etl::LogFileInfo info;
        info.buffer_size = kBuffer;
        info.processors = uint32_t(::sysconf(_SC_NPROCESSORS_CONF));
        auto file = File::create(path_, true);
        EXPECT_TRUE(etl::LogWriter::create(std::move(*file), info, 0));
        return UniqueFd(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
    }
    wire::PrivateStatus last() const {
        return host_->statuses.empty() ? wire::PrivateStatus{} : host_->statuses.back();
    }
    wire::PrivateStatus answer() {
        const uint64_t cookie = host_->cookie;
        EXPECT_TRUE(host_->serve_until([&] { return last().cookie == cookie; }));
        return last();
    }
    wire::PrivateStatus begin(const wire::PrivateStart& start, int fd) {
        host_->send_private_start(start, fd);
        return answer();
    }
    wire::PrivateStatus control(PrivateAction action, uint64_t epoch = 5) {
        host_->send_private_control({wire::kMaxSessions, 0, epoch}, action);
        return answer();
    }
    void stop() { EXPECT_NE(control(PrivateAction::kStop).flags & wire::kPrivateEnded, 0u); }
    void enable() {
        host_->enable.session = {wire::kMaxSessions, 0, 5};
        host_->send_enable(registration());
        wait_for_ack();
    }
    std::string path_;
};

TEST_F(PrivateSessions, RecordFromEnableToStop) {
    ASSERT_EQ(begin(good(), log().get()).result, PrivateResult::kOk);
    EXPECT_EQ(write(), 0u);  // nobody has enabled it
    enable();
    for (int i = 0; i < 500; ++i) EXPECT_EQ(write(), 0u);
    stop();
    EXPECT_EQ(last().events_lost, 0u);
    EXPECT_EQ(write(), 0u);
    EXPECT_EQ(last().record_bytes % 500, 0u);
    EXPECT_EQ(last().log_size, std::filesystem::file_size(path_));
}

TEST_F(PrivateSessions, AreOneAProcess) {
    ASSERT_EQ(begin(good(5), log().get()).result, PrivateResult::kOk);
    EXPECT_EQ(begin(good(6), log("other.etl").get()).result, PrivateResult::kHasAnother);
    stop();
    EXPECT_EQ(begin(good(5), log().get()).result, PrivateResult::kOk);
}

TEST_F(PrivateSessions, RefuseWhatIsNoLog) {
    EXPECT_EQ(begin(good(), -1).result, PrivateResult::kBadRequest);
    const UniqueFd full = log();
    const UniqueFd read_only(::open(path_.c_str(), O_RDONLY));
    EXPECT_EQ(begin(good(), read_only.get()).result, PrivateResult::kBadRequest);
    const UniqueFd append(::open(path_.c_str(), O_RDWR | O_APPEND));
    EXPECT_EQ(begin(good(), append.get()).result, PrivateResult::kBadRequest);
    const UniqueFd device(::open("/dev/null", O_RDWR));
    EXPECT_EQ(begin(good(), device.get()).result, PrivateResult::kBadRequest);
    ASSERT_EQ(::ftruncate(full.get(), 100), 0);  // no header in it
    EXPECT_EQ(begin(good(), full.get()).result, PrivateResult::kBadRequest);
}

TEST_F(PrivateSessions, RefuseAGeometryThatIsNone) {
    auto start = good();
    start.geometry.blocks = 0;
    EXPECT_EQ(begin(start, log().get()).result, PrivateResult::kBadRequest);
    start = good();
    start.geometry.flags = wire::kRingOverwrite;
    EXPECT_EQ(begin(start, log().get()).result, PrivateResult::kBadRequest);
    start = good();
    start.counter_hz = 0;
    EXPECT_EQ(begin(start, log().get()).result, PrivateResult::kBadRequest);
    start = good();
    start.flags = wire::kPrivateCircular;  // without a limit
    EXPECT_EQ(begin(start, log().get()).result, PrivateResult::kBadRequest);
    start = good();
    start.geometry = {wire::RingGeometry::kMaxCpus, wire::RingGeometry::kMaxBlocks,
                      wire::kMaxBufferSize, 0};  // 64 TB
    const UniqueFd fd = log();
    ASSERT_EQ(::ftruncate(fd.get(), wire::kMaxBufferSize), 0);
    EXPECT_EQ(begin(start, fd.get()).result, PrivateResult::kNoResources);
}

TEST_F(PrivateSessions, SayThatAnUnknownOneHasEnded) {
    EXPECT_NE(control(PrivateAction::kQuery, 9).flags & wire::kPrivateEnded, 0u);
}

TEST_F(PrivateSessions, GoOnWithoutTheirHostAndReportToTheNext) {
    ASSERT_EQ(begin(good(), log().get()).result, PrivateResult::kOk);
    enable();
    host_->die();
    for (int i = 0; i < 100; ++i) EXPECT_EQ(write(), 0u);
    host_.emplace();
    host_->enable_at_registration = false;
    host_->ring_doorbell();
    ASSERT_TRUE(host_->serve_until([&] { return !host_->statuses.empty(); }));
    EXPECT_EQ(host_->statuses[0].session, good().session);
    EXPECT_TRUE(host_->registered.empty()) << "what runs is told before what is registered";
    // Nobody wants it any more: no word of it comes with the registrations.
    ASSERT_TRUE(host_->serve_until([&] { return (last().flags & wire::kPrivateEnded) != 0; }));
    EXPECT_EQ(last().events_lost, 0u);
    EXPECT_GT(last().record_bytes, 0u);
}

TEST_F(PrivateSessions, ShareOneRingBetweenProcessorsWhereAskedTo) {
    auto start = good();
    start.flags = wire::kPrivateOneStream;
    start.geometry.cpus = 1;
    ASSERT_EQ(begin(start, log().get()).result, PrivateResult::kOk);
    enable();
    for (int i = 0; i < 300; ++i) EXPECT_EQ(write(), 0u);
    stop();
    EXPECT_EQ(last().events_lost, 0u);
    EXPECT_EQ(last().record_bytes, 300u * 80u);
}

}  // namespace
}  // namespace etw::provider
