#include "kernel/events/user_events.h"

#include "kernel/images/usdt.h"
#include "synthetic.h"

#include <gtest/gtest.h>

#include <dlfcn.h>
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

TEST_F(UserCalls, AnEventAndItsStackCountAsOne) {
    UserCall call = called(Kind::kAllocate, 0, 1001, 0xA000);
    set_stack(call, {0x11, 0x22});
    give(call, 100);
    give(call, 110);
    give(call, 300);
    users_.convert(200);
    EXPECT_EQ(users_.pending().count(), 2u);
    EXPECT_EQ(users_.count_rest(), 3u);
    EXPECT_FALSE(users_.pending().hand_out(traced_, 100));
    EXPECT_EQ(users_.count_rest(), 2u);
    EXPECT_FALSE(users_.pending().hand_out(traced_, 200));
    EXPECT_EQ(users_.count_rest(), 1u);
    EXPECT_EQ(sink_.sent.size(), 4u);
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
    call.return_address = 0x33;
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
    call.mutex = {2, 0, 77, 1, 0, 5, 0, 0, 0};
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

class Waits : public UserCalls {
protected:
    static UserCall waited(LockKind kind, MutexWords words) {
        UserCall out = called(Kind::kWaitForWord, 0xC000, 0, 0);
        out.lock_kind = kind;
        out.mutex = words;
        return out;
    }
    static UserCall slept(LockKind kind, MutexWords words) {
        UserCall out = waited(kind, words);
        out.kind = Kind::kWaitForFutex;
        return out;
    }
    // One more for the same: its beginning, and its end.
    void go_on(UserCall call, int64_t begin, int64_t end) {
        call.is_for_same = 1;
        call.kind = Kind::kWaitGoesOn;
        give(call, begin);
        call.kind = Kind::kWaitForWord;
        call.duration_ns = uint64_t(end);
        give(call, end);
    }
    std::vector<uint64_t> told_durations() const {
        std::vector<uint64_t> out;
        for (const auto& record : sink_.of(0x1722))
            out.push_back(record.at<uint64_t>(kPayload + 24));
        return out;
    }
};

TEST_F(Waits, OfThoseForOneTimeTheLastIsTold) {
    UserCall call = waited(LockKind::kMutex, {});
    for (int64_t time : {100, 200}) {
        call.duration_ns = uint64_t(time);
        give(call, time);
        go_on(call, time + 10, time + 20);
        go_on(call, time + 30, time + 40);
    }
    hand_out(1000);
    EXPECT_EQ(told_durations(), (std::vector<uint64_t>{140, 240}));
}

TEST_F(Waits, ThoseForTimesOfTheirOwnAreToldEach) {
    UserCall call = waited(LockKind::kMutex, {});
    call.duration_ns = 5;
    give(call, 100);
    give(call, 200);
    hand_out(1000);
    EXPECT_EQ(told_durations(), (std::vector<uint64_t>{5, 5}));
}

TEST_F(Waits, WhatWasToldBeforeItWentOnIsNotToldAgain) {
    UserCall call = waited(LockKind::kMutex, {});
    call.duration_ns = 5;
    give(call, 100);
    hand_out(105);
    go_on(call, 110, 120);
    hand_out(130);
    go_on(call, 140, 150);
    call.duration_ns = 7;
    give(call, 200);
    hand_out(1000);
    EXPECT_EQ(told_durations(), (std::vector<uint64_t>{5, 7}));
}

TEST_F(Waits, TheOwnerIsWhereTheKindOfLockHasIt) {
    give(waited(LockKind::kMutex, {2, 0, 77, 1, 0, 5, 0, 0, 0}), 100);
    give(waited(LockKind::kRwlock, {9, 0, 0, 3, 0, 0, 0, 78, 0}), 110);
    give(waited(LockKind::kMuslMutex, {4, 0x8000004F, 1, 0, 0, 0, 0, 0, 0}), 120);
    give(waited(LockKind::kMuslMutex, {0, 0x80000010, 1, 0, 0, 0, 0, 0, 0}), 130);
    give(waited(LockKind::kMuslRwlock, {0x7FFFFFFF, 1, 0, 0, 0, 0, 0, 0, 0}), 140);
    give(slept(LockKind::kWord, {2, 3, 4, 5, 0, 6, 0, 0, 0}), 150);
    give(slept(LockKind::kInheritingWord, {0x80000051, 3, 4, 5, 0, 6, 0, 0, 0}), 160);
    give(slept(LockKind::kMutex, {0x100002, 0, 82, 1, 0x40, 0, 0, 0, 0}), 170);
    give(slept(LockKind::kMuslMutex, {8, 0x80000053, 1, 0, 0, 0, 0, 0, 0}), 180);
    hand_out(1000);
    std::vector<std::vector<uint64_t>> found;  // lock, spins, owner
    for (const auto& record : sink_.of(0x1722)) {
        found.push_back({record.at<uint32_t>(kPayload), record.at<uint32_t>(kPayload + 4),
                         record.at<uint64_t>(kPayload + 8)});
    }
    EXPECT_EQ(found, (std::vector<std::vector<uint64_t>>{{2, 5, 77},
                                                         {9, 0, 78},
                                                         {0x8000004F, 0, 79},
                                                         {0x80000010, 0, 0},
                                                         {0x7FFFFFFF, 0, 0},
                                                         {2, 0, 0},
                                                         {0x80000051, 0, 81},
                                                         {0x100002, 0, 82},
                                                         {0x80000053, 0, 83}}));
}

// The kernel is asked for a lock that is free by then, or by who looks whether it lends priority.
TEST_F(Waits, AWordThatLendsPriorityAndIsNobodysIsNotToldOf) {
    give(slept(LockKind::kInheritingWord, {0x40000000, 0, 0, 0, 0, 0, 0, 0, 0}), 100);
    give(slept(LockKind::kMuslMutex, {8, 0, 0, 0, 0, 0, 0, 0, 0}), 110);
    hand_out(1000);
    EXPECT_TRUE(sink_.of(0x1722).empty());
}

TEST_F(Waits, OneForAWordIsToldWhateverGoesOn) {
    give(waited(LockKind::kMutex, {}), 100);
    give(slept(LockKind::kWord, {2, 0, 0, 0, 0, 0, 0, 0, 0}), 110);
    go_on(waited(LockKind::kMutex, {}), 120, 130);
    hand_out(1000);
    ASSERT_EQ(sink_.of(0x1722).size(), 2u);
    EXPECT_EQ(sink_.of(0x1722)[0].time, 110);
    EXPECT_EQ(sink_.of(0x1722)[1].time, 130);
}

TEST_F(Waits, AnInheritingLockWhoseOwnerHasDiedIsNobodys) {
    UserCall call = called(Kind::kWaitForLock, 0xC000, 0, 0);
    call.mutex = {0x40000000, 0, 77, 1, 0x30, 0, 0, 0, 0};
    give(call, 100);
    call.mutex.lock = 0x4000004D;
    give(call, 110);
    hand_out(1000);
    ASSERT_EQ(sink_.of(0x1722).size(), 1u);
    EXPECT_EQ(sink_.of(0x1722)[0].time, 110);
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

TEST_F(UserCalls, WhatComesLateHasATimeOfItsOwnWhichItsStackIsKnownBy) {
    hand_out(200);
    UserCall call = called(Kind::kAllocate, 0, 10, 0xA000);
    for (const int64_t time : {100, 150}) {
        set_stack(call, {uint64_t(time)});
        give(call, time);
    }
    hand_out(300);
    ASSERT_EQ(sink_.sent.size(), 4u);
    EXPECT_EQ(sink_.sent[0].time, 200);
    EXPECT_EQ(sink_.sent[2].time, 201);
    EXPECT_EQ(stack_at(1), std::vector<uint64_t>{100});
    EXPECT_EQ(stack_at(3), std::vector<uint64_t>{150});
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
    if (this_machine() == Machine::kX86_64) {  // of glibc
        const auto count = [&](Kind kind) {
            return std::count_if(locks->begin(), locks->end(),
                                 [kind](const UserFunction& f) { return f.kind == kind; });
        };
        // And the one that inherits priority; the thread sanitizer's runtime has one more.
        EXPECT_GE(count(Kind::kWaitForLock), 2);
        EXPECT_EQ(count(Kind::kWaitForWord), 1);
        EXPECT_GE(count(Kind::kWaitBegins), 2);
        EXPECT_EQ(count(Kind::kWaitBegins), count(Kind::kWaitEnds));
        EXPECT_GE(count(Kind::kWaitIsOver), 3);
    }
    EXPECT_FALSE(find_heap_functions(~0u >> 1));
}

TEST(FutexCodes, AreOfTheLibraryThatWaits) {
    const auto files = files_with_code(uint32_t(::getpid()));
    ASSERT_TRUE(files);
    const std::vector<FutexCode> code = find_futex_code(*files);
    const auto owner_of = [&](const void* place) {
        const auto address = uint64_t(reinterpret_cast<uintptr_t>(place));
        const auto found = std::find_if(code.begin(), code.end(), [&](const FutexCode& c) {
            return address >= c.from && address < c.to;
        });
        return found == code.end() ? FutexOwner::kProgram : found->owner;
    };
    // Of libc: the sanitizers have some of their own.
    const auto find = [](const char* name) { return ::dlsym(RTLD_NEXT, name); };
    EXPECT_EQ(owner_of(find("syscall")), FutexOwner::kProgram);
    EXPECT_EQ(owner_of(find("getpid")), FutexOwner::kGlibc);
    EXPECT_EQ(owner_of(reinterpret_cast<const void*>(&files_with_code)), FutexOwner::kProgram);
    const auto of_mutexes = [](const FutexCode& c) { return c.owner == FutexOwner::kMutex; };
    EXPECT_TRUE(std::any_of(code.begin(), code.end(), of_mutexes));
}

}  // namespace
}  // namespace etw::kernel
