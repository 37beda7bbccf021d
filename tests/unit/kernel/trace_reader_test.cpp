#include "kernel/tracefs/trace_reader.h"

#include "synthetic.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace etw::kernel {
namespace {

int64_t no_counter() noexcept { return 0; }

// A folder that looks like tracefs: files of pages in the place of the pipes.
class Reader : public testing::Test {
protected:
    Reader() {
        char name[] = "/tmp/etw-trace-XXXXXX";
        folder_ = ::mkdtemp(name);
        std::filesystem::create_directory(folder_ + "/instances");
    }
    ~Reader() override { std::filesystem::remove_all(folder_); }

    TraceReader open(const std::vector<std::vector<std::vector<std::byte>>>& pages_by_cpu) {
        const auto instance = Instance::open(folder_, "etw-1-2");
        EXPECT_TRUE(instance);
        std::ofstream(instance->folder() + "/trace_clock") << "local [x86-tsc] mono\n";
        for (size_t cpu = 0; cpu < pages_by_cpu.size(); ++cpu) {
            const std::string at = instance->folder() + "/per_cpu/cpu" + std::to_string(cpu);
            std::filesystem::create_directories(at);
            std::ofstream out(at + "/trace_pipe_raw", std::ios::binary);
            for (const auto& page : pages_by_cpu[cpu]) {
                out.write(reinterpret_cast<const char*>(page.data()), std::streamsize(page.size()));
            }
        }
        const auto clock = TraceClock::set_up(*instance, {&no_counter, 1'000'000'000, true});
        EXPECT_TRUE(clock);
        auto reader = TraceReader::open(*instance, *clock, uint32_t(pages_by_cpu.size()));
        EXPECT_TRUE(reader);
        return std::move(*reader);
    }
    static std::vector<std::byte> page(uint64_t time, const std::vector<uint32_t>& deltas) {
        PageBuilder out(time);
        for (const uint32_t delta : deltas) out.event(delta, {7, 0});
        return out.build(size_t(::sysconf(_SC_PAGESIZE)));
    }
    static std::vector<std::pair<uint32_t, int64_t>> take(TraceReader& reader, int64_t until) {
        std::vector<std::pair<uint32_t, int64_t>> out;
        reader.for_each(until, [&out](const RawEvent& event) {
            out.emplace_back(event.cpu, event.time);
            return true;
        });
        return out;
    }
    using Times = std::vector<std::pair<uint32_t, int64_t>>;

    std::string folder_;
};

TEST_F(Reader, HandsOutTheEventsOfAllProcessorsInTheOrderOfTime) {
    TraceReader reader = open({{page(100, {0, 20}), page(150, {0})}, {page(110, {0, 5, 60})}});
    EXPECT_EQ(reader.read(1000, nullptr), 1000);
    EXPECT_EQ(take(reader, 1000),
              (Times{{0, 100}, {1, 110}, {1, 115}, {0, 120}, {0, 150}, {1, 175}}));
}

TEST_F(Reader, KeepsWhatIsLaterThanItIsAskedFor) {
    TraceReader reader = open({{page(100, {0, 20, 20})}});
    reader.read(120, nullptr);
    EXPECT_EQ(take(reader, 120), (Times{{0, 100}, {0, 120}}));
    EXPECT_EQ(take(reader, 1000), (Times{{0, 140}}));
}

TEST_F(Reader, BeginsAgainWithTheEventThatWasNotTaken) {
    TraceReader reader = open({{page(100, {0, 20})}});
    reader.read(1000, nullptr);
    EXPECT_EQ(reader.for_each(1000, [](const RawEvent&) { return false; }), 100);
    EXPECT_EQ(take(reader, 1000), (Times{{0, 100}, {0, 120}}));
}

TEST_F(Reader, ReadsMoreThanItHoldsAtATimeInParts) {
    std::vector<std::vector<std::byte>> pages;
    for (uint64_t i = 0; i < 600; ++i) pages.push_back(page(1000 + 10 * i, {0}));
    TraceReader reader = open({pages, {page(5000, {0})}});
    size_t count = 0;
    int parts = 0;
    do {
        const int64_t until = reader.read(1'000'000, nullptr);
        count += take(reader, until).size();
        ++parts;
    } while (reader.has_more());
    EXPECT_EQ(count, 601u);
    EXPECT_GT(parts, 1);
}

// The processor was taken from the reader between its look at the clock and the first page.
TEST_F(Reader, DoesNotWaitForEventsThatAreLaterThanTheCall) {
    std::vector<std::vector<std::byte>> pages;
    for (uint64_t i = 0; i < 600; ++i) pages.push_back(page(1000 + 10 * i, {0}));
    TraceReader reader = open({pages});
    EXPECT_EQ(reader.read(500, nullptr), 500);
    EXPECT_FALSE(reader.has_more());
    EXPECT_TRUE(take(reader, 500).empty());
    EXPECT_EQ(reader.count_rest(), 600u);
}

// Where system calls are recorded, each read makes an event that the next one would find.
TEST_F(Reader, LeavesPagesToTheKernelThatAreLaterThanTheCall) {
    TraceReader reader = open({{page(100, {0}), page(200, {0}), page(300, {0}), page(400, {0})}});
    EXPECT_EQ(reader.read(150, nullptr), 150);
    EXPECT_EQ(reader.count(), 2u);
    EXPECT_EQ(reader.read(180, nullptr), 180);
    EXPECT_EQ(reader.count(), 2u);
    EXPECT_EQ(reader.read(1000, nullptr), 1000);
    EXPECT_EQ(take(reader, 1000), (Times{{0, 100}, {0, 200}, {0, 300}, {0, 400}}));
}

TEST_F(Reader, CountsPagesThatMakeNoSense) {
    auto bad =
        PageBuilder(100).event(0, {7, 0}).header(20, 1).build(size_t(::sysconf(_SC_PAGESIZE)));
    TraceReader reader = open({{bad, page(200, {0})}});
    reader.read(1000, nullptr);
    EXPECT_EQ(take(reader, 1000), (Times{{0, 100}, {0, 200}}));
    EXPECT_EQ(reader.take_damaged(), 1u);
    EXPECT_EQ(reader.take_damaged(), 0u);
}

TEST_F(Reader, NeverLetsAProcessorsTimesFall) {
    TraceReader reader = open({{page(100, {0, 50}), page(120, {0})}});
    reader.read(1000, nullptr);
    EXPECT_EQ(take(reader, 1000), (Times{{0, 100}, {0, 150}, {0, 150}}));
}

TEST_F(Reader, ShowsWhatItReadsBeforeItIsHandedOut) {
    Dispatch look([](const std::string&, const std::string& name) {
        return Format::parse(
            format_text(7, name, "\tfield:int x;\toffset:4;\tsize:4;\tsigned:1;\n"), "s");
    });
    std::vector<int64_t> seen;
    look.on("s", "p", [&seen](const Format&) -> Dispatch::Handler {
        return [&seen](const RawEvent& event) { seen.push_back(event.time); };
    });
    TraceReader reader = open({{page(100, {0, 20})}});
    reader.read(110, &look);
    EXPECT_EQ(seen, (std::vector<int64_t>{100, 120}));
}

}  // namespace
}  // namespace etw::kernel
