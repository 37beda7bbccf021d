#include "base/unix_socket.h"

#include "support/temp_folder.h"

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/stat.h>

namespace etw {
namespace {

// Another user who is quick must not be in the queue when its owner narrows the mode.
TEST(ListenAt, MakesASocketOfItsOwnersAlone) {
    const test::TempFolder folder;
    const std::string path = folder / "socket";
    const mode_t before = ::umask(0);
    const auto listening = listen_at(path, SOCK_STREAM);
    ::umask(before);
    ASSERT_TRUE(listening);
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, mode_t{0600});
    EXPECT_TRUE(connect_to(path, SOCK_STREAM));
}

}  // namespace
}  // namespace etw
