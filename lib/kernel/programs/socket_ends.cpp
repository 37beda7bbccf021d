#include "kernel/programs/socket_ends.h"

#include <sys/socket.h>

namespace etw::kernel {

SocketCode::SocketCode(KernelTypes& types, Reach reach) : reach_(reach) {
    const auto common = [&types](const char* member) {
        return int32_t(types.offset("sock", "__sk_common") + types.offset("sock_common", member));
    };
    family_ = common("skc_family");
    port_ = common("skc_num");
    remote_port_ = common("skc_dport");
    local_ = common("skc_rcv_saddr");
    remote_ = common("skc_daddr");
    local_v6_ = common("skc_v6_rcv_saddr");
    remote_v6_ = common("skc_v6_daddr");
    protocol_ = int32_t(types.offset("sock", "sk_protocol"));
}

void SocketCode::put(BpfCode& code, int to, Reg socket, int32_t offset, int32_t size) const {
    if (reach_ == Reach::kByAddress) return code.fetch(to, socket, offset, size);
    using Size = BpfCode::Size;
    const Size step = size == 2 ? Size::k16 : Size::k32;
    for (int32_t i = 0; i < size; i += 4) {
        code.load(step, r1, socket, offset + i);
        code.store(step, r10, to + i, r1);
    }
}

void SocketCode::put_protocol(BpfCode& code, Reg socket, int to) const {
    put(code, to, socket, protocol_, 2);
}

void SocketCode::put_family(BpfCode& code, Reg socket, int to) const {
    put(code, to, socket, family_, 2);
}

void SocketCode::put_ends(BpfCode& code, Reg socket, int to, BpfCode::Label others) const {
    const auto at = [to](size_t member) { return to + int(member); };
    const auto version_6 = code.label(), done = code.label();
    put_family(code, socket, at(offsetof(SocketEnds, family)));
    put(code, at(offsetof(SocketEnds, local_port)), socket, port_, 2);
    put(code, at(offsetof(SocketEnds, remote_port)), socket, remote_port_, 2);
    code.load(BpfCode::Size::k16, r1, r10, at(offsetof(SocketEnds, family)));
    code.jump_if(BPF_JEQ, r1, AF_INET6, version_6);
    code.jump_if(BPF_JNE, r1, AF_INET, others);
    put(code, at(offsetof(SocketEnds, local)), socket, local_, 4);
    put(code, at(offsetof(SocketEnds, remote)), socket, remote_, 4);
    code.jump(done);
    code.place(version_6);
    put(code, at(offsetof(SocketEnds, local)), socket, local_v6_, 16);
    put(code, at(offsetof(SocketEnds, remote)), socket, remote_v6_, 16);
    code.place(done);
}

}  // namespace etw::kernel
