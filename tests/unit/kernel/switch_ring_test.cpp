#include "kernel/programs/switch_ring.h"

#include <gtest/gtest.h>

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <utility>
#include <vector>

namespace etw::kernel {
namespace {

constexpr uint32_t kCpus = 3;
constexpr uint64_t kCapacity = 8;

// A stream that outlives who writes it: what a successor finds there.
class FakeStream final : public LastingSink {
public:
    bool has_room(uint32_t) override { return true; }
    void append(uint32_t cpu, Bytes, uint32_t, int64_t time) override {
        records_.emplace_back(cpu, time);
        ++written_[cpu];
    }
    std::optional<int64_t> waiting_since() override { return std::nullopt; }
    void add_lost(uint64_t count) override { lost_ += count; }
    uint64_t written(uint32_t cpu) const override { return written_[cpu]; }
    uint64_t lost() const override { return lost_; }

    std::vector<std::pair<uint32_t, int64_t>> records_;
    std::array<uint64_t, kCpus> written_{};
    uint64_t lost_ = 0;
};

class SwitchRing : public testing::Test {
protected:
    // What the program in the kernel does.
    void put(uint32_t cpu, int64_t time, uint32_t thread = 1) {
        SwitchControl& control = controls_[cpu];
        if (control.head - control.tail >= kCapacity) {
            ++control.lost;
            return;
        }
        const SwitchRecord record{time, thread, thread + 1, 120, 98, 1, 0, {}};
        const uint64_t at = cpu * kCapacity + control.head % kCapacity;
        std::memcpy(records_.data() + at * sizeof(record), &record, sizeof(record));
        ++control.head;
    }
    // (cpu, time) of what is handed out up to a time.
    using Seen = std::vector<std::pair<uint32_t, int64_t>>;
    Seen take(int64_t until = SwitchRings::kNever) {
        Seen out;
        EXPECT_FALSE(rings_.for_each(until, [&](const Switch& event) {
            out.emplace_back(event.cpu, event.time);
            return true;
        }));
        return out;
    }

    // Since the last call.
    uint64_t told_lost() {
        const uint64_t before = stream_.lost_;
        rings_.tell_lost(stream_);
        return stream_.lost_ - before;
    }

    FakeStream stream_;
    std::vector<SwitchControl> controls_ = std::vector<SwitchControl>(kCpus);
    std::vector<std::byte> records_ =
        std::vector<std::byte>(kCpus * kCapacity * sizeof(SwitchRecord));
    SwitchRings rings_{controls_.data(), records_.data(), kCpus, kCapacity};
};

TEST_F(SwitchRing, HandsOutTheRecordsOfAllProcessorsInTheOrderOfTime) {
    for (const int64_t time : {10, 40, 50}) put(0, time);
    for (const int64_t time : {20, 30, 60}) put(2, time);
    EXPECT_EQ(rings_.next_time(), SwitchRings::kNever);  // not read yet
    rings_.read();
    EXPECT_EQ(rings_.next_time(), 10);
    EXPECT_EQ(rings_.count(), 6u);
    EXPECT_EQ(take(40), (Seen{{0, 10}, {2, 20}, {2, 30}, {0, 40}}));
    EXPECT_EQ(rings_.next_time(), 50);
    EXPECT_EQ(take(), (Seen{{0, 50}, {2, 60}}));
    EXPECT_EQ(rings_.next_time(), SwitchRings::kNever);
    EXPECT_EQ(rings_.count(), 0u);
    EXPECT_TRUE(take().empty());
}

TEST_F(SwitchRing, TellsAllThatARecordHas) {
    put(1, 77, 4000);
    rings_.read();
    rings_.for_each(77, [](const Switch& event) {
        EXPECT_EQ(event.time, 77);
        EXPECT_EQ(event.cpu, 1u);
        EXPECT_EQ(event.old_thread, 4000u);
        EXPECT_EQ(event.new_thread, 4001u);
        EXPECT_EQ(event.old_priority, 120u);
        EXPECT_EQ(event.new_priority, 98u);
        EXPECT_EQ(event.old_state, 1u);
        return true;
    });
}

TEST_F(SwitchRing, GoesAroundAndLosesNothingAsLongAsItIsRead) {
    int64_t time = 0;
    for (int round = 0; round < 100; ++round) {
        Seen expected;
        const int count = 1 + round % int(kCapacity);
        for (int i = 0; i < count; ++i) {
            put(0, ++time);
            expected.emplace_back(0, time);
        }
        rings_.read();
        EXPECT_EQ(take(), expected);
        rings_.read();
    }
    EXPECT_EQ(told_lost(), 0u);
}

TEST_F(SwitchRing, RecordsThatFindNoRoomAreCountedOnce) {
    for (int64_t time = 1; time <= 11; ++time) put(1, time);
    put(2, 5);
    rings_.read();
    EXPECT_EQ(told_lost(), 3u);
    EXPECT_EQ(told_lost(), 0u);
    EXPECT_EQ(take().size(), kCapacity + 1);
    put(1, 19);
    EXPECT_EQ(told_lost(), 1u);
    rings_.read();
    put(1, 20);  // there is room again
    rings_.read();
    EXPECT_EQ(take(), (Seen{{1, 20}}));
    EXPECT_EQ(told_lost(), 0u);
}

TEST_F(SwitchRing, WhatIsNotHandedOutKeepsItsRoom) {
    for (int64_t time = 1; time <= 8; ++time) put(0, time);
    rings_.read();
    take(3);
    rings_.read();
    for (int64_t time = 9; time <= 12; ++time) put(0, time);
    EXPECT_EQ(controls_[0].lost, 1u);
    rings_.read();
    Seen expected;
    for (int64_t time = 4; time <= 11; ++time) expected.emplace_back(0, time);
    EXPECT_EQ(take(), expected);
}

TEST(LongSwitchRing, GivesRoomBackOnTheWay) {
    constexpr uint64_t kLong = 16384;
    std::vector<SwitchControl> control(1);
    const std::vector<std::byte> records(kLong * sizeof(SwitchRecord));
    SwitchRings rings(control.data(), records.data(), 1, kLong);
    control[0].head = kLong;
    rings.read();
    uint64_t seen = 0;
    rings.for_each(0, [&](const Switch&) {
        EXPECT_LE(seen - control[0].tail, 4096u);
        ++seen;
        return true;
    });
    EXPECT_EQ(seen, kLong);
}

TEST_F(SwitchRing, AHandlerThatStopsGetsTheRecordAgain) {
    for (int64_t time = 1; time <= 4; ++time) put(uint32_t(time % 2), time);
    rings_.read();
    Seen seen;
    const auto stopped = rings_.for_each(4, [&](const Switch& event) {
        if (seen.size() == 2) return false;
        seen.emplace_back(event.cpu, event.time);
        return true;
    });
    EXPECT_EQ(stopped, 3);
    EXPECT_EQ(rings_.next_time(), 3);
    EXPECT_EQ(take(), (Seen{{1, 3}, {0, 4}}));
}

TEST_F(SwitchRing, WhatIsBeforeTheBeginningIsNoneOfTheTraces) {
    for (int64_t time = 1; time <= 10; ++time) put(0, time);
    rings_.begin_at(6);
    rings_.read();
    EXPECT_EQ(rings_.next_time(), 6);
    EXPECT_EQ(take(), (Seen{{0, 6}, {0, 7}, {0, 8}}));
    EXPECT_EQ(told_lost(), 0u);
    put(1, 3);
    rings_.read();
    EXPECT_TRUE(take().empty());
    EXPECT_EQ(controls_[1].tail, 1u);
}

// Killed at any step of the way of a record, the successor begins with the first that is not in the
// stream.
TEST_F(SwitchRing, ASuccessorGoesOnWhereAKilledReaderStopped) {
    enum Step { kBefore, kTaking, kWritten, kDone };
    for (const Step step : {kBefore, kTaking, kWritten, kDone}) {
        stream_ = {};
        std::fill(controls_.begin(), controls_.end(), SwitchControl{});
        SwitchRings killed(controls_.data(), records_.data(), kCpus, kCapacity);
        for (int64_t time = 1; time <= 6; ++time) put(uint32_t(time % 2), time);
        killed.read();
        killed.for_each(SwitchRings::kNever, [&](const Switch& event) {
            if (event.time == 4 && step == kBefore) return false;
            killed.taking(event.cpu, stream_);
            if (event.time == 4 && step == kTaking) return false;
            stream_.append(event.cpu, {}, 0, event.time);
            if (event.time == 4 && step == kWritten) return false;
            return event.time != 4 || step != kDone;
        });
        if (step == kDone) ++controls_[0].reader.taken;  // R4, which for_each() does next
        put(2, 7);                                       // meanwhile
        // It is killed in turn before it takes anything of the second processor, whose stream has
        // moved on by other records.
        for (int successor = 0; successor < 2; ++successor) {
            SwitchRings next(controls_.data(), records_.data(), kCpus, kCapacity);
            next.go_on(stream_);
            for (uint64_t& written : stream_.written_) ++written;
            if (successor == 0) continue;
            next.read();
            next.for_each(SwitchRings::kNever, [&](const Switch& event) {
                next.taking(event.cpu, stream_);
                stream_.append(event.cpu, {}, 0, event.time);
                return true;
            });
        }
        EXPECT_EQ(stream_.records_, (Seen{{1, 1}, {0, 2}, {1, 3}, {0, 4}, {1, 5}, {0, 6}, {2, 7}}))
            << step;
    }
}

TEST_F(SwitchRing, ASuccessorTellsWhatWasLostOnce) {
    for (int64_t time = 1; time <= 11; ++time) put(1, time);
    // Killed before it was added, and behind.
    for (const uint64_t added : {0u, 3u}) {
        stream_.lost_ = 100 + added;
        controls_[1].reader.told = 0;
        controls_[1].reader.lost_mark = 100;
        controls_[1].reader.telling = 3;
        SwitchRings next(controls_.data(), records_.data(), kCpus, kCapacity);
        next.go_on(stream_);
        next.tell_lost(stream_);
        EXPECT_EQ(stream_.lost_, 103u);
        next.tell_lost(stream_);
        EXPECT_EQ(stream_.lost_, 103u);
    }
}

TEST_F(SwitchRing, ASuccessorKnowsWhereTheTraceBegan) {
    for (int64_t time = 1; time <= 9; ++time) put(0, time);
    rings_.begin_at(6);
    SwitchRings next(controls_.data(), records_.data(), kCpus, kCapacity);
    next.go_on(stream_);
    next.read();
    EXPECT_EQ(next.next_time(), 6);
    next.tell_lost(stream_);
    EXPECT_EQ(stream_.lost_, 0u);
}

TEST_F(SwitchRing, WhatFollowsTheEndIsNoneOfTheTraces) {
    for (int64_t time = 1; time <= 9; ++time) put(0, time);
    rings_.end(stream_);
    EXPECT_EQ(stream_.lost_, 1u);
    EXPECT_EQ(rings_.count(), kCapacity);
    put(0, 10);
    put(1, 10);
    rings_.read();
    rings_.tell_lost(stream_);
    EXPECT_EQ(stream_.lost_, 1u);
    EXPECT_EQ(take().size(), kCapacity);
}

// On each processor one ring ends where the other begins.
TEST_F(SwitchRing, HandsOverAtAnInstantOfEachProcessor) {
    const std::vector<int64_t> instants{5, 3, 9};
    for (int64_t time = 1; time <= 7; ++time) {
        put(0, time);
        put(1, time);
    }
    rings_.read();
    rings_.hold_back_from(instants);
    EXPECT_EQ(take(100), (Seen{{0, 1}, {1, 1}, {1, 2}, {0, 2}, {0, 3}, {0, 4}}));
    EXPECT_EQ(rings_.next_time(), SwitchRings::kNever);
    put(0, 8);
    rings_.read();
    EXPECT_TRUE(take().empty());

    std::vector<SwitchControl> controls = controls_;
    for (SwitchControl& control : controls) control.reader = {};
    SwitchRings next(controls.data(), records_.data(), kCpus, kCapacity);
    next.begin_at(instants);
    next.read();
    EXPECT_EQ(next.count(), 9u);
    next.for_each(100, [&](const Switch& event) {
        EXPECT_GE(event.time, instants[event.cpu]);
        return true;
    });

    rings_.hold_back_from({});  // nothing came of it
    EXPECT_EQ(take(),
              (Seen{{1, 3}, {1, 4}, {1, 5}, {0, 5}, {0, 6}, {1, 6}, {1, 7}, {0, 7}, {0, 8}}));
}

// A ring and the stream that its reader writes, as both survive a kill of the reader.
struct SharedRing {
    static constexpr uint64_t kRecords = 16384;
    SwitchControl control;
    SwitchRecord records[kRecords];
    uint64_t put;      // by the program, with those that were lost
    uint64_t written;  // to the stream
    uint64_t lost;     // as the stream knows
    uint64_t wrong;    // records that are not the next one
    uint32_t ending;
};

template <class T>
T load(T& word) {
    return std::atomic_ref(word).load(std::memory_order_acquire);
}
template <class T>
void store(T& word, T value) {
    std::atomic_ref(word).store(value, std::memory_order_release);
}

class SharedStream final : public LastingSink {
public:
    explicit SharedStream(SharedRing& shared) : shared_(shared) {}
    bool has_room(uint32_t) override { return true; }
    void append(uint32_t, Bytes, uint32_t, int64_t time) override {
        if (time != int64_t(shared_.written)) store(shared_.wrong, shared_.wrong + 1);
        store(shared_.written, shared_.written + 1);
    }
    std::optional<int64_t> waiting_since() override { return std::nullopt; }
    void add_lost(uint64_t count) override { store(shared_.lost, shared_.lost + count); }
    uint64_t written(uint32_t) const override { return shared_.written; }
    uint64_t lost() const override { return shared_.lost; }

private:
    SharedRing& shared_;
};

// As the program does: it goes on whoever reads.
void write_until_the_end(SharedRing& shared) {
    SwitchControl& control = shared.control;
    while (load(shared.ending) == 0) {
        const uint64_t head = control.head;
        if (head - load(control.tail) >= SharedRing::kRecords) {
            store(control.lost, control.lost + 1);
            ::sched_yield();
        } else {
            shared.records[head % SharedRing::kRecords] = {int64_t(head), 1, 2, 120, 120, 0, 0, {}};
            store(control.head, head + 1);
        }
        ++shared.put;
    }
}

void read_as_a_successor(SharedRing& shared, bool once) {
    SharedStream stream(shared);
    SwitchRings rings(&shared.control, reinterpret_cast<const std::byte*>(shared.records), 1,
                      SharedRing::kRecords);
    rings.go_on(stream);
    do {
        rings.read();
        rings.for_each(SwitchRings::kNever, [&](const Switch& event) {
            rings.taking(0, stream);
            stream.append(0, {}, 0, event.time);
            return true;
        });
        rings.tell_lost(stream);
    } while (!once);
}

template <class F>
pid_t fork_to(F work) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    work();
    ::_exit(0);
}

TEST(KilledSwitchReader, LeavesEachRecordAndEachLossToldOnce) {
    constexpr uint64_t kKills = 50;
    void* memory = ::mmap(nullptr, sizeof(SharedRing), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    auto& shared = *static_cast<SharedRing*>(memory);
    const pid_t writer = fork_to([&] { write_until_the_end(shared); });
    for (uint64_t i = 0; i < kKills; ++i) {
        const uint64_t enough = load(shared.written) + 2000 + i * 37;
        const pid_t reader = fork_to([&] { read_as_a_successor(shared, false); });
        while (load(shared.written) < enough) ::sched_yield();
        ::kill(reader, SIGKILL);
        ::waitpid(reader, nullptr, 0);
    }
    store(shared.ending, 1u);
    ::waitpid(writer, nullptr, 0);
    read_as_a_successor(shared, true);
    EXPECT_EQ(shared.written + shared.lost, shared.put);
    EXPECT_EQ(shared.wrong, 0u);
    ::munmap(memory, sizeof(SharedRing));
}

TEST_F(SwitchRing, DoesNotBelieveAHeadThatNoRingHas) {
    put(0, 1);
    controls_[1].head = kCapacity + 1;
    controls_[2].head = ~uint64_t{0};
    rings_.read();
    EXPECT_EQ(take(), (Seen{{0, 1}}));
    controls_[0].head = 0;  // it falls
    rings_.read();
    EXPECT_TRUE(take().empty());
}

TEST(ReportedState, IsTheHighestBitThatTheKernelReports) {
    struct Case {
        uint16_t state;
        uint64_t reported;
    };
    for (const Case& c : {Case{0, 0}, Case{1, 1}, Case{2, 2}, Case{0x102, 2},  // TASK_KILLABLE
                          Case{4, 4}, Case{0x108, 8}, Case{0x90, 0x10},        // dead, reaped
                          Case{0xA0, 0x20},                                    // dead, a zombie
                          Case{0x40, 0x40}, Case{0x402, 0x80},                 // idle
                          Case{0x1000, 2}, Case{0x8000, 2}, Case{0x2001, 1}}) {
        const SwitchRecord record{0, 0, 0, 0, 0, c.state, 0, {}};
        EXPECT_EQ(reported_state(record), c.reported) << c.state;
    }
    EXPECT_EQ(reported_state({0, 0, 0, 0, 0, 1, 1, {}}), 0x100u);
}

}  // namespace
}  // namespace etw::kernel
