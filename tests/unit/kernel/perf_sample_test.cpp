#include "kernel/perf/perf_sample.h"

#include "base/byte_writer.h"

#include <gtest/gtest.h>

namespace etw::kernel {
namespace {

// A group of two with losses, a stack with the kernel's marks, a raw event of 8 bytes.
ByteWriter whole() {
    ByteWriter out;
    out.write(uint64_t{0x401000});
    out.write(uint32_t{3});
    out.write(uint32_t{7});
    out.write(uint64_t{1000});
    out.write(uint64_t{2});
    for (const uint64_t value : {1u, 0u, 99u, 0u}) out.write(value);
    out.write(uint64_t{4});
    for (const uint64_t frame :
         {uint64_t(-128), uint64_t{0xffffffff81000000}, uint64_t(-512), uint64_t{0x401000}}) {
        out.write(frame);
    }
    out.write(uint32_t{8});
    out.write(uint64_t{0x1122334455667788});
    return out;
}

constexpr PerfForm kForm{1, true, true};

TEST(PerfSample, ReadsAllThatWasAskedFor) {
    PerfSample sample;
    ASSERT_TRUE(parse_sample(whole().bytes(), kForm, sample));
    EXPECT_EQ(sample.process, 3u);
    EXPECT_EQ(sample.thread, 7u);
    EXPECT_EQ(sample.time, 1000u);
    EXPECT_EQ(sample.counters, std::vector<uint64_t>{99});  // without the leader
    EXPECT_EQ(sample.stack, (std::vector<uint64_t>{0xffffffff81000000, 0x401000}));
    EXPECT_EQ(sample.raw.size(), 8u);
}

TEST(PerfSample, RefusesWhatIsCutShort) {
    const ByteWriter all = whole();
    for (size_t size = 0; size < all.size(); ++size) {
        PerfSample sample;
        EXPECT_FALSE(parse_sample(Bytes(all.bytes()).first(size), kForm, sample)) << size;
    }
}

TEST(PerfSample, RefusesAStackThatIsLongerThanTheRecord) {
    ByteWriter out;
    out.write(uint64_t{0});
    out.write(uint64_t{0});
    out.write(uint64_t{0});
    out.write(uint64_t{1} << 61);
    PerfSample sample;
    EXPECT_FALSE(parse_sample(out.bytes(), {0, true, false}, sample));
}

}  // namespace
}  // namespace etw::kernel
