#include "base/mapping.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace etw {
namespace {

constexpr size_t kSize = 8192;

bool is_mapped(const std::byte* at) {
    return ::msync(const_cast<std::byte*>(at), kSize, MS_ASYNC) == 0;
}

TEST(Mapping, IsOneOfWhatOthersSeeAndEndsWithItsLastOwner) {
    const auto file = make_memory_file("mapping", kSize);
    ASSERT_TRUE(file);
    auto first = Mapping::of(*file, kSize, "first");
    const auto second = Mapping::of(*file, kSize, "second", false);
    ASSERT_TRUE(first && second);
    first->as<uint32_t>() = 7;
    EXPECT_EQ(second->as<uint32_t>(), 7u);

    const std::byte* const at = first->get();
    Mapping owner = std::move(*first);
    EXPECT_FALSE(*first);
    EXPECT_EQ(owner.get(), at);
    EXPECT_EQ(owner.size(), kSize);
    EXPECT_TRUE(is_mapped(at));
    owner = {};
    EXPECT_FALSE(is_mapped(at));
}

TEST(Mapping, SaysWhatCouldNotBeMapped) {
    const UniqueFd none;
    const auto mapping = Mapping::of(none, kSize, "what it was");
    ASSERT_FALSE(mapping);
    EXPECT_STREQ(mapping.error().what, "what it was");
    EXPECT_EQ(mapping.error().where, uint64_t(EBADF));
}

TEST(MemoryFile, IsAllThereAndStaysAsLargeAsItIs) {
    const auto file = make_memory_file("mapping", kSize);
    ASSERT_TRUE(file);
    EXPECT_NE(::ftruncate(file->get(), kSize / 2), 0);
    EXPECT_NE(::ftruncate(file->get(), kSize * 2), 0);
    EXPECT_NE(::fcntl(file->get(), F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_EQ(::lseek(file->get(), 0, SEEK_END), off_t(kSize));
}

}  // namespace
}  // namespace etw
