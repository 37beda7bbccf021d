// The private session from the process's side, against a host that may ask for anything.
#include "etl/log_header.h"
#include "etw/log_reader.h"
#include "served.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <iterator>

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
        etl::LogFileInfo info;
        info.buffer_size = kBuffer;
        info.processors = uint32_t(::sysconf(_SC_NPROCESSORS_CONF));
        host_->log_front = etl::build_header_buffer(info);
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
    // A file that holds something already, as a host hands it over.
    UniqueFd log(const char* name = "log.etl") {
        path_ = runtime_dir() + "/" + name;
        std::ofstream(path_, std::ios::trunc) << former();
        return UniqueFd(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
    }
    static std::string former() { return std::string(3 * kBuffer + 1, 'x'); }
    std::string contents() const {
        std::ifstream in(path_);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void expect_whole_log() const {
        const auto read = etl::LogReader::open(path_);
        ASSERT_TRUE(read);
        EXPECT_EQ(contents().find("xxxxxxxx"), std::string::npos) << "of the former contents";
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
    wire::PrivateStatus control(PrivateAction action, uint64_t epoch = 5, int fd = -1) {
        host_->send_private_control({wire::kMaxSessions, 0, epoch}, action, fd);
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
    expect_whole_log();
}

TEST_F(PrivateSessions, AreOneAProcess) {
    ASSERT_EQ(begin(good(5), log().get()).result, PrivateResult::kOk);
    EXPECT_EQ(begin(good(6), log("other.etl").get()).result, PrivateResult::kHasAnother);
    stop();
    EXPECT_EQ(begin(good(5), log().get()).result, PrivateResult::kOk);
}

TEST_F(PrivateSessions, RefuseWhatIsNoLog) {
    EXPECT_EQ(begin(good(), -1).result, PrivateResult::kNoResources);
    const UniqueFd whole = log();
    const UniqueFd read_only(::open(path_.c_str(), O_RDONLY));
    EXPECT_EQ(begin(good(), read_only.get()).result, PrivateResult::kBadRequest);
    const UniqueFd append(::open(path_.c_str(), O_RDWR | O_APPEND));
    EXPECT_EQ(begin(good(), append.get()).result, PrivateResult::kBadRequest);
    const UniqueFd device(::open("/dev/null", O_RDWR));
    EXPECT_EQ(begin(good(), device.get()).result, PrivateResult::kBadRequest);
    host_->log_front.resize(kBuffer + 1);  // more than a buffer
    EXPECT_EQ(begin(good(), whole.get()).result, PrivateResult::kNoResources);
    EXPECT_EQ(contents(), former());
}

// A limit of the process while it lives.
class Limit {
public:
    Limit(__rlimit_resource what, rlim_t value) : what_(what) {
        ETW_ASSERT(::getrlimit(what_, &before_) == 0);
        const rlimit now = {value, before_.rlim_max};
        ETW_ASSERT(::setrlimit(what_, &now) == 0);
    }
    ~Limit() { ::setrlimit(what_, &before_); }
    Limit(const Limit&) = delete;
    Limit& operator=(const Limit&) = delete;

private:
    __rlimit_resource what_;
    rlimit before_{};
};

TEST_F(PrivateSessions, ThatCannotBeginTheirLogLeaveWhatItHeld) {
    const UniqueFd fd = log();
    {
        const Limit half_a_header(RLIMIT_FSIZE, kBuffer / 2);
        EXPECT_EQ(begin(good(), fd.get()).result, PrivateResult::kBadLog);
    }
    EXPECT_EQ(contents(), former());
    ASSERT_EQ(begin(good(), fd.get()).result, PrivateResult::kOk) << "it may begin another";
    stop();
    expect_whole_log();
}

TEST_F(PrivateSessions, ThatHaveNoNumberForTheDescriptorLeaveTheLogAsItWas) {
    const UniqueFd fd = log();
    const int lowest_free = ::dup(0);
    ASSERT_GE(lowest_free, 0);
    ::close(lowest_free);
    {
        const Limit none_free(RLIMIT_NOFILE, rlim_t(lowest_free));
        EXPECT_EQ(begin(good(), fd.get()).result, PrivateResult::kNoResources);
    }
    EXPECT_EQ(contents(), former());
}

TEST_F(PrivateSessions, ThatCannotGoOnInAnotherLogGoOnInTheirs) {
    ASSERT_EQ(begin(good(), log().get()).result, PrivateResult::kOk);
    const std::string first = path_;
    enable();
    EXPECT_EQ(write(), 0u);
    const UniqueFd next = log("next.etl");
    {
        const Limit half_a_header(RLIMIT_FSIZE, kBuffer / 2);
        EXPECT_EQ(control(PrivateAction::kUpdate, 5, next.get()).result, PrivateResult::kBadLog);
    }
    EXPECT_EQ(contents(), former());
    EXPECT_EQ(write(), 0u);
    EXPECT_EQ(control(PrivateAction::kFlush).record_bytes, 2u * 80u);
    ASSERT_EQ(control(PrivateAction::kUpdate, 5, next.get()).result, PrivateResult::kOk);
    EXPECT_EQ(write(), 0u);
    stop();
    EXPECT_EQ(last().record_bytes, 3u * 80u);
    expect_whole_log();
    path_ = first;
    expect_whole_log();
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
    EXPECT_EQ(begin(start, log().get()).result, PrivateResult::kNoResources);
    EXPECT_EQ(contents(), former());
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
