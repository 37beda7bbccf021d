#include "base/file_call.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

namespace etw {
namespace {

using std::chrono::milliseconds;

void wait_until_unanswered(const FileCallWatch& watch, milliseconds at_least) {
    while (watch.unanswered() < at_least) std::this_thread::yield();
}

TEST(FileCall, ShowsForHowLongItHasNotBeenAnswered) {
    FileCallWatch watch;
    std::thread([&] {
        watch.watch_this_thread();
        EXPECT_EQ(watch.unanswered(), milliseconds(0));
        {
            const FileCall call;
            wait_until_unanswered(watch, milliseconds(2));
        }
        EXPECT_EQ(watch.unanswered(), milliseconds(0));
    }).join();
}

TEST(FileCall, CountsAnewFromTheEndOfAnInnerOne) {
    FileCallWatch watch;
    std::thread([&] {
        watch.watch_this_thread();
        const FileCall outer;
        std::optional<FileCall> inner(std::in_place);
        wait_until_unanswered(watch, milliseconds(500));
        inner.reset();
        EXPECT_LT(watch.unanswered(), milliseconds(500));
        wait_until_unanswered(watch, milliseconds(1));  // still in the outer one
    }).join();
}

TEST(FileCall, OfAThreadThatNobodyWatchesIsNone) {
    FileCallWatch watch;
    const FileCall call;
    EXPECT_EQ(watch.unanswered(), milliseconds(0));
}

}  // namespace
}  // namespace etw
