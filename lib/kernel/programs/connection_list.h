// The TCP connections that are there when a trace begins, which no tracepoint tells: a program of
// ours in the kernel goes through the open files of all processes, in whatever network namespace.
#pragma once
#include "etw/result.h"
#include "kernel/programs/socket_ends.h"

#include <vector>

namespace etw::kernel {

struct OpenConnection {
    uint64_t socket;  // the kernel's
    uint32_t process;
    uint8_t state;
    uint8_t zero[3];
    uint32_t read_to;  // of what it receives: a number of TCP's
    uint32_t zero_too;
    SocketEnds ends;
};
static_assert(sizeof(OpenConnection) == 64);

// One for each descriptor that refers to it. Fails with kNotSupported where the kernel cannot, and
// with kAccessDenied without the rights.
Result<std::vector<OpenConnection>> list_connections();

}  // namespace etw::kernel
