// Requests to disks.
#include "converters.h"

#include <gtest/gtest.h>

namespace etw::kernel {
namespace {

class DiskConverter : public Converters {};

TEST_F(DiskConverter, ARequestToADiskHasItsSizeOffsetAndResponseTime) {
    bind();
    feed(8, 1000, 50, {at(8, 0x800000u), at(16, uint64_t{64}), at(24, 8u), text(28, "WS")});
    feed(9, 1700, 0, {at(8, 0x800000u), at(16, uint64_t{64}), at(24, 8u), text(28, "WS")});
    ASSERT_EQ(sink_.of(0x010D).size(), 1u);
    EXPECT_EQ(sink_.of(0x010D)[0].header_type(), kSystem64);
    const auto all = sink_.of(0x010B);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].header_type(), kPerfInfo64);
    EXPECT_EQ(all[0].at<uint32_t>(kPerfInfoPayload + 8), 4096u);
    EXPECT_EQ(all[0].at<uint64_t>(kPerfInfoPayload + 16), 64u * 512);
    EXPECT_EQ(all[0].at<uint64_t>(kPerfInfoPayload + 40), 700u);
    EXPECT_EQ(all[0].at<uint32_t>(kPerfInfoPayload + 48), 50u);
    EXPECT_EQ(all[0].at<uint64_t>(kPerfInfoPayload + 32),
              sink_.of(0x010D)[0].at<uint64_t>(kSystemPayload));
}

TEST_F(DiskConverter, ARequestThatWaitedBelongsToWhoMadeIt) {
    bind();
    const auto request = [](const char* letters) {
        return std::vector<Value>{at(8, 0x800000u), at(16, uint64_t{64}), at(24, 8u),
                                  text(28, letters)};
    };
    feed(16, 900, 50, request("RA"));
    feed(8, 1000, 7, request("RA"));  // a thread of the kernel's hands it over
    feed(9, 1700, 0, request("RA"));
    feed(8, 2000, 8, request("RA"));  // the next one did not wait
    feed(9, 2700, 0, request("RA"));
    const auto all = sink_.of(0x010A);
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].at<uint32_t>(kPerfInfoPayload + 48), 50u);
    EXPECT_EQ(all[0].at<uint64_t>(kPerfInfoPayload + 40), 700u);
    EXPECT_EQ(all[1].at<uint32_t>(kPerfInfoPayload + 48), 8u);
}

TEST_F(DiskConverter, ARequestThatTheDiskHadNoRoomForIsToldOnce) {
    bind();
    const std::vector<Value> request{at(8, 0x800000u), at(16, uint64_t{64}), at(24, 8u),
                                     text(28, "R")};
    feed(8, 1000, 50, request);
    feed(17, 1010, 50, request);
    feed(8, 1500, 7, request);
    feed(9, 1700, 0, request);
    EXPECT_EQ(sink_.of(0x010C).size(), 1u);
    const auto all = sink_.of(0x010A);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].at<uint64_t>(kPerfInfoPayload + 40), 700u);
    EXPECT_EQ(all[0].at<uint32_t>(kPerfInfoPayload + 48), 50u);
}

TEST_F(DiskConverter, AFlushIsPairedWithoutASectorAndEmptyEndsAreNoWrites) {
    bind();
    feed(8, 1000, 50, {at(8, 1u), at(16, uint64_t{0}), at(24, 0u), text(28, "FF")});
    feed(9, 1200, 0, {at(8, 1u), at(16, ~uint64_t{0}), at(24, 0u), text(28, "FF")});
    feed(9, 1201, 0, {at(8, 1u), at(16, uint64_t{0}), at(24, 0u), text(28, "FWS")});
    ASSERT_EQ(sink_.of(0x010E).size(), 1u);
    EXPECT_EQ(sink_.of(0x010E)[0].at<uint64_t>(kPerfInfoPayload + 8), 200u);
    EXPECT_TRUE(sink_.of(0x010B).empty());
}

TEST_F(DiskConverter, LettersOfRequestsAreUnderstood) {
    EXPECT_EQ(DiskEvents::kind_of("RA"), DiskEvents::Kind::kRead);
    EXPECT_EQ(DiskEvents::kind_of("FWFS"), DiskEvents::Kind::kWrite);
    EXPECT_EQ(DiskEvents::kind_of("FF"), DiskEvents::Kind::kFlush);
    EXPECT_EQ(DiskEvents::kind_of("D"), DiskEvents::Kind::kOther);
    EXPECT_EQ(DiskEvents::kind_of(""), DiskEvents::Kind::kOther);
}

}  // namespace
}  // namespace etw::kernel
