#include "kernel/programs/accept_watch.h"

#include <asm/ptrace.h>
#include <asm/unistd.h>
#include <netinet/in.h>

namespace etw::kernel {
namespace {

using Size = BpfCode::Size;

constexpr uint32_t kRingPages = 64;

// The calls that ask for the address too, and accept nothing: those of 32-bit programs as well.
#if defined(__x86_64__)
constexpr int kCallAt = offsetof(pt_regs, orig_rax);
constexpr int kOthers[] = {__NR_getpeername, 102, 368};
#elif defined(__aarch64__)
constexpr int kCallAt = 8 * 8;
constexpr int kOthers[] = {__NR_getpeername, 287};
#endif

// As the other end's address is told (struct bpf_sock_addr).
std::vector<bpf_insn> at_address(const SocketCode& sockets, int output) {
    constexpr int kRecord = -int(sizeof(Acceptance)), kValue = kRecord - 8;
    BpfCode code;
    const auto end = code.label(), is_tcp = code.label();
    code.set(r6, r1);
    for (int at = kRecord; at < 0; at += 8) code.store(Size::k64, r10, at, 0);
    code.call_helper(BPF_FUNC_get_current_task_btf);
    code.set(r1, r0);
    code.call_helper(BPF_FUNC_task_pt_regs);
    code.fetch(kValue, r0, kCallAt, 8);
    code.load(Size::k64, r1, r10, kValue);
    for (const int call : kOthers) code.jump_if(BPF_JEQ, r1, call, end);
    // Copied, so that the kernel takes it for a number, as which it may be recorded and added to.
    code.load(Size::k64, r1, r6, int(offsetof(bpf_sock_addr, sk)));
    code.store(Size::k64, r10, kValue, r1);
    code.fetch(kRecord + int(offsetof(Acceptance, socket)), r10, kValue, 8);
    code.load(Size::k64, r7, r10, kRecord + int(offsetof(Acceptance, socket)));
    sockets.put_protocol(code, r7, kRecord + int(offsetof(Acceptance, protocol)));
    code.load(Size::k64, r1, r10, kRecord + int(offsetof(Acceptance, protocol)));
    code.jump_if(BPF_JEQ, r1, IPPROTO_TCP, is_tcp);
    code.jump_if(BPF_JNE, r1, IPPROTO_MPTCP, end);
    code.place(is_tcp);
    sockets.put_ends(code, r7, kRecord + int(offsetof(Acceptance, ends)), end);
    code.put_out(r6, output, kRecord, sizeof(Acceptance));
    code.place(end);
    code.leave(1);  // to go on
    return code.finish();
}

}  // namespace

Result<BpfProbe> watch_accepts(uint32_t cpus, const CounterSource& counter, bool with_stacks) {
    ETW_TRY(KernelTypes types, KernelTypes::load());
    const SocketCode sockets(types);
    if (!types.complete()) {
        return Error{Code::kNotSupported, "the kernel's structures are others", 0};
    }
    ETW_TRY(BpfProbe probe, BpfProbe::make(cpus, {kRingPages, with_stacks}, counter));
    for (const auto type : {BPF_CGROUP_INET4_GETPEERNAME, BPF_CGROUP_INET6_GETPEERNAME}) {
        ETW_CHECK(probe.attach_to_groups(type, at_address(sockets, probe.output().get())));
    }
    return probe;
}

}  // namespace etw::kernel
