// Logs with one thing wrong each: what is sound around it is read, what is lost is counted.
#include "log_builder.h"
#include "support/temp_folder.h"
#include "xpress_compressor.h"

#include <gtest/gtest.h>

#include <fstream>

namespace etw::etl {
namespace {

using namespace test;
using etw::test::TempFolder;
using testing::Test;

std::vector<ByteVector> events(int64_t first, size_t count = 3) {
    std::vector<ByteVector> out;
    for (size_t i = 0; i < count; ++i) out.push_back(event(first + int64_t(i)));
    return out;
}

// Three buffers of one processor with the times 0.., 10.. and 20.. after the start.
class DamagedLog : public Test {
protected:
    DamagedLog() {
        for (int i = 0; i < 3; ++i) log_.buffer(0, i + 1, events(kStartRaw + i * 10));
    }

    wire::BufferHeader header(size_t buffer) {
        wire::BufferHeader out;
        std::memcpy(&out, &log_.bytes()[buffer * kBufferSize], sizeof(out));
        return out;
    }
    void set_header(size_t buffer, const wire::BufferHeader& header) {
        std::memcpy(&log_.bytes()[buffer * kBufferSize], &header, sizeof(header));
    }
    // The first record of a buffer.
    std::byte* record_at(size_t buffer, size_t offset = 0) {
        return &log_.bytes()[buffer * kBufferSize + sizeof(wire::BufferHeader) + offset];
    }
    // Times relative to the start; checks what must hold for any damage.
    std::vector<int64_t> read() {
        got_ = read_all(log_.bytes());
        EXPECT_EQ(got_.consumed, log_.bytes().size());
        EXPECT_EQ(got_.damage.first.empty(), got_.damage.buffers + got_.damage.records == 0);
        std::vector<int64_t> out;
        for (const int64_t time : got_.times) out.push_back(time - kStartRaw);
        return out;
    }
    using Times = std::vector<int64_t>;
    static inline const Times kAll{0, 1, 2, 10, 11, 12, 20, 21, 22};
    static inline const Times kWithoutSecond{0, 1, 2, 20, 21, 22};

    LogBuilder log_;
    ReadLog got_;
};

TEST_F(DamagedLog, SoundLogHasNoDamage) {
    EXPECT_EQ(read(), kAll);
    EXPECT_EQ(got_.buffers, 4u);
    EXPECT_EQ(got_.damage.buffers, 0u);
    EXPECT_EQ(got_.damage.bytes, 0u);
    EXPECT_EQ(got_.damage.records, 0u);
}

TEST_F(DamagedLog, BufferSizeOfZeroInTheMiddleSkipsThatBuffer) {
    auto h = header(2);
    h.buffer_size = 0;
    set_header(2, h);
    EXPECT_EQ(read(), kWithoutSecond);
    EXPECT_EQ(got_.damage.buffers, 1u);
    EXPECT_EQ(got_.damage.bytes, kBufferSize);
}

TEST_F(DamagedLog, BufferSizeThatIsTooLargeOrOddSkipsThatBuffer) {
    for (const uint32_t size :
         {1u, 71u, kBufferSize - 8, kBufferSize + 8, 0x80000000u, UINT32_MAX}) {
        auto h = header(2);
        h.buffer_size = size;
        set_header(2, h);
        EXPECT_EQ(read(), kWithoutSecond) << size;
        EXPECT_EQ(got_.damage.buffers, 1u);
    }
}

TEST_F(DamagedLog, FilledLengthThatCannotBeSkipsTheBuffer) {
    for (const uint32_t filled : {0u, 71u, kBufferSize + 1, UINT32_MAX}) {
        auto h = header(2);
        h.offset = h.saved_offset = filled;
        set_header(2, h);
        EXPECT_EQ(read(), kWithoutSecond) << filled;
        EXPECT_EQ(got_.damage.buffers, 1u);
    }
}

TEST_F(DamagedLog, SavedOffsetStandsInForADamagedFilledLength) {
    auto h = header(2);
    h.offset = UINT32_MAX;
    set_header(2, h);
    EXPECT_EQ(read(), kAll);
}

TEST_F(DamagedLog, GarbageInsteadOfABufferIsSkippedAndCountedOnce) {
    std::fill_n(log_.bytes().begin() + 2 * kBufferSize, kBufferSize, std::byte{0xA7});
    EXPECT_EQ(read(), kWithoutSecond);
    EXPECT_EQ(got_.damage.buffers, 1u);
    EXPECT_EQ(got_.damage.bytes, kBufferSize);
    EXPECT_EQ(got_.buffers, 3u);
    EXPECT_EQ(got_.damage.first, "buffer at 0x2000: header makes no sense");
}

TEST_F(DamagedLog, ZerosInTheMiddleAreDamageButNotAtTheEnd) {
    std::fill_n(log_.bytes().begin() + 2 * kBufferSize, kBufferSize, std::byte{0});
    EXPECT_EQ(read(), kWithoutSecond);
    EXPECT_EQ(got_.damage.buffers, 1u);

    LogBuilder sound;
    sound.buffer(0, 1, events(kStartRaw));
    sound.raw(ByteVector(5 * kBufferSize + 13));
    EXPECT_EQ(read_all(sound.bytes()).damage.first, "");
    EXPECT_EQ(read_all(sound.bytes()).times.size(), 3u);
}

TEST_F(DamagedLog, RecordSizeOfZeroEndsTheBuffer) {
    std::memset(record_at(2, 96), 0, 2);
    EXPECT_EQ(read(), (Times{0, 1, 2, 10, 20, 21, 22}));
    EXPECT_EQ(got_.damage.buffers, 1u);
    EXPECT_EQ(got_.damage.bytes, 2 * 96u);
}

TEST_F(DamagedLog, RecordSizePastTheEndEndsTheBuffer) {
    std::memset(record_at(2, 96), 0xFF, 2);
    EXPECT_EQ(read(), (Times{0, 1, 2, 10, 20, 21, 22}));
    EXPECT_EQ(got_.damage.buffers, 1u);
}

TEST_F(DamagedLog, RecordSizeBelowItsHeaderEndsTheBuffer) {
    const uint16_t size = 79;
    std::memcpy(record_at(2, 96), &size, 2);
    EXPECT_EQ(read(), (Times{0, 1, 2, 10, 20, 21, 22}));
}

TEST_F(DamagedLog, UnknownMarkersAndTypesEndTheBuffer) {
    for (const uint32_t marker : {0u, 0x12345678u, 0xC0000060u, 0xC0140000u | 8, 0xC07F0060u,
                                  0xC00D0060u, 0xC00C0060u, 0x80000060u, 0xB0000060u}) {
        std::memcpy(record_at(2, 96), &marker, 4);
        EXPECT_EQ(read(), (Times{0, 1, 2, 10, 20, 21, 22})) << marker;
        EXPECT_EQ(got_.damage.buffers, 1u);
    }
}

TEST_F(DamagedLog, FillBytesAtARecordBoundaryEndTheBufferAndAreNoDamage) {
    std::memset(record_at(2, 96), 0xFF, 2 * 96);
    EXPECT_EQ(read(), (Times{0, 1, 2, 10, 20, 21, 22}));
    EXPECT_EQ(got_.damage.first, "");
}

TEST_F(DamagedLog, LastRecordNeedsNoPadding) {
    ByteVector odd = event(kStartRaw + 30, 13);
    odd.resize(80 + 13);
    log_.buffer(0, 4, {odd});
    EXPECT_EQ(read().back(), 30);
    EXPECT_EQ(got_.damage.first, "");
}

TEST_F(DamagedLog, FileCutAnywhereKeepsEveryWholeRecordBefore) {
    const ByteVector whole = log_.bytes();
    const size_t data = 3 * kBufferSize + sizeof(wire::BufferHeader);
    for (size_t size = kBufferSize; size < whole.size(); size += 7) {
        log_.bytes().assign(whole.begin(), whole.begin() + ptrdiff_t(size));
        const size_t last = size < data ? 0 : std::min<size_t>((size - data) / 96, 3);
        const size_t before = std::min<size_t>(size / kBufferSize - 1, 2) * 3;
        if (size >= data) {
            EXPECT_EQ(read().size(), before + last) << size;
        } else {
            EXPECT_GE(read().size(), before) << size;
        }
        EXPECT_EQ(got_.damage.buffers >= 1, size % kBufferSize != 0) << size;
    }
}

TEST_F(DamagedLog, CutHeaderBufferStillGivesTheHeaderEvent) {
    log_.bytes().resize(kBufferSize - 100);
    auto reader = LogReader::over(log_.bytes());
    ASSERT_TRUE(reader);
    Record record;
    EXPECT_TRUE(reader->next(record));
    EXPECT_FALSE(reader->next(record));
    EXPECT_EQ(reader->damage().buffers, 1u);
}

TEST_F(DamagedLog, DamagedHeaderBufferSizeDoesNotHideTheRest) {
    for (const uint32_t size : {0u, 71u, 100u, 2000u, kBufferSize + 8, UINT32_MAX}) {
        auto h = header(0);
        h.buffer_size = size;
        set_header(0, h);
        const Times got = read();
        EXPECT_EQ(got, kAll) << size;
        EXPECT_GE(got_.damage.buffers, 1u);
    }
}

TEST_F(DamagedLog, DamagedFilledLengthOfTheHeaderBufferDoesNotHideTheEvent) {
    for (const uint32_t filled : {0u, 80u, kBufferSize + 1, UINT32_MAX}) {
        auto h = header(0);
        h.offset = h.saved_offset = filled;
        set_header(0, h);
        EXPECT_EQ(read(), kAll) << filled;
        EXPECT_EQ(got_.damage.buffers, 1u);
    }
}

TEST_F(DamagedLog, DamagedBufferSizeInTheHeaderEventIsMadeUpForByTheBuffers) {
    for (const uint32_t size : {0u, 71u, UINT32_MAX}) {
        std::memcpy(record_at(0, sizeof(wire::SystemHeader)), &size, sizeof(size));
        EXPECT_EQ(read(), kAll) << size;
        EXPECT_EQ(got_.damage.buffers, 1u);
    }
}

TEST_F(DamagedLog, FileWithoutAHeaderEventIsNoLog) {
    const auto refused = [](Bytes file) {
        const auto reader = LogReader::over(file);
        return !reader && reader.error().code == Code::kInvalidData;
    };
    EXPECT_TRUE(refused({}));
    EXPECT_TRUE(refused(ByteVector(71)));
    EXPECT_TRUE(refused(ByteVector(100'000)));
    EXPECT_TRUE(refused(Bytes(log_.bytes()).first(300)));  // ends inside the event
    EXPECT_TRUE(refused(Bytes(log_.bytes()).subspan(kBufferSize)));
    *record_at(0, 6) = std::byte{5};  // another hook
    EXPECT_TRUE(refused(log_.bytes()));
}

TEST_F(DamagedLog, HeaderEventTooShortForItsFieldsIsRefused) {
    const uint16_t size = 32 + 0x117;
    std::memcpy(record_at(0, 4), &size, 2);
    EXPECT_FALSE(LogReader::over(log_.bytes()));
}

TEST_F(DamagedLog, FileThatShrinksWhileItIsReadLosesOnlyItsEnd) {
    const TempFolder folder;
    const std::string path = folder / "log.etl";
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(log_.bytes().data()),
               std::streamsize(log_.bytes().size()));
    auto reader = LogReader::open(path);
    ASSERT_TRUE(reader);
    std::filesystem::resize_file(path, 2 * kBufferSize + 10);
    const ReadLog got = read_all(*reader);
    EXPECT_EQ(got.times.size(), 3u);
    EXPECT_EQ(got.damage.buffers, 2u);
    EXPECT_EQ(got.consumed, reader->size_bytes());
}

TEST_F(DamagedLog, BufferThatIsReusedWhileItIsReadIsNotTakenForTheOldOne) {
    auto reader = LogReader::over(log_.bytes());
    ASSERT_TRUE(reader);
    auto h = header(3);
    h.sequence = 9;
    set_header(3, h);
    const ReadLog got = read_all(*reader);
    EXPECT_EQ(got.times.size(), 6u);
    EXPECT_EQ(got.damage.buffers, 1u);
}

TEST(LogReaderOpen, SaysWhyAFileCannotBeOpened) {
    const TempFolder folder;
    const auto code = [](const std::string& path) { return LogReader::open(path).error().code; };
    EXPECT_EQ(code(folder / "missing.etl"), Code::kFileNotFound);
    EXPECT_EQ(code(folder / ""), Code::kInvalidParameter);
    std::ofstream(folder / "text.etl") << "hello";
    EXPECT_EQ(code(folder / "text.etl"), Code::kInvalidData);
}

// --- compressed ----------------------------------------------------------------------------------

// The header buffer and compressed ones of different sizes, as a relogger writes them.
class CompressedLog : public Test {
protected:
    CompressedLog() {
        log_.bytes().resize(1024);
        uint32_t size = 1024;
        std::memcpy(log_.bytes().data(), &size, 4);
        for (int i = 0; i < 3; ++i) add(i + 1, joined(events(kStartRaw + i * 10)));
    }
    void add(int64_t sequence, const ByteVector& body) {
        const ByteVector stored = XpressCompressor::compress(body);
        auto header = buffer_header(0, sequence, body.size());
        header.buffer_size = uint32_t(sizeof(header) + stored.size());
        header.flags |= wire::kBufferCompressed;
        starts_.push_back(log_.bytes().size());
        log_.raw(std::as_bytes(std::span(&header, 1))).raw(stored);
    }
    template <class T>
    void poke(size_t buffer, size_t offset, T value) {
        std::memcpy(&log_.bytes()[starts_[buffer] + offset], &value, sizeof(value));
    }
    ReadLog read() {
        ReadLog got = read_all(log_.bytes());
        EXPECT_EQ(got.consumed, log_.bytes().size());
        return got;
    }

    LogBuilder log_;
    std::vector<size_t> starts_;
};

TEST_F(CompressedLog, IsReadLikeAnyOther) {
    const ReadLog got = read();
    EXPECT_EQ(got.times.size(), 9u);
    EXPECT_EQ(got.buffers, 4u);
    EXPECT_EQ(got.damage.first, "");
}

TEST_F(CompressedLog, BuffersThatDidNotShrinkMayStandBetween) {
    const ByteVector body = joined(events(kStartRaw + 30));
    auto header = buffer_header(0, 4, body.size());
    header.buffer_size = uint32_t(sizeof(header) + body.size());
    log_.raw(std::as_bytes(std::span(&header, 1))).raw(body);
    add(5, joined(events(kStartRaw + 40)));
    EXPECT_EQ(read().times.size(), 15u);
    EXPECT_EQ(read().damage.first, "");
}

TEST_F(CompressedLog, BadCompressedDataSkipsThatBufferOnly) {
    poke(1, sizeof(wire::BufferHeader), UINT32_MAX);  // all items are matches, from nowhere
    const ReadLog got = read();
    EXPECT_EQ(got.times.size(), 6u);
    EXPECT_EQ(got.damage.buffers, 1u);
    EXPECT_EQ(got.damage.bytes, starts_[2] - starts_[1]);
}

TEST_F(CompressedLog, ExpandedSizeBeyondTheSessionsBufferIsRefused) {
    for (const uint32_t size : {kBufferSize + 8, UINT32_MAX, 0u}) {
        poke(1, offsetof(wire::BufferHeader, offset), size);
        poke(1, offsetof(wire::BufferHeader, saved_offset), size);
        const ReadLog got = read();
        EXPECT_EQ(got.times.size(), 6u) << size;
        EXPECT_EQ(got.damage.buffers, 1u);
    }
}

TEST_F(CompressedLog, NextBufferIsFoundByItsHeaderWhereASizeIsDamaged) {
    for (const uint32_t size : {0u, 71u, 1'000'000u, UINT32_MAX}) {
        poke(1, 0, size);
        const ReadLog got = read();
        EXPECT_EQ(got.times.size(), 6u) << size;
        EXPECT_EQ(got.damage.buffers, 1u);
        EXPECT_EQ(got.damage.bytes, starts_[2] - starts_[1]);
    }
}

TEST_F(CompressedLog, CutInTheLastBufferKeepsTheOthers) {
    log_.bytes().resize(log_.bytes().size() - 8);
    const ReadLog got = read();
    EXPECT_EQ(got.times.size(), 6u);
    EXPECT_GE(got.damage.buffers, 1u);
}

TEST_F(CompressedLog, TinyBufferThatClaimsToHoldMillionsIsRefused) {
    LogFileInfo info = log_info();
    info.buffer_size = wire::kMaxBufferSize;
    ByteVector front = build_header_buffer(info);
    const auto size = uint32_t(front.size());
    std::memcpy(front.data(), &size, 4);
    XpressCompressor c;
    c.literal(std::byte{0});
    c.match(1, wire::kMaxBufferSize - sizeof(wire::BufferHeader) - 1);
    const ByteVector stored = c.finish();
    auto header = buffer_header(0, 1, wire::kMaxBufferSize - sizeof(wire::BufferHeader));
    header.buffer_size = uint32_t(sizeof(header) + stored.size());
    header.flags |= wire::kBufferCompressed;
    const ByteVector head = record(header);
    front.insert(front.end(), head.begin(), head.end());
    front.insert(front.end(), stored.begin(), stored.end());
    EXPECT_EQ(read_all(front).damage.first.substr(0, 6), "buffer");
    EXPECT_EQ(read_all(front).damage.buffers, 1u);
}

}  // namespace
}  // namespace etw::etl
