// Processes, threads, switches and wake-ups.
#include "converters.h"

#include <gtest/gtest.h>

namespace etw::kernel {
namespace {

class TaskConverter : public Converters {};

TEST_F(TaskConverter, AProcessEndsWithTheStatusThatWasFound) {
    bind();
    fork(100, 101);
    tasks_events_.found_exit(101, 137);
    exit(101, true);
    const auto ends = sink_.of(0x0302);
    ASSERT_EQ(ends.size(), 1u);
    EXPECT_EQ(ends[0].at<int32_t>(kSystemPayload + 20), 137);
}

TEST_F(TaskConverter, AForkIsAProcessAndAThreadOfTheParentsProgram) {
    bind();
    Process shell = process(100, "bash");
    shell.uid = 1000;
    shell.command_line = "bash -i";
    tasks_.add(std::move(shell));
    fork(100, 200);
    const auto start = sink_.of(0x0301);
    ASSERT_EQ(start.size(), 1u);
    EXPECT_EQ(start[0].header_type(), kSystem64);
    EXPECT_EQ(start[0].version(), 4);
    EXPECT_EQ(start[0].at<uint32_t>(8), 100u);  // who did it
    EXPECT_EQ(start[0].at<uint32_t>(kSystemPayload + 8), 200u);
    EXPECT_EQ(start[0].at<uint32_t>(kSystemPayload + 12), 100u);
    EXPECT_TRUE(start[0].contains(std::string("bash")));
    EXPECT_TRUE(start[0].contains(u"bash -i"));
    // S-1-22-1-1000, behind 16 bytes of TOKEN_USER.
    EXPECT_EQ(start[0].at<uint8_t>(kSystemPayload + 36 + 16 + 7), 22);
    EXPECT_EQ(start[0].at<uint32_t>(kSystemPayload + 36 + 16 + 12), 1000u);
    ASSERT_EQ(sink_.of(0x0501).size(), 1u);
    EXPECT_EQ(sink_.of(0x0501)[0].at<uint32_t>(kSystemPayload + 4), 200u);
}

TEST_F(TaskConverter, AThreadBelongsToItsCreatorsProcess) {
    bind();
    tasks_.add(process(100, "server"));
    fork(100, 101, 0x00010000);
    EXPECT_TRUE(sink_.of(0x0301).empty());
    ASSERT_EQ(sink_.of(0x0501).size(), 1u);
    EXPECT_EQ(sink_.of(0x0501)[0].at<uint32_t>(kSystemPayload), 100u);
    EXPECT_EQ(tasks_.process_of(101), 100u);
}

TEST_F(TaskConverter, AStartTellsTheProgramThatFollows) {
    bind();
    tasks_.add(process(100, "bash"));
    execs_.expect(200, 20, "/usr/bin/make");
    Process look = process(200, "");
    look.uid = 5;
    look.command_line = "make -j2";
    execs_.found(std::move(look));
    fork(100, 200);
    exec(200, "/usr/bin/make", 200);
    const auto start = sink_.of(0x0301);
    ASSERT_EQ(start.size(), 1u);
    EXPECT_TRUE(start[0].contains(std::string("make")));
    EXPECT_TRUE(start[0].contains(u"make -j2"));
    EXPECT_TRUE(sink_.of(0x0303).empty());
    exit(200, true);
    ASSERT_EQ(sink_.of(0x0302).size(), 1u);
    EXPECT_TRUE(sink_.of(0x0302)[0].contains(u"make -j2"));
    EXPECT_EQ(tasks_.find(200), nullptr);
}

TEST_F(TaskConverter, AStartTellsTheFirstOfTwoPrograms) {
    bind();
    tasks_.add(process(100, "bash"));
    // From the page of one processor, and then from that of another.
    execs_.expect(200, 30, "/usr/bin/echo");
    execs_.expect(200, 20, "/usr/bin/env");
    fork(100, 200);
    ASSERT_EQ(sink_.of(0x0301).size(), 1u);
    EXPECT_TRUE(sink_.of(0x0301)[0].contains(std::string("env")));
    exec(200, "/usr/bin/env", 200, 20);
    ASSERT_NE(execs_.next_file(200), nullptr);
    EXPECT_EQ(*execs_.next_file(200), "/usr/bin/echo");
}

TEST_F(TaskConverter, AProcessThatTurnsToAnotherProgramIsToldOnceMore) {
    bind();
    tasks_.add(process(100, "bash"));
    exec(100, "/bin/env", 100);
    ASSERT_EQ(sink_.of(0x0303).size(), 1u);
    EXPECT_EQ(sink_.of(0x0303)[0].header_type(), kPerfInfo64);
    EXPECT_TRUE(sink_.of(0x0303)[0].contains(std::string("env")));
    // Not looked at in time: the file's name stands for the arguments.
    EXPECT_TRUE(sink_.of(0x0303)[0].contains(u"/bin/env"));
}

TEST_F(TaskConverter, AThreadThatExecsBecomesTheFirst) {
    bind();
    tasks_.add(process(100, "java"));
    tasks_.add_thread({105, 100, "worker"});
    exec(100, "/bin/sh", 105);
    ASSERT_EQ(sink_.of(0x0502).size(), 1u);
    EXPECT_EQ(sink_.of(0x0502)[0].at<uint32_t>(kSystemPayload + 4), 105u);
    EXPECT_EQ(tasks_.find_thread(105), nullptr);
    // The one that was the first has ended before, with its number.
    ASSERT_EQ(sink_.of(0x0501).size(), 1u);
    EXPECT_EQ(sink_.of(0x0501)[0].at<uint32_t>(kSystemPayload + 4), 100u);
    EXPECT_TRUE(sink_.of(0x0501)[0].contains(u"sh"));
    ASSERT_NE(tasks_.find_thread(100), nullptr);
}

TEST_F(TaskConverter, AProcessEndsWithItsLastThread) {
    bind();
    tasks_.add(process(100, "server"));
    tasks_.add_thread({101, 100, "worker"});
    exit(100, false);
    EXPECT_TRUE(sink_.of(0x0302).empty());
    exit(101, true);
    ASSERT_EQ(sink_.of(0x0302).size(), 1u);
    EXPECT_EQ(sink_.of(0x0302)[0].at<uint32_t>(kSystemPayload + 8), 100u);
    EXPECT_EQ(sink_.of(0x0502).size(), 2u);
}

TEST_F(TaskConverter, OnlyWhatTheFlagsNameIsRecordedAndAllIsFollowed) {
    bind(kKernelContextSwitch);
    tasks_.add(process(100, "bash"));
    fork(100, 200);
    exit(200, true);
    EXPECT_TRUE(sink_.sent.empty());
    fork(100, 201, 0x00010000);
    EXPECT_EQ(tasks_.process_of(201), 100u);
}

TEST_F(TaskConverter, AContextSwitchHas40Bytes) {
    bind();
    feed(5, 5000, 7, {at(8, 7u), at(12, 120u), at(16, uint64_t{1}), at(24, 8u), at(28, 98u)}, 3);
    feed(5, 9000, 8, {at(8, 8u), at(12, 98u), at(16, uint64_t{0x100}), at(24, 7u), at(28, 120u)},
         3);
    const auto all = sink_.of(0x0524);
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].record.size(), 40u);
    EXPECT_EQ(all[0].header_type(), kPerfInfo64);
    EXPECT_EQ(all[0].cpu, 3u);
    EXPECT_EQ(all[0].time, 5000);
    EXPECT_EQ(all[0].at<uint32_t>(kPerfInfoPayload), 8u);       // new
    EXPECT_EQ(all[0].at<uint32_t>(kPerfInfoPayload + 4), 7u);   // old
    EXPECT_EQ(all[0].at<int8_t>(kPerfInfoPayload + 8), 17);     // real time, low
    EXPECT_EQ(all[0].at<int8_t>(kPerfInfoPayload + 9), 8);      // normal
    EXPECT_EQ(all[0].at<int8_t>(kPerfInfoPayload + 12), 6);     // waits for what it asked for
    EXPECT_EQ(all[0].at<int8_t>(kPerfInfoPayload + 14), 5);     // waiting
    EXPECT_EQ(all[1].at<int8_t>(kPerfInfoPayload + 12), 32);    // preempted
    EXPECT_EQ(all[1].at<int8_t>(kPerfInfoPayload + 14), 1);     // ready
    EXPECT_EQ(all[1].at<uint32_t>(kPerfInfoPayload + 16), 4u);  // milliseconds it waited
}

TEST_F(TaskConverter, ASwitchThatIsToldApartIsNotToldByTheTracepointToo) {
    bind();
    tasks_events_.set_switches_apart(true);
    feed(5, 5000, 7, {at(8, 7u), at(12, 120u), at(16, uint64_t{1}), at(24, 8u), at(28, 98u)}, 3);
    EXPECT_TRUE(sink_.of(0x0524).empty());
    tasks_events_.on_switch({5000, 3, 7, 8, 120, 98, 1});
    const auto apart = sink_.of(0x0524);
    tasks_events_.set_switches_apart(false);
    feed(5, 5000, 7, {at(8, 7u), at(12, 120u), at(16, uint64_t{1}), at(24, 8u), at(28, 98u)}, 3);
    const auto all = sink_.of(0x0524);
    ASSERT_EQ(apart.size(), 1u);
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[1].record, apart[0].record);
    EXPECT_EQ(all[1].cpu, apart[0].cpu);
}

TEST_F(TaskConverter, AWakeUpIsAReadyThread) {
    bind();
    feed(6, 1, 7, {at(2, uint8_t{0x10}), at(8, 9u)});
    const auto all = sink_.of(0x0532);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].record.size(), kPerfInfoPayload + 8);
    EXPECT_EQ(all[0].at<uint32_t>(kPerfInfoPayload), 9u);
    EXPECT_EQ(all[0].at<uint8_t>(kPerfInfoPayload + 6), 1);  // from a soft interrupt
}

TEST_F(TaskConverter, RundownsTellOfAllThatRuns) {
    bind();
    tasks_.add(process(100, "bash"));
    tasks_.add_thread({101, 100, "worker"});
    tasks_events_.rundown(kKernelProcess | kKernelThread, false, 7);
    EXPECT_EQ(sink_.of(0x0303).size(), 1u);
    EXPECT_EQ(sink_.of(0x0503).size(), 2u);
    tasks_events_.rundown(kKernelProcess, true, 8);
    EXPECT_EQ(sink_.of(0x0304).size(), 1u);
    EXPECT_TRUE(sink_.of(0x0504).empty());
}

TEST_F(TaskConverter, NoRecordIsLongerThanTheSmallestBuffer) {
    bind();
    Process large = process(100, std::string(5000, 'x'));
    large.command_line = std::string(9000, 'y');
    tasks_.add(std::move(large));
    tasks_events_.rundown(kKernelProcess, false, 7);
    ASSERT_EQ(sink_.of(0x0303).size(), 1u);
    EXPECT_LE(sink_.of(0x0303)[0].record.size(), 4096u - 72);
}

TEST_F(TaskConverter, ACommandLineHasTheRoomThatABufferHas) {
    bind();
    Process large = process(100, "ld");
    large.command_line = std::string(20000, 'y');
    tasks_.add(std::move(large));
    context_.longest_record = 16000;
    tasks_events_.rundown(kKernelProcess, false, 7);
    ASSERT_EQ(sink_.of(0x0303).size(), 1u);
    EXPECT_TRUE(sink_.of(0x0303)[0].contains(std::u16string(7900, u'y')));
    EXPECT_LE(sink_.of(0x0303)[0].record.size(), 16000u);
}

}  // namespace
}  // namespace etw::kernel
