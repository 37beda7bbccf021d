#include "kernel/user_events.h"

#include "synthetic.h"

#include <gtest/gtest.h>

#include <unistd.h>

namespace etw::kernel {
namespace {

using Kind = UserFunctionKind;

constexpr size_t kPayload = sizeof(wire::SystemHeader);

class UserCalls : public testing::Test {
protected:
    static int64_t no_time() noexcept { return 0; }

    static UserCall called(Kind kind, uint64_t address, uint64_t size, uint64_t result) {
        UserCall out{};
        out.kind = kind;
        out.address = address;
        out.size = size;
        out.result = result;
        return out;
    }
    static void set_stack(UserCall& call, const std::vector<uint64_t>& frames) {
        std::copy(frames.begin(), frames.end(), call.stack);
        call.stack_size = frames.size() * sizeof(uint64_t);
    }
    void give(const UserCall& call, int64_t time) {
        const auto all = std::as_bytes(std::span(&call, 1));
        users_.take({time, 1, 7, 9, all.first(offsetof(UserCall, stack) + call.stack_size), {}});
    }
    void hand_out(int64_t until) {
        users_.convert(until);
        EXPECT_FALSE(users_.pending().hand_out(traced_, until));
    }
    std::vector<uint64_t> stack_at(size_t index) const {
        const auto& walk = sink_.sent.at(index);
        EXPECT_EQ(walk.hook(), 0x1820);
        EXPECT_EQ(walk.at<int64_t>(sizeof(wire::PerfInfoHeader)), walk.time);
        EXPECT_EQ(walk.at<uint32_t>(sizeof(wire::PerfInfoHeader) + 8), 7u);
        EXPECT_EQ(walk.at<uint32_t>(sizeof(wire::PerfInfoHeader) + 12), 9u);
        std::vector<uint64_t> out;
        for (size_t at = sizeof(wire::PerfInfoHeader) + 16; at < walk.record.size(); at += 8) {
            out.push_back(walk.at<uint64_t>(at));
        }
        return out;
    }

    FakeSink sink_;
    Tasks tasks_;
    Context context_{sink_, tasks_, 1'000'000'000};
    TracedSink traced_{sink_, tasks_};
    UserEvents users_{context_, {&no_time, 1'000'000'000, true}};
};

TEST_F(UserCalls, AnAllocationHasItsSizeAddressProcessAndStack) {
    UserCall call = called(Kind::kAllocate, 0, 1001, 0xA000);
    set_stack(call, {0x11, 0x22});
    give(call, 100);
    hand_out(200);
    ASSERT_EQ(sink_.sent.size(), 2u);
    const auto& alloc = sink_.sent[0];
    EXPECT_EQ(alloc.hook(), 0x1021);
    EXPECT_EQ(alloc.version(), 2);
    EXPECT_EQ(alloc.header_type(), uint8_t(wire::HeaderType::kSystem64));
    EXPECT_EQ(alloc.at<uint32_t>(8), 9u);   // thread
    EXPECT_EQ(alloc.at<uint32_t>(12), 7u);  // process
    EXPECT_EQ(alloc.at<uint64_t>(kPayload + 8), 1001u);
    EXPECT_EQ(alloc.at<uint64_t>(kPayload + 16), 0xA000u);
    EXPECT_EQ(alloc.at<uint32_t>(kPayload + 24), 3u);
    EXPECT_EQ(alloc.record.size(), kPayload + 28);
    EXPECT_EQ(stack_at(1), (std::vector<uint64_t>{0x11, 0x22}));
}

TEST_F(UserCalls, AReallocationKnowsTheSizeBefore) {
    give(called(Kind::kAllocateCleared, 0, 300, 0xA000), 100);
    give(called(Kind::kReallocate, 0xA000, 500, 0xB000), 110);
    give(called(Kind::kReallocateArray, 0xB000, 70, 0xB000), 120);
    hand_out(200);
    const auto moved = sink_.of(0x1022);
    ASSERT_EQ(moved.size(), 2u);
    EXPECT_EQ(moved[0].at<uint64_t>(kPayload + 8), 0xB000u);
    EXPECT_EQ(moved[0].at<uint64_t>(kPayload + 16), 0xA000u);
    EXPECT_EQ(moved[0].at<uint64_t>(kPayload + 24), 500u);
    EXPECT_EQ(moved[0].at<uint64_t>(kPayload + 32), 300u);
    EXPECT_EQ(moved[0].at<uint32_t>(kPayload + 40), 3u);
    EXPECT_EQ(moved[1].at<uint64_t>(kPayload + 32), 500u);
}

TEST_F(UserCalls, AReallocationOfNothingIsAnAllocationAndOneToNothingAFree) {
    give(called(Kind::kReallocate, 0, 500, 0xB000), 100);
    give(called(Kind::kReallocate, 0xB000, 0, 0), 110);
    hand_out(200);
    ASSERT_EQ(sink_.sent.size(), 2u);
    EXPECT_EQ(sink_.sent[0].hook(), 0x1021);
    EXPECT_EQ(sink_.sent[1].hook(), 0x1024);
    EXPECT_EQ(sink_.sent[1].at<uint64_t>(kPayload + 8), 0xB000u);
}

TEST_F(UserCalls, AFreeBeginsItsStackInItsCaller) {
    UserCall call = called(Kind::kFree, 0xA000, 0, 0);
    call.top[0] = 0x33;
    set_stack(call, {0x11, 0x22});  // in free itself, then as frame pointers say
    give(call, 100);
    set_stack(call, {0x11, 0x33, 0x22});  // of a kernel that knows better
    give(call, 110);
    hand_out(200);
    EXPECT_EQ(sink_.of(0x1024).size(), 2u);
    EXPECT_EQ(stack_at(1), (std::vector<uint64_t>{0x33, 0x22}));
    EXPECT_EQ(stack_at(3), (std::vector<uint64_t>{0x33, 0x22}));
}

TEST_F(UserCalls, AWaitHasLockOwnerAndTime) {
    UserCall call = called(Kind::kWaitForLock, 0xC000, 0, 0);
    call.mutex = {2, 0, 77, 1, 0, 5, 0};
    call.duration_ns = 123456;
    give(call, 100);
    hand_out(200);
    ASSERT_EQ(sink_.sent.size(), 1u);
    const auto& collision = sink_.sent[0];
    EXPECT_EQ(collision.hook(), 0x1722);
    EXPECT_EQ(collision.version(), 3);
    EXPECT_EQ(collision.at<uint32_t>(kPayload), 2u);
    EXPECT_EQ(collision.at<uint32_t>(kPayload + 4), 5u);
    EXPECT_EQ(collision.at<uint64_t>(kPayload + 8), 77u);
    EXPECT_EQ(collision.at<uint64_t>(kPayload + 16), 0xC000u);
    EXPECT_EQ(collision.at<uint64_t>(kPayload + 24), 123456u);
}

TEST_F(UserCalls, WhatComesLaterWaitsAndOrderIsThatOfTime) {
    give(called(Kind::kAllocate, 0, 2, 0xB000), 120);
    give(called(Kind::kAllocate, 0, 1, 0xA000), 110);
    give(called(Kind::kAllocate, 0, 3, 0xC000), 300);
    hand_out(200);
    ASSERT_EQ(sink_.sent.size(), 2u);
    EXPECT_EQ(sink_.sent[0].at<uint64_t>(kPayload + 8), 1u);
    EXPECT_EQ(sink_.sent[1].at<uint64_t>(kPayload + 8), 2u);
    hand_out(400);
    EXPECT_EQ(sink_.sent.size(), 3u);
}

TEST_F(UserCalls, ARecordThatIsCutShortIsNoneAndAStackIsNoLongerThanItsRecord) {
    UserCall call = called(Kind::kAllocate, 0, 1, 0xA000);
    const auto all = std::as_bytes(std::span(&call, 1));
    users_.take({100, 1, 7, 9, all.first(20), {}});
    call.stack_size = ~uint64_t{0};
    call.stack[0] = 0x11;
    users_.take({110, 1, 7, 9, all.first(offsetof(UserCall, stack) + 8), {}});
    hand_out(200);
    ASSERT_EQ(sink_.sent.size(), 2u);
    EXPECT_EQ(stack_at(1), (std::vector<uint64_t>{0x11}));
}

TEST(UserFunctions, AreThoseOfTheModulesThatTheProcessHas) {
    const auto heap = find_heap_functions(uint32_t(::getpid()));
    ASSERT_TRUE(heap) << heap.error().what;
    for (const Kind kind : {Kind::kAllocate, Kind::kAllocateCleared, Kind::kReallocate, Kind::kFree,
                            Kind::kAllocateAligned, Kind::kAllocateInto}) {
        EXPECT_TRUE(std::any_of(heap->begin(), heap->end(), [kind](const UserFunction& function) {
            return function.kind == kind && function.offset != 0;
        })) << int(kind);
    }
    const auto locks = find_lock_functions(uint32_t(::getpid()));
    ASSERT_TRUE(locks) << locks.error().what;
    EXPECT_EQ(locks->at(0).kind, Kind::kWaitForLock);
    EXPECT_FALSE(find_heap_functions(~0u >> 1));
}

}  // namespace
}  // namespace etw::kernel
