#include "kernel/events/tasks.h"

#include <gtest/gtest.h>

#include <chrono>

namespace etw::kernel {
namespace {

Process process(uint32_t pid) {
    Process out;
    out.pid = pid;
    out.image = "program";
    return out;
}

TEST(Tasks, ProcessBeginsWithAThreadAndTakesAllWithIt) {
    Tasks tasks;
    tasks.add(process(10));
    tasks.add_thread({11, 10, "worker"});
    tasks.add(process(20));
    EXPECT_EQ(tasks.process_of(10), 10u);
    EXPECT_EQ(tasks.process_of(11), 10u);
    tasks.remove(10);
    EXPECT_EQ(tasks.find(10), nullptr);
    EXPECT_EQ(tasks.find_thread(10), nullptr);
    EXPECT_EQ(tasks.find_thread(11), nullptr);
    EXPECT_FALSE(tasks.has_threads(10));
    ASSERT_EQ(tasks.threads().size(), 1u);
    EXPECT_TRUE(tasks.has_threads(20));
}

TEST(Tasks, ThreadIsOfTheProcessThatHadItLast) {
    Tasks tasks;
    tasks.add(process(10));
    tasks.add_thread({11, 10, ""});
    tasks.add(process(20));
    tasks.add_thread({11, 20, ""});  // the id is used again, and the end was not seen
    tasks.remove(10);
    EXPECT_EQ(tasks.process_of(11), 20u);
    tasks.remove_thread(20);
    EXPECT_TRUE(tasks.has_threads(20));
    tasks.remove_thread(11);
    EXPECT_FALSE(tasks.has_threads(20));
    tasks.remove_thread(11);
    EXPECT_TRUE(tasks.threads().empty());
}

TEST(Tasks, WhoHasEndedOnAProcessorIsKnownUntilTheNext) {
    Tasks tasks;
    EXPECT_EQ(tasks.last_ended(1), nullptr);
    tasks.set_ended(1, {11, 10, ""});
    tasks.set_ended(0, {12, 10, ""});
    ASSERT_NE(tasks.last_ended(1), nullptr);
    EXPECT_EQ(tasks.last_ended(1)->id, 11u);
    tasks.set_ended(1, {21, 20, ""});
    EXPECT_EQ(tasks.last_ended(1)->process, 20u);
}

TEST(Tasks, ProcessThatIsAddedAgainKeepsItsThreads) {
    Tasks tasks;
    tasks.add(process(10));
    tasks.add_thread({10, 10, "renamed"});
    tasks.add_thread({11, 10, ""});
    tasks.add(process(10));
    EXPECT_EQ(tasks.find_thread(10)->name, "renamed");
    tasks.remove(10);
    EXPECT_TRUE(tasks.threads().empty());
}

// What ends costs no more where much else runs.
TEST(Tasks, RemovesManyAmongMany) {
    constexpr uint32_t kProcesses = 100'000;
    Tasks tasks;
    for (uint32_t pid = 1; pid <= kProcesses; ++pid) tasks.add(process(pid));
    const auto begin = std::chrono::steady_clock::now();
    for (uint32_t pid = 1; pid <= kProcesses; ++pid) {
        EXPECT_TRUE(tasks.has_threads(pid));
        tasks.remove(pid);
    }
    EXPECT_TRUE(tasks.threads().empty());
    // Looking at each of the others takes minutes.
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

}  // namespace
}  // namespace etw::kernel
