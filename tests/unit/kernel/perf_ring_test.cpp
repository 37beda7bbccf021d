#include "kernel/perf/perf_ring.h"

#include "kernel/perf/processors.h"

#include <gtest/gtest.h>

#include <linux/perf_event.h>
#include <sched.h>
#include <sys/prctl.h>

namespace etw::kernel {
namespace {

void make_record() { ASSERT_EQ(::prctl(PR_SET_NAME, "perf_ring_test"), 0); }

// Of a machine that is never done.
TEST(PerfRing, ShowsWhatWasThereAtTheLook) {
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    if (::sched_setaffinity(0, sizeof(first), &first) != 0) GTEST_SKIP() << "not on CPU 0";
    perf_event_attr attr{};
    attr.size = sizeof(attr);
    attr.type = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_DUMMY;
    attr.comm = 1;
    auto opened = PerfRing::open(attr, 0, 8);
    if (!opened) GTEST_SKIP() << "perf_event_open() is refused: errno " << opened.error().where;
    PerfRing& ring = *opened;
    EXPECT_FALSE(ring.front());
    make_record();
    EXPECT_FALSE(ring.front());
    constexpr int kEnough = 100;  // where it does not end by itself
    int shown = 0;
    for (ring.look(); shown < kEnough && ring.front(); ring.pop()) {
        ++shown;
        make_record();
    }
    EXPECT_GE(shown, 1);
    EXPECT_LT(shown, kEnough);
    ring.look();
    EXPECT_TRUE(ring.front());  // what came meanwhile
}

TEST(PerfRing, OfAProcessorThatDoesNotRunIsAlwaysEmpty) {
    PerfRing ring;
    EXPECT_FALSE(ring);
    ring.look();
    EXPECT_FALSE(ring.front());
    ring.give_back();
    EXPECT_EQ(ring.pages(), 0u);
}

TEST(Processors, ThatThisThreadRunsOnRunAndOthersDoNot) {
    EXPECT_TRUE(runs(uint32_t(::sched_getcpu())));
    EXPECT_FALSE(runs(1u << 20));
}

}  // namespace
}  // namespace etw::kernel
