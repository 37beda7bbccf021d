// Takes etwd's arguments, leaves a mark in its folder for each start, and answers every request
// with an empty list until it is asked to shut down. The file `behave` in the folder asks for more:
// "fail" ends at once, "hang" never listens.
#include "base/unique_fd.h"
#include "wire/control_protocol.h"
#include "wire/provider_protocol.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <fstream>
#include <string>

using namespace etw;

int main(int argc, char** argv) {
    if (argc != 5 || std::strcmp(argv[1], "--runtime-dir") != 0 ||
        std::strcmp(argv[3], "--ready-fd") != 0) {
        return 2;
    }
    const std::string folder = argv[2];
    std::ofstream(folder + "/started." + std::to_string(::getpid()));
    std::string behave;
    std::ifstream(folder + "/behave") >> behave;
    if (behave == "fail") return 1;
    const UniqueFd lock(::open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return 1;
    if (behave == "hang") {
        while (true) ::pause();
    }
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (folder + "/" + wire::kControlSocketName).copy(address.sun_path, sizeof(address.sun_path));
    ::unlink(address.sun_path);
    const UniqueFd listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
            0 ||
        ::listen(listening.get(), 64) != 0) {
        return 1;
    }
    // What it was left with, for the test to look at.
    std::ofstream(folder + "/tty") << ::isatty(STDIN_FILENO) << ::getsid(0);
    std::ofstream fds(folder + "/fds");
    for (int fd = 0; fd < 256; ++fd) {
        if (fd != lock.get() && fd != listening.get() && ::fcntl(fd, F_GETFD) >= 0) {
            const std::string link = "/proc/self/fd/" + std::to_string(fd);
            char target[256] = {};
            if (::readlink(link.c_str(), target, sizeof(target) - 1) > 0 &&
                std::strstr(target, "leaked") != nullptr) {
                fds << target << "\n";
            }
        }
    }
    fds.close();
    if (::write(std::atoi(argv[4]), "r", 1) != 1) return 1;
    while (true) {
        const UniqueFd connection(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
        wire::ControlFrame frame{};
        while (::recv(connection.get(), &frame, sizeof(frame), MSG_WAITALL) == sizeof(frame)) {
            struct {
                wire::ControlFrame frame;
                uint32_t count;
            } const reply{{wire::ControlFrame::kMagic, wire::kControlProtocolVersion, 0, 4}, 0};
            ::send(connection.get(), &reply, sizeof(reply), MSG_NOSIGNAL);
        }
    }
}
