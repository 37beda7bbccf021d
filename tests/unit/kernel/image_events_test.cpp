#include "kernel/events/image_events.h"

#include "synthetic.h"

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

namespace etw::kernel {
namespace {

constexpr size_t kSystemPayload = sizeof(wire::SystemHeader);

class Images : public testing::Test {
protected:
    void SetUp() override {
        for (const uint32_t pid : {7u, 8u}) {
            Process process;
            process.pid = pid;
            tasks_.add(process);
        }
    }
    static Image image(uint64_t base, const std::string& path) {
        Image out;
        out.base = base;
        out.size = 0x1000;
        out.inode = base;
        out.path = path;
        out.build_id.assign(20, std::byte{0xAB});
        return out;
    }
    std::vector<std::vector<std::byte>> build_ids() const {
        std::vector<std::vector<std::byte>> out;
        for (const auto& sent : sink_.sent) {
            if (sent.header_type() == uint8_t(wire::HeaderType::kFull64))
                out.push_back(sent.record);
        }
        return out;
    }

    FakeSink sink_;
    Tasks tasks_;
    Context context_{sink_, tasks_, 1'000'000, kKernelImageLoad | kKernelDiskFileIo};
    FileNames names_;
    ImageEvents images_{context_, names_};
};

TEST_F(Images, CodeOfTheKernelComesAndGoes) {
    tasks_.add({});
    const ImageEvents::Place at{0, 100, 1};
    Image code;
    code.base = 0xFFFFFFFFC0001000;
    code.size = 0x80;
    code.path = "[bpf_prog_0123456789abcdef_x]";
    images_.on_map(code, true, at);
    ASSERT_EQ(sink_.of(0x030A).size(), 1u);
    EXPECT_TRUE(sink_.of(0x030A)[0].contains(u"[bpf_prog_0123456789abcdef_x]"));
    images_.drop(code.base, {0, 200, 1});
    images_.drop(code.base, {0, 300, 1});  // not twice
    const auto gone = sink_.of(0x1402);
    ASSERT_EQ(gone.size(), 1u);
    EXPECT_EQ(gone[0].at<uint64_t>(kSystemPayload), code.base);
    EXPECT_EQ(gone[0].time, 200);
}

TEST_F(Images, AMappingToRunIsALoadWithItsBuildId) {
    images_.on_map(image(0x4000, "/bin/x"), true, {7, 100, 1});
    const auto load = sink_.of(0x030A);
    ASSERT_EQ(load.size(), 1u);
    EXPECT_EQ(load[0].header_type(), uint8_t(wire::HeaderType::kSystem64));
    EXPECT_EQ(load[0].version(), 3);
    EXPECT_EQ(load[0].at<uint64_t>(kSystemPayload), 0x4000u);
    EXPECT_EQ(load[0].at<uint32_t>(kSystemPayload + 16), 7u);
    EXPECT_TRUE(load[0].contains(u"/bin/x"));
    ASSERT_EQ(build_ids().size(), 1u);
    const auto record = build_ids()[0];
    EXPECT_EQ(record.size(), sizeof(wire::FullHeader) + 8 + 4 + 16 + 4 + sizeof("/bin/x"));
    uint16_t size = 0;
    std::memcpy(&size, record.data(), sizeof(size));
    EXPECT_EQ(size, record.size());
    EXPECT_EQ(record[sizeof(wire::FullHeader) + 12], std::byte{0xAB});
}

TEST_F(Images, AFilesNameIsToldOnceAndAgainAtTheEnd) {
    images_.on_map(image(0x4000, "/bin/x"), true, {7, 100, 1});
    images_.on_map(image(0x4000, "/bin/x"), false, {8, 101, 1});
    EXPECT_EQ(sink_.of(0x0400).size(), 1u);
    EXPECT_EQ(sink_.of(0x030A).size(), 1u);  // data that is mapped is no image
    names_.rundown(sink_, 200);
    EXPECT_EQ(sink_.of(0x0424).size(), 1u);
}

TEST_F(Images, AnotherInItsPlaceEndsOne) {
    images_.on_map(image(0x4000, "/lib/a"), true, {7, 100, 1});
    images_.on_map(image(0x9000, "/lib/b"), true, {7, 110, 1});
    images_.on_map(image_of(0x4800, 0x1000, 0x400, "/lib/c"), true, {7, 120, 1});
    const auto gone = sink_.of(0x1402);
    ASSERT_EQ(gone.size(), 1u);
    EXPECT_EQ(gone[0].at<uint64_t>(kSystemPayload), 0x4000u);
    EXPECT_EQ(gone[0].time, 120);
    // Of c only what is mapped to run is there: this lies where its beginning would.
    images_.on_map(image_of(0x4400, 0x300, 0, "/lib/d"), true, {7, 130, 1});
    EXPECT_EQ(sink_.of(0x1402).size(), 1u);
}

TEST_F(Images, TheSameFileMappedAgainEndsTheOneBefore) {
    images_.on_map(image(0x4000, "/lib/a"), true, {7, 100, 1});
    images_.on_map(image(0x4000, "/lib/a"), true, {7, 110, 1});
    EXPECT_EQ(sink_.of(0x030A).size(), 2u);
    ASSERT_EQ(sink_.of(0x1402).size(), 1u);
    EXPECT_EQ(sink_.of(0x1402)[0].time, 110);
}

TEST_F(Images, MoreOfAFileEndsNothing) {
    Image second = image(0x4000, "/lib/a");
    second.size = 0x8000;
    second.skipped = 0x6000;
    images_.on_map(image(0x4000, "/lib/a"), true, {7, 100, 1});
    images_.on_map(second, true, {7, 100, 1});
    EXPECT_TRUE(sink_.of(0x1402).empty());
}

TEST_F(Images, WhatIsUnmappedIsUnloadedOnce) {
    images_.on_map(image(0x4000, "/lib/a"), true, {7, 100, 1});
    images_.on_map(image(0x9000, "/lib/b"), true, {7, 101, 1});
    images_.on_unmap(0x3000, 0x4000, true, {7, 105, 1});  // others
    images_.on_unmap(0x4000, 0x5000, true, {8, 106, 1});
    EXPECT_TRUE(sink_.of(0x1402).empty());
    images_.on_unmap(0x4000, 0x5000, true, {7, 110, 1, 9});
    ASSERT_EQ(sink_.of(0x1402).size(), 1u);
    EXPECT_EQ(sink_.of(0x1402)[0].at<uint32_t>(offsetof(wire::SystemHeader, thread_id)), 9u);
    EXPECT_EQ(sink_.of(0x1402)[0].at<uint32_t>(offsetof(wire::SystemHeader, process_id)), 7u);
    EXPECT_EQ(sink_.of(0x1402)[0].at<uint64_t>(kSystemPayload), 0x4000u);
    EXPECT_EQ(sink_.of(0x1402)[0].time, 110);
    images_.on_map(image(0x4000, "/lib/c"), true, {7, 120, 1});
    images_.on_unmap(0x4000, 0x5000, true, {7, 130, 1});
    images_.on_drop({7, 140, 1});  // with b alone
    EXPECT_EQ(sink_.of(0x030A).size(), 3u);
    EXPECT_EQ(sink_.of(0x1402).size(), 3u);
}

TEST_F(Images, AnImageGoesWithTheLastPartOfIt) {
    images_.on_map(image_of(0x10'0000, 0x8000, 0x1000, "/lib/a"), true, {7, 100, 1});
    images_.on_map(image_of(0x11'0000, 0x1000, 0x1'1000, "/lib/a"), true, {7, 101, 1});  // more
    images_.on_unmap(0x10'2000, 0x10'4000, true, {7, 110, 1});
    images_.on_map(image(0x10'2000, "/lib/b"), true, {7, 120, 1});  // in the gap
    images_.on_unmap(0x10'0000, 0x10'2000, true, {7, 130, 1});
    images_.on_unmap(0x10'4000, 0x10'8000, true, {7, 131, 1});
    EXPECT_TRUE(sink_.of(0x1402).empty());
    images_.on_unmap(0x11'0000, 0x11'1000, true, {7, 140, 1});
    ASSERT_EQ(sink_.of(0x1402).size(), 1u);
    EXPECT_EQ(sink_.of(0x1402)[0].at<uint64_t>(kSystemPayload), 0xF'F000u);
    EXPECT_TRUE(sink_.of(0x1402)[0].contains(u"/lib/a"));
}

// What the session's first look at /proc has found, and what is told of the time before that look.
class SeenImages : public Images {
protected:
    void SetUp() override {
        Process process;
        process.pid = uint32_t(::getpid());
        tasks_.add(process);
        CounterSource counter;
        counter.now = []() noexcept -> int64_t { return kSeen; };
        images_.scan(counter);
        own_ = images_of(process.pid).front();
    }
    size_t count(uint16_t hook) const {
        const auto all = sink_.of(hook);
        return size_t(std::count_if(all.begin(), all.end(), [this](const auto& sent) {
            return sent.template at<uint64_t>(kSystemPayload) == own_.base;
        }));
    }
    ImageEvents::Place at(int64_t time) const { return {uint32_t(::getpid()), time, 1}; }

    static constexpr int64_t kSeen = 1000;
    Image own_;
};

TEST_F(SeenImages, WhatIsToldAtTheBeginningIsNotToldAgain) {
    images_.rundown(context_.flags, false, 500);
    images_.on_map(own_, true, at(900));
    EXPECT_EQ(count(0x030A), 0u);
    EXPECT_EQ(count(0x1402), 0u);
    images_.on_unmap(own_.base + own_.skipped, own_.base + own_.size, true, at(910));
    images_.on_map(own_, true, at(920));
    EXPECT_EQ(count(0x030A), 1u);
    EXPECT_EQ(count(0x1402), 1u);
}

TEST_F(SeenImages, TheEndOfWhatOnlyAPredecessorKnewIsLost) {
    const uint64_t end = own_.base + own_.size;
    images_.on_unmap(0x1000, 0x2000, true, at(700));
    EXPECT_EQ(sink_.lost, 0u);  // there was none
    images_.go_on_at(kSeen + 10);
    images_.on_unmap(0x1000, 0x2000, true, at(800));
    EXPECT_EQ(sink_.lost, 1u);
    images_.on_unmap(0x1000, 0x2000, true, {7, 800, 1});  // which is gone by now
    EXPECT_EQ(sink_.lost, 2u);
    images_.on_map(image(0x1000, "/lib/a"), true, at(820));
    images_.on_unmap(0x1000, 0x2000, true, at(830));
    images_.on_unmap(0x1000, 0x2000, false, at(840));  // perhaps of no file
    images_.on_unmap(own_.base + own_.skipped, end, true, at(850));
    images_.on_unmap(0x1000, 0x2000, true, at(kSeen + 10));  // the successor's own time
    context_.only = {7};
    images_.on_unmap(0x1000, 0x2000, true, at(860));  // nobody is told of it
    EXPECT_EQ(sink_.lost, 2u);
    EXPECT_EQ(sink_.of(0x1402).size(), 2u);
}

TEST_F(SeenImages, ASuccessorTellsOfProcessesThatOnlyThePredecessorKnew) {
    images_.on_map(image(0x1000, "/lib/a"), true, {99, 800, 1});
    EXPECT_TRUE(sink_.of(0x030A).empty());  // there was none
    images_.go_on_at(kSeen + 10);
    images_.on_map(image(0x1000, "/lib/a"), true, {99, 800, 1});
    images_.on_drop({99, 810, 1});
    EXPECT_EQ(sink_.of(0x030A).size(), 1u);
    EXPECT_EQ(sink_.of(0x1402).size(), 1u);
    images_.on_map(image(0x1000, "/lib/a"), true, {99, kSeen + 10, 1});
    EXPECT_EQ(sink_.of(0x030A).size(), 1u);
}

TEST_F(SeenImages, WhatASuccessorHasSeenIsToldByItsMapping) {
    images_.on_map(own_, true, at(900));
    EXPECT_EQ(count(0x030A), 1u);
    EXPECT_EQ(count(0x1402), 0u);
    images_.on_map(own_, true, at(1100));  // once more, in its place
    EXPECT_EQ(count(0x030A), 2u);
    EXPECT_EQ(count(0x1402), 1u);
}

TEST_F(Images, CodeWithoutAFileIsWhereItIsAndToldOnce) {
    const Image code = image_of(0x7000'0000, 0x2000, 0x7000'0000, std::string(kAnonymous));
    EXPECT_EQ(code.base, 0x7000'0000u);
    EXPECT_EQ(code.size, 0x2000u);
    for (int flip = 0; flip < 3; ++flip) images_.on_map(code, true, {7, 100 + flip, 1});
    EXPECT_EQ(sink_.of(0x030A).size(), 1u);
    EXPECT_TRUE(sink_.of(0x0400).empty());
    images_.on_map(image_of(0x7000'0000, 0x3000, 0, std::string(kAnonymous)), true, {7, 200, 1});
    EXPECT_EQ(sink_.of(0x030A).size(), 2u);
    EXPECT_EQ(sink_.of(0x1402).size(), 1u);
}

// A circular log, or one that saves a memory buffer, has only what was told last.
TEST_F(Images, TheEndTellsBuildIdsAgain) {
    images_.on_map(image(0x4000, "/bin/x"), true, {7, 100, 1});
    sink_.sent.clear();
    images_.rundown(context_.flags, true, 200);
    EXPECT_EQ(sink_.of(0x1404).size(), 1u);
    EXPECT_EQ(build_ids().size(), 1u);
}

TEST_F(Images, OfAProcessThatNothingTellsOfAreNone) {
    images_.on_map(image(0x4000, "/bin/x"), true, {9, 100, 1});
    images_.rundown(context_.flags, true, 200);
    EXPECT_TRUE(sink_.sent.empty());
}

TEST_F(Images, ACopyOfAProcessHasItsImagesUntilItDropsThem) {
    images_.on_map(image(0x4000, "/bin/x"), true, {7, 100, 1});
    images_.on_fork(7, {8, 110, 1});
    EXPECT_EQ(sink_.of(0x030A).size(), 2u);
    EXPECT_EQ(build_ids().size(), 2u);
    images_.on_drop({8, 120, 1});
    ASSERT_EQ(sink_.of(0x1402).size(), 1u);
    EXPECT_EQ(sink_.of(0x1402)[0].at<uint32_t>(kSystemPayload + 16), 8u);
    images_.rundown(context_.flags, true, 200);
    EXPECT_EQ(sink_.of(0x1404).size(), 1u);
}

// It takes long to look at all; many a program ends meanwhile.
TEST_F(Images, OfAProcessThatEndsBeforeTheOthersAreLookedAtAreKnown) {
    const pid_t child = ::fork();
    if (child == 0) {
        for (;;) ::pause();
    }
    Process process;
    process.pid = uint32_t(child);
    tasks_.add(process);
    CounterSource counter;
    counter.now = []() noexcept -> int64_t { return 1; };
    images_.look_at(process.pid, counter);
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    images_.scan(counter);
    images_.rundown(context_.flags, false, 100);
    bool found = false;
    for (const auto& sent : sink_.of(0x1403)) {
        found = found || sent.at<uint32_t>(sizeof(wire::PerfInfoHeader) + 16) == process.pid;
    }
    EXPECT_TRUE(found);
}

TEST_F(Images, ThisProcessHasItsOwnProgramMapped) {
    const auto all = images_of(uint32_t(::getpid()));
    const auto here = uint64_t(reinterpret_cast<uintptr_t>(&images_of));
    bool found = false;
    for (const Image& image : all) {
        found = found || (image.path.ends_with("kernel_test") && here - image.base < image.size);
    }
    EXPECT_TRUE(found);
}

}  // namespace
}  // namespace etw::kernel
