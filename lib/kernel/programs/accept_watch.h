// Tells who takes a TCP connection that has come in, which no tracepoint does: programs of ours
// that the kernel calls (of the root of its control groups) where accept() is asked for the other
// end's address, as most servers do. The call itself would have to be watched with all others, and
// every system call of the machine would take longer by a half.
#pragma once
#include "kernel/programs/bpf_probe.h"
#include "kernel/programs/socket_ends.h"

namespace etw::kernel {

struct Acceptance {
    uint64_t socket;  // the kernel's, of the connection
    SocketEnds ends;
    uint64_t protocol;  // IPPROTO_TCP, IPPROTO_MPTCP
};
static_assert(sizeof(Acceptance) == 56);

// Puts out an Acceptance in the thread that takes a connection, before it can use it. Fails with
// kNotSupported where the kernel cannot.
Result<BpfProbe> watch_accepts(uint32_t cpus, const CounterSource& counter, bool with_stacks);

}  // namespace etw::kernel
