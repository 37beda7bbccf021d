// The two ends of a socket, as programs of ours in the kernel find them in its structures.
#pragma once
#include "kernel/programs/bpf_code.h"
#include "kernel/programs/kernel_types.h"

#include <array>
#include <cstdint>

namespace etw::kernel {

struct SocketEnds {
    uint16_t family;  // AF_INET, AF_INET6
    uint16_t local_port;
    uint16_t remote_port;  // as on the wire
    uint16_t zero;
    std::array<uint8_t, 16> local;  // of version 4: the first 4 bytes
    std::array<uint8_t, 16> remote;
};
static_assert(sizeof(SocketEnds) == 40);

class SocketCode {
public:
    // How a program has the struct sock: as an address, or so that the kernel knows what it is (at
    // a tracepoint, attach_typed()), which costs less.
    enum class Reach : uint8_t { kByAddress, kTyped };
    // What is not to be found shows in types.complete().
    explicit SocketCode(KernelTypes& types, Reach reach = Reach::kByAddress);

    // Puts the protocol (IPPROTO_*) of the struct sock in `socket` on the stack at `to`, 2 bytes.
    void put_protocol(BpfCode& code, Reg socket, int to) const;
    // Its family (AF_*), likewise.
    void put_family(BpfCode& code, Reg socket, int to) const;
    // Puts its ends at `to`, which is all 0; goes to `others` where it has none of this kind.
    void put_ends(BpfCode& code, Reg socket, int to, BpfCode::Label others) const;

private:
    void put(BpfCode& code, int to, Reg socket, int32_t offset, int32_t size) const;

    Reach reach_;
    int32_t family_, port_, remote_port_, local_, remote_, local_v6_, remote_v6_, protocol_;
};

}  // namespace etw::kernel
