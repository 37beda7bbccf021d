#include "host/control/accept.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>

namespace etw::host {

UniqueFd accept_next(int listening) {
    static UniqueFd spare;  // what is closed is taken with its descriptor
    if (!spare) spare.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    UniqueFd accepted(::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!accepted && (errno == EMFILE || errno == ENFILE)) {
        spare.reset();
        UniqueFd(::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)).reset();
        spare.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    }
    return accepted;
}

}  // namespace etw::host
