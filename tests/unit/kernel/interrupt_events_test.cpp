// Page faults and interrupts.
#include "converters.h"

#include <gtest/gtest.h>

namespace etw::kernel {
namespace {

class InterruptConverter : public Converters {};

TEST_F(InterruptConverter, ASuccessorKnowsWhichPageFaultsWereUnderWay) {
    OpenFault kept[kOpenFaults]{};
    interrupts_->keep_faults_in(kept);
    bind(kKernelHardFaults);
    const auto fault = [&](uint32_t thread, uint64_t address) {
        feed(19, int64_t(thread), thread, {at(8, address)});
        feed(21, int64_t(thread), thread, {at(8, uint64_t{77})});
    };
    fault(300, 0x5000);
    fault(301, 0x6000);
    const auto read = [&](uint32_t thread) {
        feed(22, 400, thread, {at(8, uint64_t{77}), at(16, uint64_t{3})});
    };
    read(301);
    ASSERT_EQ(sink_.of(0x0220).size(), 1u);

    interrupts_.emplace(context_);
    interrupts_->keep_faults_in(kept);
    bind(kKernelHardFaults);
    read(301);  // not told again
    read(300);
    const auto told = sink_.of(0x0220);
    ASSERT_EQ(told.size(), 2u);
    EXPECT_EQ(told[1].at<int64_t>(kPerfInfoPayload), 300);
    EXPECT_EQ(told[1].at<uint64_t>(kPerfInfoPayload + 16), 0x5000u);
    EXPECT_EQ(told[1].at<uint32_t>(kPerfInfoPayload + 32), 300u);
}

TEST_F(InterruptConverter, ASoftInterruptIsADpcWithItsBeginning) {
    bind();
    interrupts_->set_handlers({1, 2, 3, 4});
    feed(14, 100, 0, {at(8, 3u)}, 1);
    feed(15, 160, 0, {at(8, 3u)}, 1);
    feed(15, 200, 0, {at(8, 1u)}, 1);  // its beginning lies before the trace
    ASSERT_EQ(sink_.of(0x0F44).size(), 1u);
    EXPECT_EQ(sink_.of(0x0F44)[0].at<int64_t>(kPerfInfoPayload), 100);
    EXPECT_EQ(sink_.of(0x0F44)[0].at<uint64_t>(kPerfInfoPayload + 8), 4u);
    ASSERT_EQ(sink_.of(0x0F45).size(), 1u);
    EXPECT_EQ(sink_.of(0x0F45)[0].at<int64_t>(kPerfInfoPayload), 200);
}

}  // namespace
}  // namespace etw::kernel
