// The TCP connections that are there when a trace begins, which no tracepoint tells: a program of
// ours in the kernel goes through the open files of all processes, in whatever network namespace.
#pragma once
#include "etw/result.h"

#include <array>
#include <cstdint>
#include <vector>

namespace etw::kernel {

struct OpenConnection {
    uint64_t socket;  // the kernel's
    uint32_t process;
    uint16_t family;  // AF_INET, AF_INET6
    uint16_t local_port;
    uint16_t remote_port;  // as on the wire
    uint8_t state;
    uint8_t zero;
    uint32_t zero_too;
    std::array<uint8_t, 16> local;  // of version 4: the first 4 bytes
    std::array<uint8_t, 16> remote;
};
static_assert(sizeof(OpenConnection) == 56);

// One for each descriptor that refers to it. Fails with kNotSupported where the kernel cannot, and
// with kAccessDenied without the rights.
Result<std::vector<OpenConnection>> list_connections();

}  // namespace etw::kernel
