// Tells the ends of datagrams, which no tracepoint does: programs of ours where their sizes are
// told look at the socket and at the address that a call names. Who has sent what a socket without
// a connection receives, and whom each message of many goes to, is told by four more, which the
// kernel calls (of the root of its control groups) where the receiver asks for the sender's address
// or the sender names the receiver's.
#pragma once
#include "kernel/programs/bpf_probe.h"
#include "kernel/programs/socket_ends.h"

namespace etw::kernel {

struct Datagram {
    uint64_t socket;  // the kernel's
    uint32_t size;
    uint8_t sent;  // or received
    uint8_t zero[3];
    SocketEnds ends;
};
static_assert(sizeof(Datagram) == 56);

// Puts out a Datagram for each that is sent or received, before the tracepoints sock_send_length
// and sock_recv_length, enabled later, or what stands in for them, attached before, are recorded.
// Fails with kNotSupported where the kernel cannot.
Result<BpfProbe> watch_datagrams(uint32_t cpus, const CounterSource& counter);

}  // namespace etw::kernel
