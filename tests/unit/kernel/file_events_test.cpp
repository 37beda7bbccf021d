#include "kernel/events/file_events.h"

#include "synthetic.h"

#include <gtest/gtest.h>

#include <asm/unistd.h>
#include <fcntl.h>

#include <cerrno>

namespace etw::kernel {
namespace {

constexpr size_t kPayload = sizeof(wire::PerfInfoHeader);
constexpr uint32_t kDevice = 8u << 20;

class Files : public testing::Test {
protected:
    static int64_t no_time() noexcept { return 0; }

    void name(uint64_t inode, const std::string& parts, int64_t time = 50, bool is_cut = false) {
        ByteWriter out;
        out.write(FileName{FileRecordKind::kName, kDevice, inode, uint32_t(parts.size()), is_cut});
        out.append_text(parts + "\x0fleft");  // what the ring had in that place before
        give(out.take(), time);
    }
    static CallRecord record(long number, int64_t result) {
        CallRecord out{};
        out.kind = FileRecordKind::kCall;
        out.number = uint32_t(number);
        out.flags = find_file_call(out.number)->flags;
        out.result = result;
        return out;
    }
    static void set_argument(CallRecord& record, size_t number, uint64_t value) {
        // Wherever this machine has it.
        for (uint64_t& slot : record.registers) {
            const uint64_t before = std::exchange(slot, ~value);
            const bool found = argument_of(record, number) == ~value;
            slot = found ? value : before;
            if (found) return;
        }
    }
    void call(const CallRecord& record, int64_t time, const std::string& paths = {}) {
        ByteWriter out;
        out.write(record);
        out.append_text(paths);
        auto data = out.take();
        if (paths.empty()) data.resize(offsetof(CallRecord, folders) + 4);
        give(data, time);
    }
    void give(const std::vector<std::byte>& data, int64_t time) {
        files_.take({time, 1, 7, 9, data, {}});
    }
    void hand_out(int64_t until) {
        files_.convert(until);
        EXPECT_FALSE(files_.pending().hand_out(traced_, until));
    }
    static CallFile file(uint64_t address, uint64_t inode, uint64_t position = 0) {
        return {address, inode, position, kDevice, S_IFREG};
    }

    FakeSink sink_;
    Tasks tasks_;
    Context context_{sink_, tasks_, 1'000'000'000,
                     kKernelFileIo | kKernelFileIoInit | kKernelDiskFileIo};
    FileNames names_;
    TracedSink traced_{sink_, tasks_};
    FileEvents files_{context_, names_, {&no_time, 1'000'000'000, true}};
};

TEST_F(Files, AnOpenStandsWhereItBeganAndItsResultWhereItEnded) {
    name(55, std::string("b\0a\0", 4));
    CallRecord open = record(__NR_openat, 3);
    open.first = file(0xF00, 55);
    open.duration_ns = 30;
    set_argument(open, 2, O_CREAT | O_EXCL | O_RDWR);
    call(open, 100, std::string("b\0", 2));
    hand_out(200);
    ASSERT_EQ(sink_.sent.size(), 3u);
    EXPECT_EQ(sink_.sent[0].hook(), 0x0400);  // names come before who uses them
    EXPECT_EQ(sink_.sent[0].at<uint64_t>(kPayload), 55u);
    EXPECT_TRUE(sink_.sent[0].contains(u"/a/b"));
    const auto& create = sink_.sent[1];
    EXPECT_EQ(create.hook(), 0x0440);
    EXPECT_EQ(create.version(), 3);
    EXPECT_EQ(create.time, 70);
    EXPECT_NE(create.at<uint64_t>(kPayload + 8), 0u);
    EXPECT_EQ(create.at<uint32_t>(kPayload + 16), 9u);
    EXPECT_EQ(create.at<uint32_t>(kPayload + 20) >> 24, 2u);  // FILE_CREATE
    EXPECT_TRUE(create.contains(u"/a/b"));
    const auto& end = sink_.sent[2];
    EXPECT_EQ(end.hook(), 0x044C);
    EXPECT_EQ(end.time, 100);
    EXPECT_EQ(end.at<uint64_t>(kPayload), create.at<uint64_t>(kPayload));
    EXPECT_EQ(end.at<uint32_t>(kPayload + 16), 0u);
}

TEST_F(Files, TheStackOfACallStandsBehindThoseOfItsRecordsThatAreToHaveIt) {
    Tracing tracing;
    tracing.stack_events = {0x0443};
    traced_.set(tracing);
    CallRecord read = record(__NR_read, 10);
    read.first = file(0xF00, 55, 10);
    ByteWriter out;
    out.write(read);
    auto data = out.take();
    data.resize(offsetof(CallRecord, folders) + 4);
    files_.take({100, 1, 7, 9, data, {0x1111, 0x2222}});
    hand_out(200);
    const auto stacks = sink_.of(0x1820);
    ASSERT_EQ(stacks.size(), 1u);
    EXPECT_EQ(stacks[0].at<int64_t>(kPayload), sink_.of(0x0443).at(0).time);
    EXPECT_EQ(stacks[0].at<uint32_t>(kPayload + 8), 7u);
    EXPECT_EQ(stacks[0].at<uint32_t>(kPayload + 12), 9u);
    EXPECT_EQ(stacks[0].at<uint64_t>(kPayload + 24), 0x2222u);
    for (size_t i = 0; i + 1 < sink_.sent.size(); ++i) {
        if (sink_.sent[i].hook() != 0x0443) continue;
        EXPECT_EQ(sink_.sent[i + 1].hook(), 0x1820);
    }
}

TEST_F(Files, OneThatFailsHasItsPathFromTheFolderAndItsErrorAsStatus) {
    name(2, std::string("tmp\0", 4));
    CallRecord open = record(__NR_openat, -ENOENT);
    open.bases[0] = file(0, 2);
    call(open, 100, std::string("./x/../nope\0", 12));
    hand_out(200);
    EXPECT_TRUE(sink_.of(0x0440).at(0).contains(u"/tmp/nope"));
    const auto end = sink_.of(0x044C).at(0);
    EXPECT_EQ(end.at<uint64_t>(kPayload + 8), uint64_t{ENOENT});
    EXPECT_EQ(end.at<uint32_t>(kPayload + 16), 0xC0000034u);
}

TEST_F(Files, APathWhoseFoldersAreTooManyBeginsWithDots) {
    name(2, std::string("b\0a\0", 4), 50, true);
    name(3, std::string("d\0c\0", 4));
    CallRecord open = record(__NR_openat, -ENOENT);
    open.bases[0] = file(0, 2);
    call(open, 100, std::string("nope\0", 5));
    hand_out(200);
    EXPECT_TRUE(sink_.of(0x0440).at(0).contains(u".../a/b/nope"));
    const auto names = sink_.of(0x0400);
    ASSERT_EQ(names.size(), 2u);
    EXPECT_TRUE(names[0].contains(u".../a/b"));
    EXPECT_TRUE(names[1].contains(u"/c/d"));
    EXPECT_FALSE(names[1].contains(u".../c/d"));
}

TEST_F(Files, TransfersHaveWhatWasTransferredAndWhere) {
    name(55, std::string("a\0", 2));
    CallRecord read = record(__NR_read, 10);
    read.first = file(0xF00, 55, 110);
    call(read, 100);
    CallRecord write = record(__NR_pwrite64, 20);
    write.first = file(0xF00, 55, 110);
    set_argument(write, 3, 4096);
    call(write, 110);
    CallRecord failed = record(__NR_write, -ENOSPC);
    failed.first = file(0xF00, 55, 110);
    call(failed, 120);
    hand_out(200);
    const auto reads = sink_.of(0x0443);
    const auto writes = sink_.of(0x0444);
    ASSERT_EQ(reads.size(), 1u);
    ASSERT_EQ(writes.size(), 2u);
    EXPECT_EQ(reads[0].at<uint64_t>(kPayload), 100u);
    EXPECT_EQ(reads[0].at<uint64_t>(kPayload + 24), 55u);
    EXPECT_EQ(reads[0].at<uint32_t>(kPayload + 36), 10u);
    EXPECT_EQ(writes[0].at<uint64_t>(kPayload), 4096u);
    EXPECT_EQ(writes[0].at<uint32_t>(kPayload + 36), 20u);
    EXPECT_EQ(writes[1].at<uint32_t>(kPayload + 36), 0u);
    EXPECT_EQ(reads[0].at<uint64_t>(kPayload + 16), writes[0].at<uint64_t>(kPayload + 16));
    EXPECT_EQ(sink_.of(0x0400).size(), 1u);
}

TEST_F(Files, CopiesStandWhereTheyNameItOrWhereTheFilesAre) {
    CallRecord copy = record(__NR_splice, 100);
    copy.first = file(0xF00, 55, 4000);
    copy.second = file(0xF01, 56, 700);
    set_argument(copy, 1, 3000);
    copy.offsets = 1 << 1;
    call(copy, 100);
    CallRecord send = record(__NR_sendfile, 100);  // to a socket
    send.second = file(0xF00, 55, 0);
    set_argument(send, 2, 5000);
    send.offsets = 1 << 2;
    call(send, 200);
    hand_out(300);
    const auto reads = sink_.of(0x0443);
    ASSERT_EQ(reads.size(), 2u);
    EXPECT_EQ(reads[0].at<uint64_t>(kPayload), 3000u);
    EXPECT_EQ(reads[1].at<uint64_t>(kPayload), 5000u);
    const auto writes = sink_.of(0x0444);
    ASSERT_EQ(writes.size(), 1u);
    EXPECT_EQ(writes[0].at<uint64_t>(kPayload), 600u);
    EXPECT_EQ(writes[0].at<uint32_t>(kPayload + 36), 100u);
}

TEST_F(Files, ARequestIsOfWhoHasAskedAndStandsWhereThatWas) {
    AsyncRecord done{};
    done.kind = FileRecordKind::kAsync;
    done.writes = 1;
    done.thread = 21;
    done.duration_ns = 30;
    done.result = 512;
    done.file = file(0xF00, 55, 4096);
    ByteWriter out;
    out.write(done);
    give(out.take(), 100);
    hand_out(200);
    const auto writes = sink_.of(0x0444);
    ASSERT_EQ(writes.size(), 1u);
    EXPECT_EQ(writes[0].time, 70);
    EXPECT_EQ(writes[0].at<uint64_t>(kPayload), 4096u);
    EXPECT_EQ(writes[0].at<uint64_t>(kPayload + 24), 55u);
    EXPECT_EQ(writes[0].at<uint32_t>(kPayload + 32), 21u);
    EXPECT_EQ(writes[0].at<uint32_t>(kPayload + 36), 512u);
    ASSERT_EQ(sink_.of(0x044C).size(), 1u);
    EXPECT_EQ(sink_.of(0x044C)[0].time, 100);
}

TEST_F(Files, ADeviceStaysWhereItIs) {
    CallRecord write = record(__NR_write, 100);
    write.first = file(0xF00, 55, 0);
    call(write, 100);
    hand_out(200);
    ASSERT_EQ(sink_.of(0x0444).size(), 1u);
    EXPECT_EQ(sink_.of(0x0444)[0].at<uint64_t>(kPayload), 0u);
}

TEST_F(Files, ACallThatBeganBeforeWhatWasHandedOutStandsRightBehindIt) {
    hand_out(150);
    name(55, std::string("a\0", 2), 160);
    CallRecord read = record(__NR_read, 10);
    read.first = file(0xF00, 55, 10);
    read.duration_ns = 90;
    call(read, 170);
    CallRecord later = read;
    later.duration_ns = 0;
    call(later, 300);
    hand_out(200);
    ASSERT_EQ(sink_.of(0x0443).size(), 1u);  // what ended later stays
    EXPECT_EQ(sink_.of(0x0443)[0].time, 150);
    hand_out(400);
    EXPECT_EQ(sink_.of(0x0443).size(), 2u);
}

TEST_F(Files, ANumberThatIsUsedAgainHasTheNameOfItsTime) {
    CallRecord open = record(__NR_openat, 3);
    open.first = file(0xF00, 55);
    name(55, std::string("second\0", 7), 150);  // as another processor's ring is read first
    call(open, 160, std::string("\0", 1));
    name(55, std::string("first\0", 6), 90);
    call(open, 100, std::string("\0", 1));
    hand_out(200);
    ASSERT_EQ(sink_.of(0x0440).size(), 2u);
    EXPECT_TRUE(sink_.of(0x0440)[0].contains(u"/first"));
    EXPECT_TRUE(sink_.of(0x0440)[1].contains(u"/second"));
    EXPECT_EQ(sink_.of(0x0400).size(), 2u);
}

TEST_F(Files, WhatEndedBeforeTheTraceBeganIsLeftOutButForNames) {
    files_.begin_at(120);
    name(55, std::string("a\0", 2), 90);
    CallRecord read = record(__NR_read, 10);
    read.first = file(0xF00, 55, 10);
    read.duration_ns = 50;
    call(read, 110);
    call(read, 130);
    hand_out(200);
    ASSERT_EQ(sink_.of(0x0443).size(), 1u);
    EXPECT_EQ(sink_.of(0x0443)[0].time, 120);
    EXPECT_EQ(sink_.of(0x0400).size(), 1u);
}

TEST_F(Files, ARenamedFileIsOneFileUntilItIsDeleted) {
    name(55, std::string("old\0", 4));
    name(2, std::string("d\0", 2));
    CallRecord rename = record(__NR_renameat2, 0);
    rename.bases[1] = file(0, 2);
    call(rename, 100, std::string("/old\0new\0", 9));
    CallRecord unlink = record(__NR_unlinkat, 0);
    call(unlink, 110, std::string("/d/new\0", 7));
    hand_out(200);
    ASSERT_EQ(sink_.of(0x0447).size(), 1u);
    EXPECT_EQ(sink_.of(0x0447)[0].at<uint64_t>(kPayload + 16), 55u);
    EXPECT_TRUE(sink_.of(0x0450).at(0).contains(u"/d/new"));
    ASSERT_EQ(sink_.of(0x0446).size(), 1u);
    EXPECT_EQ(sink_.of(0x0446)[0].at<uint64_t>(kPayload + 16), 55u);
    EXPECT_TRUE(sink_.of(0x044F).at(0).contains(u"/d/new"));
}

TEST_F(Files, WhatIsMadeIsACreateOfItsKindThatOpensNothing) {
    name(2, std::string("d\0", 2));
    struct Made {
        long call;
        uint32_t options, attributes;
    };
    for (const Made& made : {Made{__NR_mkdirat, 0x02000001, 0x10},     // FILE_DIRECTORY_FILE
                             Made{__NR_symlinkat, 0x02200000, 0x400},  // FILE_OPEN_REPARSE_POINT
                             Made{__NR_mknodat, 0x02000000, 0x80}}) {
        sink_.sent.clear();
        CallRecord make = record(made.call, 0);
        make.bases[0] = file(0, 2);
        call(make, 100, std::string("new\0", 4));
        hand_out(200);
        const auto create = sink_.of(0x0440).at(0);
        EXPECT_EQ(create.at<uint64_t>(kPayload + 8), 0u);
        EXPECT_EQ(create.at<uint32_t>(kPayload + 20), made.options);
        EXPECT_EQ(create.at<uint32_t>(kPayload + 24), made.attributes);
        EXPECT_TRUE(create.contains(u"/d/new"));
        const auto end = sink_.of(0x044C).at(0);
        EXPECT_EQ(end.at<uint64_t>(kPayload), create.at<uint64_t>(kPayload));
        EXPECT_EQ(end.at<uint64_t>(kPayload + 8), 2u);  // FILE_CREATED
    }
}

TEST_F(Files, ALinkIsOfTheFileAndTellsItsNewPath) {
    name(55, std::string("old\0", 4));
    CallRecord link = record(__NR_linkat, 0);
    call(link, 100, std::string("/old\0/new\0", 10));
    hand_out(200);
    for (const uint16_t hook : {uint16_t{0x0445}, uint16_t{0x0451}}) {
        const auto told = sink_.of(hook).at(0);
        EXPECT_EQ(told.at<uint64_t>(kPayload + 16), 55u);
        EXPECT_EQ(told.at<uint32_t>(kPayload + 36), 11u);  // FileLinkInformation
    }
    EXPECT_TRUE(sink_.of(0x0451)[0].contains(u"/new"));
    EXPECT_EQ(sink_.of(0x044C).size(), 1u);
}

TEST_F(Files, WhatIsSetIsOfAPathOrOfAnOpenFile) {
    name(55, std::string("a\0", 2));
    CallRecord open = record(__NR_openat, 3);
    open.first = file(0xF00, 55);
    call(open, 90, std::string("/a\0", 3));
    CallRecord truncate = record(__NR_truncate, 0);
    set_argument(truncate, 1, 1234);
    call(truncate, 100, std::string("/a\0", 3));
    CallRecord mode = record(__NR_fchmodat, 0);
    set_argument(mode, 2, 0640);
    call(mode, 110, std::string("/a\0", 3));
    CallRecord open_mode = record(__NR_fchmod, 0);
    open_mode.first = file(0xF00, 55);
    set_argument(open_mode, 1, 0600);
    call(open_mode, 120);
    CallRecord times = record(__NR_utimensat, 0);  // of the descriptor: without a path
    times.bases[0] = file(0xF00, 55);
    call(times, 130, std::string("\0", 1));
    CallRecord of_a_pipe = record(__NR_utimensat, 0);
    call(of_a_pipe, 140, std::string("\0", 1));
    hand_out(200);
    const uint64_t object = sink_.of(0x0440).at(0).at<uint64_t>(kPayload + 8);
    const auto told = sink_.of(0x0445);
    struct Expected {
        uint64_t object, extra;
        uint32_t information;
    };
    const std::vector<Expected> expected = {
        {0, 1234, 20}, {0, 0640, 4}, {object, 0600, 4}, {object, 0, 4}};
    ASSERT_EQ(told.size(), expected.size());
    for (size_t i = 0; i < told.size(); ++i) {
        EXPECT_EQ(told[i].at<uint64_t>(kPayload + 8), expected[i].object) << i;
        EXPECT_EQ(told[i].at<uint64_t>(kPayload + 16), 55u) << i;
        EXPECT_EQ(told[i].at<uint64_t>(kPayload + 24), expected[i].extra) << i;
        EXPECT_EQ(told[i].at<uint32_t>(kPayload + 36), expected[i].information) << i;
    }
}

TEST_F(Files, DamagedRecordsAreNone) {
    give({}, 10);
    give({std::byte{1}}, 10);
    CallRecord open = record(__NR_openat, 3);
    ByteWriter out;
    out.write(open);
    auto data = out.take();
    for (size_t size = 0; size < data.size(); ++size) {
        give({data.begin(), data.begin() + ptrdiff_t(size)}, 20);
    }
    open.number = 99999;
    call(open, 30, std::string(5000, 'x'));
    hand_out(100);
}

TEST(FileNames, FilesOfTwoDevicesWithOneInodeNumberAreTwo) {
    FileNames names;
    FakeSink sink;
    const uint64_t first = names.key(1, 5);
    const uint64_t second = names.key(2, 5);
    EXPECT_EQ(first, 5u);
    EXPECT_NE(second, first);
    EXPECT_EQ(names.key(2, 5), second);
    names.learn(first, "/a");
    names.learn(second, "/b");
    names.tell(first, sink, 1, 0);
    names.tell(first, sink, 2, 0);
    EXPECT_EQ(sink.sent.size(), 1u);
    names.rundown(sink, 3);
    EXPECT_EQ(sink.of(0x0424).size(), 1u);
}

// As long as Linux has them; where the session's buffers are too small, their end.
TEST(FileNames, LongPathsAreWholeOrSayThatTheyAreNot) {
    std::string folder;
    std::u16string wide;
    for (char letter = 'a'; letter < 'p'; ++letter) {
        folder += '/' + std::string(255, letter);
        wide += u'/' + std::u16string(255, char16_t(letter));
    }
    folder += '/' + std::string(254, 'z');
    wide += u'/' + std::u16string(254, u'z') + u'\0';
    ASSERT_EQ(folder.size(), 4095u);
    for (const size_t longest : {size_t{16000}, size_t{8000}, size_t{4000}}) {
        FileNames names(longest);
        FakeSink sink;
        names.learn(7, folder);
        names.tell(7, sink, 1, 0);
        names.rundown(sink, 2);
        ASSERT_EQ(sink.sent.size(), 2u);
        for (const auto& sent : sink.sent) {
            EXPECT_LE(sent.record.size(), longest);
            EXPECT_EQ(sent.contains(wide), longest == 16000);
            EXPECT_EQ(sent.contains(u".../"), longest != 16000);
            EXPECT_TRUE(sent.contains(wide.substr(wide.size() - 1024)));
        }
    }
}

TEST(FileNames, AFolderIsRenamedWithWhatIsInIt) {
    FileNames names;
    names.learn(1, "/a");
    names.learn(2, "/a/x/y");
    names.learn(3, "/ab");
    names.rename("/a", "/c");
    EXPECT_EQ(*names.path(1), "/c");
    EXPECT_EQ(*names.path(2), "/c/x/y");
    EXPECT_EQ(*names.path(3), "/ab");
    EXPECT_EQ(names.key_of_path("/c/x/y"), 2u);
    EXPECT_NE(names.key_of_path("/a/x/y"), 2u);
}

}  // namespace
}  // namespace etw::kernel
