// Tells the ends of datagrams, which no tracepoint does: programs of ours at those that tell their
// sizes look at the socket and at the address that a call names. Who has sent what a socket without
// a connection receives is told by two more, which the kernel calls (of the root of its control
// groups) where the receiver asks for the sender's address.
#pragma once
#include "kernel/bpf_probe.h"

#include <array>

namespace etw::kernel {

struct Datagram {
    uint64_t socket;  // the kernel's
    uint32_t size;
    uint16_t family;  // AF_INET, AF_INET6
    uint8_t sent;     // or received
    uint8_t zero;
    uint16_t local_port;
    uint16_t remote_port;           // as on the wire
    std::array<uint8_t, 16> local;  // of version 4: the first 4 bytes
    std::array<uint8_t, 16> remote;
    uint32_t zero_too;
};
static_assert(sizeof(Datagram) == 56);

// Puts out a Datagram for each that is sent or received, before the tracepoints sock_send_length
// and sock_recv_length, enabled later, are recorded. Fails with kNotSupported where the kernel
// cannot.
Result<BpfProbe> watch_datagrams(uint32_t cpus, const CounterSource& counter);

}  // namespace etw::kernel
