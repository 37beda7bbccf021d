#include "base/hidden_fd.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string_view>

namespace etw {
namespace {

UniqueFd some_memory() { return UniqueFd(::memfd_create("hidden", MFD_CLOEXEC)); }

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

// What `run` returns in a child.
template <class F>
int in_child(int needed, F run) {
    const auto child = fork_without_hidden(needed, [&] { ::_exit(run()); });
    EXPECT_TRUE(child);
    int status = -1;
    EXPECT_EQ(::waitpid(*child, &status, 0), *child);
    EXPECT_TRUE(WIFEXITED(status));
    return WEXITSTATUS(status);
}

TEST(HiddenFd, IsTheSameFileAndGoesWithItsOwner) {
    UniqueFd fd = some_memory();
    ASSERT_EQ(::write(fd.get(), "abc", 3), 3);
    int number = -1;
    {
        const UniqueFd hidden = hide_from_children(std::move(fd));
        number = hidden.get();
        char text[3]{};
        EXPECT_EQ(::pread(number, text, sizeof(text), 0), 3);
        EXPECT_EQ(std::string_view(text, 3), "abc");
        EXPECT_EQ(::fcntl(number, F_GETFD), FD_CLOEXEC);
    }
    EXPECT_FALSE(is_open(number));
    EXPECT_FALSE(hide_from_children(UniqueFd()));
}

TEST(HiddenFd, IsNoChilds) {
    const UniqueFd seen = some_memory();
    const UniqueFd hidden = hide_from_children(some_memory());
    EXPECT_EQ(in_child(seen.get(), [&] { return is_open(seen.get()) ? 1 : 0; }), 1);
    EXPECT_EQ(in_child(seen.get(), [&] { return is_open(hidden.get()) ? 1 : 0; }), 0);
    EXPECT_TRUE(is_open(hidden.get()));
}

// Of a process with very many descriptors.
TEST(HiddenFd, WhatIsNeededComesAlongWhateverItsNumber) {
    const UniqueFd needed = hide_from_children(some_memory());
    const UniqueFd hidden(::fcntl(needed.get(), F_DUPFD_CLOEXEC, needed.get() + 1));
    ASSERT_TRUE(hidden);
    EXPECT_EQ(in_child(needed.get(), [&] { return is_open(needed.get()) ? 1 : 0; }), 1);
    EXPECT_EQ(in_child(needed.get(), [&] { return is_open(hidden.get()) ? 1 : 0; }), 0);
}

}  // namespace
}  // namespace etw
