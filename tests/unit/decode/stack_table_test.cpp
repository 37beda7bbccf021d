// Stack records and the events that they belong to.
#include "decode/stack_table.h"

#include "event_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace etw::decode {
namespace {

using test::ByteVector;

class StackTableTest : public testing::Test {
protected:
    void add(uint16_t hook, const ByteWriter& payload, bool is_64_bit = true) {
        const ByteVector bytes(payload.bytes().begin(), payload.bytes().end());
        const etl::Record record = test::kernel_record(hook, 2, bytes, is_64_bit);
        ASSERT_TRUE(is_stack_record(record));
        table_.add(record);
    }
    void stack(int64_t time, uint32_t thread, std::vector<uint64_t> frames) {
        ByteWriter out = reference(time, thread);
        for (const uint64_t frame : frames) out.write(frame);
        add(0x1820, out);
    }
    // That of a record of its own time, which it stands right behind.
    void stack_behind(uint16_t hook, int64_t time, uint32_t thread, std::vector<uint64_t> frames,
                      uint16_t cpu = 0) {
        etl::Record owner = test::kernel_record(hook, 2, {});
        owner.time_stamp = time;
        owner.cpu = cpu;
        table_.pass(owner);
        ByteWriter out = reference(time, thread);
        for (const uint64_t frame : frames) out.write(frame);
        const ByteVector payload = out.take();
        etl::Record record = test::kernel_record(0x1820, 2, payload);
        record.time_stamp = time;
        record.cpu = cpu;
        table_.add(record);
    }
    void key(uint16_t hook, int64_t time, uint32_t thread, uint64_t key) {
        ByteWriter out = reference(time, thread);
        out.write(key);
        add(hook, out);
    }
    void define(uint16_t hook, uint64_t key, std::vector<uint64_t> frames) {
        ByteWriter out;
        out.write(key);
        for (const uint64_t frame : frames) out.write(frame);
        add(hook, out);
    }
    std::vector<uint64_t> find(int64_t time, uint32_t thread, const ByteVector& payload = {},
                               uint16_t hook = 0, uint16_t cpu = 0) {
        etl::Record record = test::event_record({}, payload);
        record.hook_id = hook;
        record.time_stamp = time;
        record.thread_id = thread;
        record.cpu = cpu;
        const Stack stack = table_.find(record, hint_);
        std::vector<uint64_t> out(stack.addresses.size() / 8);
        if (!out.empty()) std::memcpy(out.data(), stack.addresses.data(), out.size() * 8);
        return out;
    }
    static ByteWriter reference(int64_t time, uint32_t thread) {
        ByteWriter out;
        out.write(time);
        out.write(uint32_t{4});
        out.write(thread);
        return out;
    }

    StackTable table_;
    size_t hint_ = 0;
};

constexpr uint32_t kNoThread = 0xFFFFFFFF;

// A log can give all its events one time.
TEST_F(StackTableTest, FindsOneOfManyStacksOfATime) {
    constexpr uint32_t kMany = 50'000;
    for (uint32_t thread = 0; thread < kMany; ++thread) stack(100, thread, {0xA});
    table_.finish();
    for (uint32_t thread = 0; thread < kMany; ++thread) ASSERT_EQ(find(100, thread).size(), 1u);
    EXPECT_TRUE(find(100, kMany).empty());
    for (uint32_t i = 0; i < kMany; ++i) ASSERT_TRUE(find(100, kNoThread).empty());
}

TEST_F(StackTableTest, FindsAStackByTimeAndThread) {
    stack(100, 1, {0xA, 0xB});
    stack(100, 2, {0xC});
    stack(50, 1, {0xD});
    table_.finish();
    EXPECT_THAT(find(100, 1), testing::ElementsAre(0xA, 0xB));
    EXPECT_THAT(find(100, 2), testing::ElementsAre(0xC));
    EXPECT_THAT(find(50, 1), testing::ElementsAre(0xD));  // back in time, too
    EXPECT_TRUE(find(100, 3).empty());
    EXPECT_TRUE(find(99, 1).empty());
}

TEST_F(StackTableTest, TellsApartEventsOfAThreadAtOneTime) {
    stack_behind(0x0441, 100, 1, {0xA, 0xB});
    stack_behind(0x0442, 100, 1, {0xA, 0xB});  // the same call's
    stack_behind(0x030A, 100, 2, {0xC});
    stack_behind(0x030A, 100, 2, {0xC});
    stack_behind(0x030B, 200, 3, {0xD});
    table_.finish();
    EXPECT_THAT(find(100, 1, {}, 0x0441), testing::ElementsAre(0xA, 0xB));
    EXPECT_THAT(find(100, 1, {}, 0x0442), testing::ElementsAre(0xA, 0xB));
    EXPECT_THAT(find(100, 2, {}, 0x030A), testing::ElementsAre(0xC));
    EXPECT_TRUE(find(100, 1, {}, 0x0400).empty());  // beside them, without one
    EXPECT_TRUE(find(100, 1).empty());
    EXPECT_THAT(find(200, kNoThread, {}, 0x030B), testing::ElementsAre(0xD));
    EXPECT_TRUE(find(200, kNoThread, {}, 0x044C).empty());
}

// Whose header and payload name no thread, as system calls.
TEST_F(StackTableTest, TellsApartEventsOfProcessorsAtOneTime) {
    stack_behind(0x0F33, 100, 1, {0xA}, 0);
    stack_behind(0x0F33, 100, 2, {0xB}, 1);
    stack_behind(0x0F33, 200, 1, {0xC}, 0);
    table_.finish();
    EXPECT_THAT(find(100, kNoThread, {}, 0x0F33, 0), testing::ElementsAre(0xA));
    EXPECT_THAT(find(100, kNoThread, {}, 0x0F33, 1), testing::ElementsAre(0xB));
    EXPECT_TRUE(find(200, kNoThread, {}, 0x0F33, 1).empty());
}

TEST_F(StackTableTest, AddsPartsThatComeLater) {
    stack_behind(0x0532, 100, 1, {0xA});
    stack_behind(0x0533, 100, 1, {0xB});
    stack(100, 1, {0x1, 0x2});  // anywhere: of any of them
    table_.finish();
    EXPECT_THAT(find(100, 1, {}, 0x0532), testing::ElementsAre(0xA, 0x1, 0x2));
    EXPECT_THAT(find(100, 1, {}, 0x0533), testing::ElementsAre(0xB, 0x1, 0x2));
    EXPECT_THAT(find(100, 1, {}, 0x0534), testing::ElementsAre(0x1, 0x2));
}

TEST_F(StackTableTest, TakesTheStacksOfATimeAsOneWhereManyEventsHaveThem) {
    for (uint16_t hook = 0x0501; hook < 0x0541; ++hook) stack_behind(hook, 100, 1, {0xA});
    table_.finish();
    EXPECT_THAT(find(100, 1, {}, 0x0501), testing::ElementsAre(0xA));
    EXPECT_THAT(find(100, 1, {}, 0x0540), testing::ElementsAre(0xA));
}

TEST_F(StackTableTest, ResolvesKeysThatAreDefinedLater) {
    key(0x1826, 100, 1, 0x77);
    key(0x1825, 100, 1, 0x88);
    key(0x1826, 200, 1, 0x77);
    define(0x1823, 0x77, {0x1, 0x2});
    define(0x1824, 0x88, {0xFF});
    table_.finish();
    EXPECT_THAT(find(100, 1), testing::ElementsAre(0xFF, 0x1, 0x2));  // the kernel's part first
    EXPECT_THAT(find(200, 1), testing::ElementsAre(0x1, 0x2));
}

TEST_F(StackTableTest, KnowsThatADeletedKeyIsUsedAgain) {
    key(0x1826, 100, 1, 0x77);
    define(0x1823, 0x77, {0x1});
    key(0x1826, 200, 1, 0x77);
    define(0x1823, 0x77, {0x2});
    key(0x1826, 300, 1, 0x99);  // never defined
    table_.finish();
    EXPECT_THAT(find(100, 1), testing::ElementsAre(0x1));
    EXPECT_THAT(find(200, 1), testing::ElementsAre(0x2));
    EXPECT_TRUE(find(300, 1).empty());
}

TEST_F(StackTableTest, FindsTheThreadOfEventsThatNameItInTheirPayload) {
    stack(100, 7, {0xA});
    stack(200, 7, {0xB});
    stack(200, 8, {0xC});
    table_.finish();
    ByteWriter sample;
    sample.write(uint64_t{0xABCD});
    sample.write(uint32_t{8});
    EXPECT_THAT(find(100, kNoThread), testing::ElementsAre(0xA));  // the only one of its time
    EXPECT_THAT(find(200, kNoThread, sample.take()), testing::ElementsAre(0xC));
    EXPECT_TRUE(find(200, kNoThread).empty());
}

TEST_F(StackTableTest, KeepsTheAddressesOf32BitSystemsSmall) {
    ByteWriter out = reference(100, 1);
    out.write(uint32_t{0x11});
    out.write(uint32_t{0x22});
    add(0x1820, out, false);
    table_.finish();
    etl::Record record = test::event_record({}, {});
    record.time_stamp = 100;
    record.thread_id = 1;
    const Stack stack = table_.find(record, hint_);
    EXPECT_EQ(stack.address_size, 4);
    EXPECT_EQ(stack.addresses.size(), 8u);
}

TEST_F(StackTableTest, TakesASecondLog) {
    stack(100, 1, {0xA});
    stack_behind(0x0441, 200, 1, {0xC});
    stack(200, 1, {0xD});
    table_.finish();
    stack(50, 1, {0xB});
    table_.finish();
    EXPECT_THAT(find(200, 1, {}, 0x0441), testing::ElementsAre(0xC, 0xD));
    EXPECT_THAT(find(50, 1), testing::ElementsAre(0xB));
    EXPECT_THAT(find(100, 1), testing::ElementsAre(0xA));
}

TEST_F(StackTableTest, TakesNoMoreMemoryThanItMay) {
    ByteWriter out = reference(0, 1);
    for (int frame = 0; frame < 1000; ++frame) out.write(uint64_t{1});
    ByteVector payload = out.take();
    constexpr int64_t kStacks = 10'000;  // 80 MB of different ones
    for (int64_t i = 0; i < kStacks; ++i) {
        std::memcpy(payload.data(), &i, sizeof(i));
        std::memcpy(payload.data() + 16, &i, sizeof(i));
        table_.add(test::kernel_record(0x1820, 2, payload));
    }
    table_.finish();
    EXPECT_GT(table_.dropped(), 0u);
    EXPECT_FALSE(find(10, 1).empty());
    EXPECT_TRUE(find(kStacks - 1, 1).empty());
}

}  // namespace
}  // namespace etw::decode
