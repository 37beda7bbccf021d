#include "host/providers/provider_connection.h"

#include "host/providers/ack_tracker.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <vector>

namespace etw::host {
namespace {

using wire::EnableAction;
using wire::ProviderMessage;

wire::SessionKey key_of(uint64_t epoch) { return {0, 0, epoch}; }

wire::Enable enable_of(uint64_t epoch, uint32_t registration, uint64_t cookie,
                       EnableAction action = EnableAction::kEnable) {
    wire::Enable packet{};
    packet.session = key_of(epoch);
    packet.registration = registration;
    packet.cookie = cookie;
    packet.action = action;
    return packet;
}

// The host's end of a connection, and a process that reads when the test says so.
class ProviderConnectionTest : public ::testing::Test, public ProviderListener {
protected:
    void SetUp() override {
        int pair[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
        process_ = UniqueFd(pair[1]);
        const int fd = pair[0];
        const PeerCredentials self{::getpid(), ::geteuid(), ::getegid()};
        connection_.emplace(*loop_, *this, UniqueFd(fd), self, share_, 1, true);
        ASSERT_TRUE(loop_->watch(fd, EPOLLIN, [](uint32_t) {}));
        say(wire::Hello{{}, wire::kProviderProtocolVersion, 0}, ProviderMessage::kHello);
    }

    // From the process to the host, which serves it.
    template <class T>
    void say(T packet, ProviderMessage type) {
        packet.header = {type, uint32_t(sizeof(T))};
        ASSERT_EQ(::send(process_.get(), &packet, sizeof(packet), 0), ssize_t(sizeof(packet)));
        ASSERT_TRUE(connection_->serve(EPOLLIN));
    }

    void enable(uint64_t epoch, uint32_t registration,
                EnableAction action = EnableAction::kEnable) {
        connection_->send(enable_of(epoch, registration, ++cookie_, action),
                          ProviderMessage::kEnable);
    }
    void attach(uint64_t epoch) {
        connection_->send(wire::Attach{{}, key_of(epoch), {}}, ProviderMessage::kAttach);
    }
    void detach(uint64_t epoch) {
        connection_->send(wire::Detach{{}, key_of(epoch), ++cookie_}, ProviderMessage::kDetach);
    }

    // All that the process is told once it reads, answering as it goes.
    struct Told {
        std::vector<wire::Enable> enables;
        std::vector<uint64_t> attached, detached;
        size_t packets = 0;
    };
    Told read_all() {
        Told told;
        alignas(8) std::byte packet[wire::kMaxPacketSize];
        for (;;) {
            const ssize_t n = ::recv(process_.get(), packet, sizeof(packet), MSG_DONTWAIT);
            if (n <= 0) {
                serve_all();
                if (::recv(process_.get(), packet, 1, MSG_DONTWAIT | MSG_PEEK) <= 0) return told;
                continue;
            }
            ++told.packets;
            const auto& header = *reinterpret_cast<const wire::PacketHeader*>(packet);
            if (header.type == ProviderMessage::kAttach) {
                told.attached.push_back(
                    reinterpret_cast<const wire::Attach*>(packet)->session.epoch);
            } else if (header.type == ProviderMessage::kEnable) {
                told.enables.push_back(*reinterpret_cast<const wire::Enable*>(packet));
                acknowledge(told.enables.back().cookie);
            } else if (header.type == ProviderMessage::kDetach) {
                const auto& detach = *reinterpret_cast<const wire::Detach*>(packet);
                told.detached.push_back(detach.session.epoch);
                acknowledge(detach.cookie);
            }
        }
    }
    // A turn takes some packets only.
    void serve_all() {
        for (size_t turn = 0; turn < ProviderConnection::kMaxUnanswered; ++turn) {
            EXPECT_TRUE(connection_->serve(EPOLLIN | EPOLLOUT));
        }
    }
    void acknowledge(uint64_t cookie) {
        const wire::Ack ack{{ProviderMessage::kAck, sizeof(ack)}, cookie};
        // There is room for all that it owes, though the host does not read.
        EXPECT_EQ(::send(process_.get(), &ack, sizeof(ack), MSG_DONTWAIT), ssize_t(sizeof(ack)));
    }

    void on_rings(ProviderConnection&, const wire::Rings&, UniqueFd) override { ++rings_; }
    void on_register(ProviderConnection&, uint32_t) override {}
    void on_ack(ProviderConnection&, uint64_t cookie) override { acked_.push_back(cookie); }
    void on_superseded(ProviderConnection&, uint64_t cookie, uint64_t by) override {
        superseded_[cookie] = by;
    }
    void on_event(ProviderConnection&, const EventPacket&) override {}
    void on_events_lost(ProviderConnection&, const wire::EventsLost&) override {}
    void on_private_status(ProviderConnection&, const wire::PrivateStatus&) override {}
    void on_closed(ProviderConnection&) override {}

    std::unique_ptr<EventLoop> loop_ = *EventLoop::create();
    std::shared_ptr<UserShare> share_ = std::make_shared<UserShare>();
    UniqueFd process_;
    std::optional<ProviderConnection> connection_;
    uint64_t cookie_ = 0;
    size_t rings_ = 0;
    std::vector<uint64_t> acked_;
    std::map<uint64_t, uint64_t> superseded_;
};

// A process that is stopped is told what has become of it, and no more, when it goes on.
TEST_F(ProviderConnectionTest, KeepsOnlyWhatHasChangedForAProcessThatDoesNotRead) {
    attach(7);
    for (int i = 0; i < 100'000; ++i) {
        enable(7, 1 + uint32_t(i % 3), i % 2 == 0 ? EnableAction::kEnable : EnableAction::kDisable);
    }
    for (uint64_t epoch = 100; epoch < 30'000; ++epoch) {
        attach(epoch);
        enable(epoch, 1);
        detach(epoch);
    }
    enable(7, 2, EnableAction::kCaptureState);
    ASSERT_FALSE(connection_->failed());
    const Told told = read_all();
    EXPECT_LE(told.packets, 2 * ProviderConnection::kMaxUnanswered);
    EXPECT_EQ(told.attached, std::vector<uint64_t>{7});
    EXPECT_TRUE(told.detached.empty()) << "of sessions that it never heard of";
    std::map<uint32_t, EnableAction> last;
    for (const wire::Enable& packet : told.enables) {
        EXPECT_EQ(packet.session.epoch, 7u);
        if (packet.action != EnableAction::kCaptureState) {
            last[packet.registration] = packet.action;
        }
    }
    EXPECT_EQ(last[1], EnableAction::kDisable);  // by request 99'999
    EXPECT_EQ(last[2], EnableAction::kDisable);
    EXPECT_EQ(last[3], EnableAction::kEnable);  // by request 99'998
    EXPECT_EQ(told.enables.back().action, EnableAction::kCaptureState);
    // Whoever waits for one that was not sent waits for the one that was sent in its place.
    size_t settled = acked_.size();
    for (const auto& [cookie, by] : superseded_) settled += by == 0 || by > cookie ? 1 : 0;
    EXPECT_EQ(settled, cookie_);
}

TEST_F(ProviderConnectionTest, TellsOfTheEndOfASessionThatTheProcessKnows) {
    attach(7);
    enable(7, 1);
    EXPECT_EQ(read_all().attached.size(), 1u);
    for (uint32_t i = 0; i < 1000; ++i) enable(7, 1 + i);
    detach(7);
    const Told told = read_all();
    EXPECT_EQ(told.detached, std::vector<uint64_t>{7});
    EXPECT_EQ(told.enables.size(), ProviderConnection::kMaxUnanswered)
        << "what was not sent is about nothing any more";
}

TEST_F(ProviderConnectionTest, OwesNoMoreAnswersThanASocketHolds) {
    attach(7);
    constexpr uint32_t kRegistrations = 1000;
    for (uint32_t i = 0; i < kRegistrations; ++i) enable(7, 1 + i);
    EXPECT_FALSE(connection_->failed());
    const Told told = read_all();
    ASSERT_EQ(told.enables.size(), kRegistrations) << "each of them, in its turn";
    for (uint32_t i = 0; i < kRegistrations; ++i) EXPECT_EQ(told.enables[i].registration, 1 + i);
    EXPECT_EQ(acked_.size(), kRegistrations);
}

TEST_F(ProviderConnectionTest, ForgetsWhatARegistrationThatIsGoneWasToBeTold) {
    wire::Register registration{};
    registration.registration = 4711;
    say(registration, ProviderMessage::kRegister);
    attach(7);
    for (uint32_t i = 0; i < 500; ++i) enable(7, 1 + i);
    enable(7, 4711);
    say(wire::Unregister{{}, 4711, 0}, ProviderMessage::kUnregister);
    EXPECT_EQ(superseded_.at(cookie_), 0u);
    for (const wire::Enable& packet : read_all().enables) EXPECT_NE(packet.registration, 4711u);
}

// A file may be of a file system that hangs whoever asks it anything.
TEST_F(ProviderConnectionTest, EndsWhereAFileIsPassedForMemory) {
    const UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    wire::Rings rings{};
    rings.header = {ProviderMessage::kRings, sizeof(rings)};
    const int fd = file.get();
    ASSERT_TRUE(send(process_.get(), std::as_bytes(std::span(&rings, 1)), {&fd, 1}));
    EXPECT_FALSE(connection_->serve(EPOLLIN));
    EXPECT_EQ(rings_, 0u);
}

// Nor may it name ever more sessions.
TEST_F(ProviderConnectionTest, EndsWhereMoreSessionsAreNamedThanThereCanBe) {
    const UniqueFd memory(::memfd_create("rings", MFD_CLOEXEC));
    const int fd = memory.get();
    wire::Rings rings{};
    rings.header = {ProviderMessage::kRings, sizeof(rings)};
    size_t named = 0;
    do {
        rings.session.epoch = ++named;
        ASSERT_TRUE(send(process_.get(), std::as_bytes(std::span(&rings, 1)), {&fd, 1}));
    } while (connection_->serve(EPOLLIN) && named < 2 * ProviderConnection::kMaxTold);
    EXPECT_EQ(named, ProviderConnection::kMaxTold + 1);
    EXPECT_EQ(rings_, ProviderConnection::kMaxTold);
}

// A process that makes the host remember ever more is disconnected, and gives all of it back.
TEST_F(ProviderConnectionTest, GivesBackWhatItWasCharged) {
    for (uint32_t i = 0; i < 20'000; ++i) enable(7, 1 + i);
    EXPECT_TRUE(connection_->failed());
    connection_.reset();
    EXPECT_TRUE(share_->take(UserShare::kMaxBytes));
}

TEST(AckTracker, TakesOneAcknowledgementForThoseItStandsFor) {
    const auto loop = *EventLoop::create();
    AckTracker acks(*loop);
    std::vector<int> done;
    std::vector<uint64_t> cookies;
    for (int i = 0; i < 3; ++i) {
        const uint64_t group = acks.open_group();
        cookies.push_back(acks.expect(group, 1));
        acks.wait(group, std::chrono::hours(1), [&done, i](bool all) {
            EXPECT_TRUE(all);
            done.push_back(i);
        });
    }
    acks.supersede(cookies[0], cookies[1]);
    const uint64_t last = acks.next_cookie();
    acks.supersede(cookies[1], last);
    acks.acknowledged(1, cookies[0]);
    acks.acknowledged(2, last);
    EXPECT_TRUE(done.empty()) << "neither sent, nor of that connection";
    acks.acknowledged(1, cookies[2]);
    EXPECT_EQ(done, std::vector<int>{2});
    acks.acknowledged(1, last);
    EXPECT_EQ(done.size(), 3u);
}

}  // namespace
}  // namespace etw::host
