#include "host/event_loop.h"

#include <gtest/gtest.h>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <vector>

namespace etw::host {
namespace {

UniqueFd ready_fd() { return UniqueFd(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)); }

TEST(EventLoop, HasCaughtUpWhenAllThatWasReadyIsHandled) {
    const auto loop = std::move(*EventLoop::create());
    constexpr size_t kSources = 300;  // which no turn takes all at once
    constexpr size_t kReads = 3;      // as of a queue longer than a turn takes of it
    std::vector<UniqueFd> sources;
    size_t handled = 0;
    for (size_t i = 0; i < kSources; ++i) {
        sources.push_back(ready_fd());
        const int fd = sources.back().get();
        ASSERT_TRUE(loop->watch(fd, EPOLLIN, [&handled, fd, reads = size_t{0}](uint32_t) mutable {
            ++handled;
            uint64_t count = 0;
            if (++reads == kReads) {
                EXPECT_EQ(::read(fd, &count, sizeof(count)), ssize_t(sizeof(count)));
            }
        }));
    }
    size_t handled_before = 0;
    loop->when_caught_up([&] {
        handled_before = handled;
        loop->stop();
    });
    loop->run();
    EXPECT_EQ(handled_before, kSources * kReads);
}

TEST(EventLoop, CatchesUpUnderALoadThatDoesNotEnd) {
    const auto loop = std::move(*EventLoop::create());
    const UniqueFd never_read = ready_fd();
    ASSERT_TRUE(loop->watch(never_read.get(), EPOLLIN, [](uint32_t) {}));
    constexpr int kReads = 5;  // as of a queue longer than a turn takes of it
    const UniqueFd source = ready_fd();
    int reads = 0;
    ASSERT_TRUE(loop->watch(source.get(), EPOLLIN, [&](uint32_t) {
        if (++reads == kReads) loop->forget(source.get());
    }));
    int reads_before = 0;
    loop->when_caught_up([&] {
        reads_before = reads;
        loop->when_caught_up([&] { loop->stop(); });
    });
    loop->run();
    EXPECT_EQ(reads_before, kReads);
}

TEST(EventLoop, CaughtUpWaitsForNothingWhereNothingIsReady) {
    const auto loop = std::move(*EventLoop::create());
    loop->post([&] { loop->when_caught_up([&] { loop->stop(); }); });
    loop->run();  // and does not sleep until something happens
}

}  // namespace
}  // namespace etw::host
