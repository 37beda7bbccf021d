// What programs read from TCP connections by splice() and its relatives, also those of io_uring,
// which no tracepoint tells the size of: a program of ours at tcp_rcv_space_adjust, where the
// kernel comes by after each part that it has taken from a connection, looks how far that has been
// read.
#pragma once
#include "kernel/programs/bpf_probe.h"

namespace etw::kernel {

struct Splice {
    uint64_t socket;  // the kernel's
    uint32_t size;
    uint32_t zero;
};
static_assert(sizeof(Splice) == 16);

class SpliceWatch {
public:
    // Puts out a Splice for each time that tcp_rcv_space_adjust tells of one. Fails with
    // kNotSupported where the kernel cannot.
    static Result<SpliceWatch> open(uint32_t cpus, const CounterSource& counter);

    // That of a predecessor, see BpfProbe.
    static Result<SpliceWatch> adopt(Holder& holder, const std::string& what, uint32_t cpus,
                                     const CounterSource& counter);

    BpfProbe& probe() noexcept { return probe_; }
    const BpfProbe& probe() const noexcept { return probe_; }
    // How far a connection that is older had been read (OpenConnection::read_to) some time after
    // open(). What the program has seen of it goes before.
    void begin_at(uint64_t socket, uint32_t read_to);

private:
    explicit SpliceWatch(BpfProbe probe) : probe_(std::move(probe)) {}

    BpfProbe probe_;
};

}  // namespace etw::kernel
