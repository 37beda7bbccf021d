#include "host/recording/doze.h"

#include <gtest/gtest.h>

namespace etw::host {
namespace {

using std::chrono::milliseconds;

class DozeTest : public testing::Test {
protected:
    // The thread looks `after` the last time and finds so much.
    milliseconds look(milliseconds after, uint64_t bytes, bool found = true) {
        now_ += after;
        bytes_ += bytes;
        doze_.looked(found, bytes_, now_);
        return std::chrono::duration_cast<milliseconds>(doze_.pause());
    }

    Doze doze_;

private:
    Doze::Clock::time_point now_{std::chrono::hours(1)};
    uint64_t bytes_ = 0;
};

TEST_F(DozeTest, LooksAgainSoonAfterActivityAndThenEverMoreSeldom) {
    EXPECT_FALSE(doze_);
    EXPECT_EQ(look(milliseconds(100), 1000), Doze::kFirst);
    EXPECT_TRUE(doze_);
    for (milliseconds pause = Doze::kFirst * 2; pause <= Doze::kLast; pause *= 2) {
        EXPECT_EQ(look(pause, 0, false), pause);
    }
    EXPECT_EQ(look(Doze::kLast, 0, false), milliseconds(0));
    EXPECT_FALSE(doze_) << "it sleeps";
    EXPECT_EQ(look(milliseconds(5000), 0), Doze::kFirst) << "a task was found, say";
}

TEST_F(DozeTest, LooksMoreOftenWhereMuchComes) {
    look(milliseconds(100), 0);
    EXPECT_EQ(look(milliseconds(10), 10 * Doze::kBusyRate), Doze::kBusy);
    EXPECT_EQ(look(milliseconds(3), 3 * Doze::kBusyRate), Doze::kBusy) << "a rate, no amount";
    EXPECT_EQ(look(milliseconds(3), 3 * Doze::kBusyRate - 1000), Doze::kFirst);
    look(milliseconds(3), 3 * Doze::kBusyRate);
    EXPECT_EQ(look(Doze::kBusy, 0, false), Doze::kBusy * 2) << "found nothing more";
}

}  // namespace
}  // namespace etw::host
