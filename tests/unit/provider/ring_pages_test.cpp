// Which pages of its rings a process maps before it writes to them.
#include "provider/ring_pages.h"

#include "base/unique_fd.h"
#include "provider/state.h"
#include "ring/ring_view.h"
#include "served.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace etw::provider {
namespace {

using wire::RingGeometry;

constexpr uint64_t kMb = 1 << 20;

// Is the page in this process's page table? (Documentation/admin-guide/mm/pagemap.rst)
bool mapped(const std::byte* at) {
    const UniqueFd pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
    uint64_t entry = 0;
    const auto page = off_t(reinterpret_cast<uintptr_t>(at) / wire::kRingPage);
    EXPECT_EQ(::pread(pagemap.get(), &entry, sizeof(entry), page * off_t(sizeof(entry))), 8);
    return (entry >> 63 & 1) != 0;
}

// 512 rings of 1 MB, 128 KB of which are mapped first: files whose pages come to be when needed.
class RingPagesTest : public testing::Test {
protected:
    static constexpr RingGeometry kGeometry{512, 16, 65536, 0};
    static constexpr uint64_t kFirst = 128 << 10;
    static constexpr uint64_t kData = 16 * 65536;

    void SetUp() override {
        const UniqueFd file(::memfd_create("rings", MFD_CLOEXEC));
        ASSERT_EQ(::ftruncate(file.get(), off_t(kGeometry.set_size())), 0);
        void* memory = ::mmap(nullptr, kGeometry.set_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
                              file.get(), 0);
        ASSERT_NE(memory, MAP_FAILED);
        set_ = static_cast<std::byte*>(memory);
        if (::madvise(set_, wire::kRingPage, 23) != 0) GTEST_SKIP() << "no MADV_POPULATE_WRITE";
        map_.describe(set_, kGeometry);
    }
    void TearDown() override {
        pages_.end(map_);
        ::munmap(set_, kGeometry.set_size());
    }
    void begin() { pages_.begin(map_, set_, kGeometry, wake_agent); }
    // As writers move it.
    void set_head(uint32_t cpu, uint64_t block, uint32_t offset = 0) {
        view().control(cpu).head = wire::ring_position(block, offset);
    }
    void map_what_is_due() {
        map_.blocks_to_use = 0;
        while (pages_.map_slice(map_)) {
        }
    }
    // `at` bytes into the ring's data.
    bool data_mapped(uint32_t cpu, uint64_t at) { return mapped(view().block(cpu, 0) + at); }
    ring::RingView view() { return {set_, kGeometry}; }

    std::byte* set_ = nullptr;
    ring::WriterMap map_;
    RingPages pages_{};
};

TEST_F(RingPagesTest, MapsSomeOfEveryRingFromItsHeadOn) {
    set_head(1, 32 + 4);  // has been round twice
    begin();
    for (const uint32_t cpu : {0u, 2u, kGeometry.cpus - 1}) {
        EXPECT_TRUE(data_mapped(cpu, 0));
        EXPECT_TRUE(data_mapped(cpu, kFirst - 1));
        EXPECT_FALSE(data_mapped(cpu, kFirst));
    }
    EXPECT_FALSE(data_mapped(1, 0));
    EXPECT_TRUE(data_mapped(1, 4 * 65536));
    EXPECT_TRUE(data_mapped(1, 4 * 65536 + kFirst - 1));
    EXPECT_FALSE(data_mapped(1, 4 * 65536 + kFirst));
}

TEST_F(RingPagesTest, MapsMoreOfARingThatIsFilledAndOfNoOther) {
    begin();
    EXPECT_EQ(map_.blocks_to_use, 1u);  // half of what is mapped
    set_head(3, 1);
    EXPECT_FALSE(pages_.map_slice(map_)) << "before it is called for";
    map_what_is_due();
    EXPECT_TRUE(data_mapped(3, kData - 1));
    EXPECT_FALSE(data_mapped(4, kFirst));
}

TEST_F(RingPagesTest, GoesOnAtTheStartOfTheRing) {
    set_head(0, 15);
    begin();
    EXPECT_TRUE(data_mapped(0, kData - 1));
    EXPECT_TRUE(data_mapped(0, 0));
    EXPECT_FALSE(data_mapped(0, kFirst - 65536));
    set_head(0, 16);
    map_what_is_due();
    EXPECT_TRUE(data_mapped(0, 15 * 65536 - 1));
}

TEST_F(RingPagesTest, LeavesWhatWritersHaveOvertakenToThem) {
    begin();
    set_head(0, 9);
    map_what_is_due();
    EXPECT_FALSE(data_mapped(0, 4 * 65536));
    EXPECT_TRUE(data_mapped(0, 9 * 65536));
}

TEST_F(RingPagesTest, StaysInTheRingWhateverStandsInTheHead) {
    begin();
    set_head(0, ~uint64_t{0} >> wire::kRingOffsetBits, uint32_t(wire::kRingOffsetMask));
    set_head(1, 1);
    view().control(2).head = 0;
    map_what_is_due();
    for (const uint32_t cpu : {0u, 1u, 2u, 3u}) {
        EXPECT_EQ(data_mapped(cpu, kFirst), cpu == 1) << cpu;
    }
}

TEST_F(RingPagesTest, AsksNoMoreOfWritersWhenAllIsMapped) {
    for (uint32_t cpu = 0; cpu < kGeometry.cpus; ++cpu) set_head(cpu, 0);
    begin();
    for (uint32_t cpu = 0; cpu < kGeometry.cpus; ++cpu) set_head(cpu, 16);
    map_what_is_due();
    EXPECT_EQ(map_.blocks_to_use, ring::WriterMap::kNoLimit);
}

TEST_F(RingPagesTest, BeginsAnewInAForkedChild) {
    begin();
    EXPECT_TRUE(data_mapped(0, 0));
    const pid_t child = ::fork();
    if (child == 0) {
        bool right = !data_mapped(0, 65536);  // the kernel leaves such pages to faults
        pages_.begin_in_child(map_);
        right = right && map_.blocks_to_use == 1;  // not before it writes
        map_what_is_due();
        ::_exit(right && data_mapped(0, 65536) ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

class RingPagesOfAgent : public Served {};

TEST_F(RingPagesOfAgent, AreMappedAheadOfABurst) {
    if (!ring::sequences_usable()) GTEST_SKIP() << "no restartable sequences";
    const auto cpus = uint64_t(::sysconf(_SC_NPROCESSORS_CONF));
    constexpr uint32_t kBlocks = 64;
    const auto block_size = uint32_t(128 * kMb / cpus / kBlocks / 4096 * 4096);
    runtime_dir();
    host_.emplace(true, kBlocks, block_size);
    host_->ring_doorbell();
    register_provider();
    SessionSlot& slot = *find_slot(0, host_->enable.session);
    const ring::RingView view(slot.mapping, slot.geometry);
    if (!mapped(view.block(0, 0))) GTEST_SKIP() << "no MADV_POPULATE_WRITE";
    cpu_set_t before, one;
    ::sched_getaffinity(0, sizeof(before), &before);
    const int cpu = ::sched_getcpu();
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof(one), &one), 0);
    const std::byte* const beyond = view.block(uint32_t(cpu), kBlocks / 2 + 2);
    EXPECT_FALSE(mapped(beyond));
    static const std::string text(30000, 'x');
    EVENT_DESCRIPTOR descriptor;
    EventDescCreate(&descriptor, 1, 0, 0, 1, 0, 0, 0);
    EVENT_DATA_DESCRIPTOR data;
    EventDataDescCreate(&data, text.data(), ULONG(text.size()));
    for (uint64_t written = 0; written < 40 * kMb / cpus; written += text.size()) {
        ASSERT_EQ(EventWrite(handle_, &descriptor, 1, &data), 0u);
    }
    EXPECT_TRUE(host_->serve_until([&] { return mapped(beyond); }));
    ASSERT_EQ(::sched_setaffinity(0, sizeof(before), &before), 0);
}

}  // namespace
}  // namespace etw::provider
