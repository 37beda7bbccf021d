#include "base/clear_range.h"
#include "support/temp_folder.h"

#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <vector>

namespace etw {
namespace {

using ByteVector = std::vector<std::byte>;

class FileTest : public testing::Test {
protected:
    File create() {
        auto file = File::create(path_, true);
        EXPECT_TRUE(file);
        return *std::move(file);
    }
    ByteVector contents() {
        auto file = File::open_read(path_);
        EXPECT_TRUE(file);
        ByteVector out(size_t(*file->size()));
        EXPECT_TRUE(file->read_at(0, out));
        return out;
    }
    test::TempFolder folder_;
    std::string path_ = folder_ / "file";
};

ByteVector numbered(size_t size, int first = 0) {
    ByteVector out(size);
    for (size_t i = 0; i < size; ++i) out[i] = std::byte(first + int(i));
    return out;
}

TEST_F(FileTest, WritesManyPiecesBackToBackEvenEmptyOnes) {
    File file = create();
    const ByteVector all = numbered(3000);
    std::vector<Bytes> pieces;
    for (size_t at = 0; at < all.size(); ++at) {  // more than one system call takes
        pieces.push_back(Bytes(all).subspan(at, 1));
        pieces.push_back({});
    }
    ASSERT_TRUE(file.write_at(5, pieces));
    ByteVector want(5);
    want.insert(want.end(), all.begin(), all.end());
    EXPECT_EQ(contents(), want);
}

TEST_F(FileTest, NothingToWriteIsNoError) {
    File file = create();
    EXPECT_TRUE(file.write_at(0, std::span<const Bytes>{}));
    EXPECT_TRUE(file.write_at(0, Bytes{}));
    EXPECT_EQ(*file.size(), 0u);
}

TEST_F(FileTest, WriteThatIsCutShortGoesOnUntilTheErrorShows) {
    File file = create();
    rlimit old{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
    rlimit limited = old;
    limited.rlim_cur = 100;
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limited), 0);
    const auto done = file.write_at(0, numbered(300));
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
    std::signal(SIGXFSZ, handler);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Code::kDiskFull);
    EXPECT_EQ(contents(), numbered(100));
}

TEST_F(FileTest, ReadPastTheEndIsInvalidData) {
    File file = create();
    ASSERT_TRUE(file.write_at(0, numbered(10)));
    ByteVector out(6);
    EXPECT_TRUE(file.read_at(4, out));
    EXPECT_EQ(out, numbered(6, 4));
    const auto done = file.read_at(5, out);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Code::kInvalidData);
    EXPECT_EQ(done.error().where, 10u);
}

TEST_F(FileTest, ResizeAndPreallocateSetTheSize) {
    File file = create();
    ASSERT_TRUE(file.preallocate(5000));
    EXPECT_EQ(*file.size(), 5000u);
    ASSERT_TRUE(file.resize(100));
    EXPECT_EQ(contents(), ByteVector(100));
}

TEST_F(FileTest, WhatIsClearedIsZeroAndKeepsItsRoom) {
    for (const auto clear : {clear_range, write_zeros}) {
        File file = create();
        constexpr size_t kSize = 300'000;
        ASSERT_TRUE(file.write_at(0, ByteVector(kSize, std::byte{7})));
        ASSERT_EQ(::fsync(file.fd().get()), 0);  // some file systems find room as they write
        struct stat before {};
        ASSERT_EQ(::fstat(file.fd().get(), &before), 0);
        ASSERT_TRUE(clear(file, 1000, kSize - 10));
        ASSERT_TRUE(clear(file, 2000, 2000));
        ASSERT_EQ(::fsync(file.fd().get()), 0);
        struct stat after {};
        ASSERT_EQ(::fstat(file.fd().get(), &after), 0);
        EXPECT_EQ(after.st_size, before.st_size);
        EXPECT_GE(after.st_blocks, before.st_blocks);
        ByteVector expected(kSize, std::byte{7});
        std::fill(expected.begin() + 1000, expected.end() - 10, std::byte{0});
        EXPECT_EQ(contents(), expected);
    }
}

TEST_F(FileTest, CreateKeepsOrTruncatesWhatIsThere) {
    { ASSERT_TRUE(create().write_at(0, numbered(10))); }
    EXPECT_EQ(*File::create(path_, false)->size(), 10u);
    EXPECT_EQ(*File::create(path_, true)->size(), 0u);
}

TEST_F(FileTest, OpenForReadingTakesRegularFilesOnlyAndDoesNotWait) {
    const auto code = [](const std::string& path) { return File::open_read(path).error().code; };
    EXPECT_EQ(code(path_), Code::kFileNotFound);
    EXPECT_EQ(code(folder_.path()), Code::kInvalidParameter);
    const std::string pipe = folder_ / "pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    EXPECT_EQ(code(pipe), Code::kInvalidParameter);
    { create(); }
    auto file = File::open_read(path_);
    ASSERT_TRUE(file);
    EXPECT_FALSE(file->write_at(0, numbered(1)));
}

TEST_F(FileTest, ReadFileGivesAllOfItUpToALimit) {
    { ASSERT_TRUE(create().write_at(0, numbered(10))); }
    EXPECT_EQ(*read_file(path_, 10), numbered(10));
    EXPECT_EQ(read_file(path_, 9).error().code, Code::kBadLength);
    EXPECT_EQ(read_file(path_ + "x", 9).error().code, Code::kFileNotFound);
    { create(); }
    EXPECT_TRUE(read_file(path_, 0)->empty());
}

}  // namespace
}  // namespace etw
