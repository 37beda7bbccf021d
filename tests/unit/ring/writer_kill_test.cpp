// Writers that die at any instruction, and processes of the same user that scribble over the
// control words, while a reader checks every byte.
#include "rings.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <random>

namespace etw::ring {
namespace {

constexpr wire::RingGeometry kGeometry = {0, 8, 16384, 0};

RingSet make_set() {
    wire::RingGeometry geometry = kGeometry;
    geometry.cpus = cpu_count();
    return *RingSet::create(geometry);
}

// Writes until it is killed.
pid_t spawn_writer(const RingSet& set, uint32_t id) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    Attached writer(set);
    std::minstd_rand random(id);
    for (uint64_t sequence = 0;; ++sequence) {
        writer.write(make_record(id, sequence, uint32_t(32 + random() % 60 * 8)));
    }
}

void end(pid_t child) {
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "status " << status;
}

TEST(RingWriterKill, LeavesWholeRecordsInOrderOfTime) {
    RingSet set = make_set();
    CheckingReader reader(set);
    std::vector<pid_t> writers;
    uint32_t next_id = 1;
    for (int i = 0; i < 4; ++i) writers.push_back(spawn_writer(set, next_id++));
    std::minstd_rand random(7);
    for (int kills = 0; kills < 60; ++kills) {
        for (unsigned passes = 1 + unsigned(random() % 20); passes != 0; --passes) reader.pass();
        pid_t& victim = writers[random() % writers.size()];
        end(victim);
        victim = spawn_writer(set, next_id++);
    }
    for (const pid_t writer : writers) end(writer);
    while (reader.pass()) {
    }
    EXPECT_GT(reader.records, 1000u);
    EXPECT_EQ(reader.torn, 0u);
    EXPECT_EQ(reader.disorder, 0u);
    EXPECT_EQ(reader.damages, 0u);
}

TEST(RingWriterHostile, NeitherSideLeavesTheMappingUnderScribbledControlWords) {
    RingSet set = make_set();
    const pid_t writer = spawn_writer(set, 1);
    const pid_t scribbler = ::fork();
    if (scribbler == 0) {
        Attached hostile(set);
        std::mt19937_64 random(3);
        for (;;) {
            for (uint32_t cpu = 0; cpu < set.geometry().cpus; ++cpu) {
                wire::RingControl& control = hostile.control(set, cpu);
                const uint64_t value = random() >> (random() % 64);
                (random() % 2 != 0 ? control.head : control.tail) = value;
                auto* filled = reinterpret_cast<uint32_t*>(reinterpret_cast<std::byte*>(&control) +
                                                           wire::kRingFilledOffset);
                filled[random() % set.geometry().blocks] = uint32_t(random());
            }
        }
    }
    std::vector<wire::RingPosition> tails(set.geometry().cpus, 0);
    uint64_t sum = 0;
    for (int i = 0; i < 200'000; ++i) {
        const uint32_t cpu = uint32_t(i) % set.geometry().cpus;
        ring::Run run;
        bool damaged = false;
        if (!set.next(cpu, tails[cpu], run, &damaged)) continue;
        for (const std::byte byte : run.records) sum += uint64_t(byte);
        tails[cpu] = run.end;
        set.release(cpu, run.end);
    }
    EXPECT_NE(sum, 1u);  // the bytes were read
    int status = 0;
    EXPECT_EQ(::waitpid(writer, &status, WNOHANG), 0) << "the writer died";
    end(writer);
    end(scribbler);
}

volatile sig_atomic_t handler_writes = 0;
Attached* handler_ring = nullptr;
const std::vector<std::byte>* handler_record = nullptr;

TEST(RingWriterSignal, InterruptsAnotherWriteWithoutHarm) {
    RingSet set = make_set();
    Attached writer(set);
    const auto record = make_record(2, 1, 200);
    handler_ring = &writer;
    handler_record = &record;
    struct sigaction action {};
    action.sa_handler = [](int) {
        handler_writes =
            handler_writes + (handler_ring->write(*handler_record) == Outcome::kWritten);
    };
    ASSERT_EQ(::sigaction(SIGALRM, &action, nullptr), 0);
    const itimerval often = {{0, 200}, {0, 200}};
    ::setitimer(ITIMER_REAL, &often, nullptr);
    CheckingReader reader(set);
    uint64_t written = 0;
    for (uint64_t i = 0; handler_writes < 500; ++i) {
        written += writer.write(make_record(1, i, 120)) == Outcome::kWritten;
        if (i % 50 == 0) reader.pass();
    }
    const itimerval never = {};
    ::setitimer(ITIMER_REAL, &never, nullptr);
    ::signal(SIGALRM, SIG_IGN);
    reader.pass();
    EXPECT_EQ(reader.torn + reader.damages + reader.disorder, 0u);
    EXPECT_EQ(reader.records_of[1], written);
    EXPECT_EQ(reader.records_of[2], uint64_t(handler_writes));
}

TEST(RingSet, AdoptsWhatWasHandedOver) {
    RingSet set = make_set();
    Attached writer(set);
    ASSERT_EQ(writer.write(make_record(1, 5, 64)), Outcome::kWritten);
    auto adopted = RingSet::adopt(UniqueFd(::dup(set.fd().get())), set.geometry());
    ASSERT_TRUE(adopted);
    CheckingReader reader(*adopted);
    reader.pass();
    EXPECT_EQ(reader.records, 1u);
}

TEST(RingSet, RefusesAFileThatCanBeCutShort) {
    const RingSet set = make_set();
    UniqueFd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(::ftruncate(fd.get(), off_t(set.geometry().set_size())), 0);
    const auto adopted = RingSet::adopt(std::move(fd), set.geometry());
    ASSERT_FALSE(adopted);
    EXPECT_EQ(adopted.error().code, Code::kInvalidParameter);
}

TEST(RingSet, RefusesAFileOfAnotherSizeAndOneThatIsNoMemoryFile) {
    RingSet set = make_set();
    wire::RingGeometry larger = set.geometry();
    ++larger.blocks;
    EXPECT_FALSE(RingSet::adopt(UniqueFd(::dup(set.fd().get())), larger));
    EXPECT_FALSE(RingSet::adopt(UniqueFd(::open("/dev/zero", O_RDWR)), set.geometry()));
}

TEST(RingSet, RefusesMoreMemoryThanThereIs) {
    const auto set = RingSet::create({2048, 1u << 20, 16u << 20, 0});
    ASSERT_FALSE(set);
    EXPECT_EQ(set.error().code, Code::kNoSystemResources);
}

}  // namespace
}  // namespace etw::ring
