#include "host/survival/keeper_link.h"

#include "host/survival/envelope.h"

#include <gtest/gtest.h>

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <thread>
#include <utility>

namespace etw::host {
namespace {

UniqueFd some_memory() { return UniqueFd(::memfd_create("kept", MFD_CLOEXEC)); }

class KeeperLinkTest : public ::testing::Test {
protected:
    void SetUp() override {
        ::signal(SIGPIPE, SIG_IGN);
        int pair[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        link_.emplace(UniqueFd(pair[0]));
        keeper_ = UniqueFd(pair[1]);
    }

    KeeperMessage next() {
        auto message = receive_from_peer(keeper_.get());
        EXPECT_TRUE(message);
        return std::move(*message);
    }

    std::optional<KeeperLink> link_;
    UniqueFd keeper_;
};

TEST_F(KeeperLinkTest, SaysWhatIsToStayMapped) {
    link_->store("ring", some_memory(), 8192);
    link_->store("log", some_memory());
    const auto ring = next(), log = next();
    EXPECT_EQ(ring.name, "ring");
    EXPECT_EQ(ring.mapped, 8192u);
    EXPECT_TRUE(ring.fd);
    EXPECT_EQ(log.mapped, 0u);
}

TEST_F(KeeperLinkTest, KeepsAFileInAnEnvelopeThatMayBeOpenedAgainAndAgain) {
    const UniqueFd file = some_memory();
    ASSERT_EQ(::ftruncate(file.get(), 4711), 0);
    link_->store_file("log", file);
    const auto kept = next();
    EXPECT_EQ(kept.name, "log");
    struct stat st {};
    ASSERT_EQ(::fstat(kept.fd.get(), &st), 0);
    EXPECT_TRUE(S_ISSOCK(st.st_mode));
    for (int i = 0; i < 2; ++i) {
        const auto opened = out_of_envelope(kept.fd);
        ASSERT_TRUE(opened);
        ASSERT_EQ(::fstat(opened->get(), &st), 0);
        EXPECT_EQ(st.st_size, 4711);
    }
}

TEST(Envelope, IsTakenForNothingElse) {
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    const UniqueFd empty(pair[0]), other(pair[1]);
    EXPECT_FALSE(out_of_envelope(empty));
    ASSERT_EQ(::write(other.get(), "x", 1), 1);
    EXPECT_FALSE(out_of_envelope(empty));
    EXPECT_FALSE(out_of_envelope(some_memory()));
}

TEST_F(KeeperLinkTest, RemovesAllOfOneBeginning) {
    for (const char* name : {"a/1", "a/2", "b/1"}) {
        link_->store(name, some_memory());
        next();
    }
    link_->remove_all("a/");
    link_->remove("b/1");
    for (const char* name : {"a/1", "a/2", "b/1"}) {
        const auto message = next();
        EXPECT_EQ(message.op, KeeperOp::kRemove);
        EXPECT_EQ(message.name, name);
    }
}

TEST_F(KeeperLinkTest, SettlesWhenAllThatWasSaidIsDone) {
    link_->remove("a");
    std::atomic<bool> settled{false};
    std::thread worker([&] {
        link_->settle();
        settled = true;
    });
    EXPECT_EQ(next().op, KeeperOp::kRemove);
    {
        const auto message = next();
        EXPECT_EQ(message.op, KeeperOp::kSettle);
        EXPECT_TRUE(message.fd);
        EXPECT_FALSE(settled);
    }
    worker.join();
    keeper_.reset();
    link_->settle();  // waits for nobody
}

// What is mapped goes with the worker: it may only end when the next keeper has everything. This
// one is a program that ends at once, having read some of it or nothing.
TEST_F(KeeperLinkTest, StaysWhereTheNextKeeperDoesNotTakeEverything) {
    constexpr int kMany = 20;
    for (int i = 0; i < kMany; ++i) {
        link_->store(std::to_string(i), some_memory());
        next();
    }
    for (int tries = 0; tries < 2; ++tries) {  // what was not handed over is still there
        const Status started = link_->start_another({"keeper", "--gtest_filter=-*"});
        EXPECT_FALSE(started);
    }
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a keeper that failed is left";
    EXPECT_EQ(errno, ECHILD);
    // And who was there before is told of what comes.
    link_->store("later", some_memory());
    EXPECT_EQ(next().name, "later");
}

}  // namespace
}  // namespace etw::host
