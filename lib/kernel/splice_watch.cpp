#include "kernel/splice_watch.h"

#include "kernel/kernel_types.h"

#include <asm/ptrace.h>
#include <asm/unistd.h>
#include <bpf/bpf.h>
#include <netinet/tcp.h>

namespace etw::kernel {
namespace {

using Size = BpfCode::Size;

constexpr uint32_t kRingPages = 64;
constexpr char kPositions[] = "positions";  // by socket
constexpr uint32_t kMaxConnections = 65536;
constexpr int32_t kDone = 1 << 1;  // SOCK_DONE of the kernel's net/sock.h: the other end has closed

#if defined(__x86_64__)
constexpr int kCallAt = offsetof(pt_regs, orig_rax);
#elif defined(__aarch64__)
constexpr int kCallAt = 8 * 8;
#endif

// A struct tcp_sock begins with the struct sock.
struct Offsets {
    int32_t read_to, received_to, flags;
};

class Writer {
public:
    Writer(const Offsets& offsets, int output, int positions)
        : o_(offsets), output_(output), positions_(positions) {}

    // tcp_rcv_space_adjust(struct sock*).
    std::vector<bpf_insn> at_read();
    // inet_sock_set_state(struct sock*, int from, int to): where a new connection begins, whatever
    // had its place before.
    std::vector<bpf_insn> at_state();

private:
    static constexpr int kKey = -8, kPosition = -16, kValue = -24;
    static constexpr int kRecord = kValue - int(sizeof(Splice));

    // The context in r6, the socket in r7 and as the key, how far it has been read in r8.
    void begin() {
        code_.load(Size::k64, r7, r6, 0);
        code_.store(Size::k64, r10, kKey, r7);
        code_.store(Size::k64, r10, kPosition, 0);
        code_.fetch(kPosition, r7, o_.read_to, 4);
        code_.load(Size::k64, r8, r10, kPosition);
    }
    void keep() {
        code_.load_map(r1, positions_);
        code_.point(r2, r10, kKey);
        code_.point(r3, r10, kPosition);
        code_.set(r4, BPF_ANY);
        code_.call_helper(BPF_FUNC_map_update_elem);
    }

    const Offsets& o_;
    int output_;
    int positions_;
    BpfCode code_;
};

std::vector<bpf_insn> Writer::at_read() {
    const auto end = code_.label(), known = code_.label(), put_out = code_.label();
    code_.set(r6, r1);
    begin();
    code_.load_map(r1, positions_);
    code_.point(r2, r10, kKey);
    code_.call_helper(BPF_FUNC_map_lookup_elem);
    code_.jump_if(BPF_JNE, r0, 0, known);
    keep();
    code_.jump(end);
    code_.place(known);
    code_.load(Size::k64, r9, r0, 0);
    code_.store(Size::k64, r0, 0, r8);
    code_.set(r1, r8);
    code_.calculate(BPF_SUB, r1, r9);
    code_.narrow(r1);
    code_.set(r9, r1);
    code_.jump_if(BPF_JEQ, r9, 0, end);
    code_.call_helper(BPF_FUNC_get_current_task_btf);
    code_.set(r1, r0);
    code_.call_helper(BPF_FUNC_task_pt_regs);
    code_.fetch(kValue, r0, kCallAt, 8);
    code_.load(Size::k64, r1, r10, kValue);
    code_.jump_if(BPF_JNE, r1, __NR_splice, end);
    // The end of what the other end has sent counts as a byte.
    code_.fetch(kValue, r7, o_.flags, 8);
    code_.load(Size::k64, r1, r10, kValue);
    code_.calculate(BPF_AND, r1, kDone);
    code_.jump_if(BPF_JEQ, r1, 0, put_out);
    code_.store(Size::k64, r10, kValue, 0);
    code_.fetch(kValue, r7, o_.received_to, 4);
    code_.load(Size::k64, r1, r10, kValue);
    code_.jump_if(BPF_JNE, r1, r8, put_out);
    code_.calculate(BPF_SUB, r9, 1);
    code_.jump_if(BPF_JEQ, r9, 0, end);
    code_.place(put_out);
    code_.store(Size::k64, r10, kRecord, r7);
    code_.store(Size::k64, r10, kRecord + int(offsetof(Splice, size)), r9);
    code_.put_out(r6, output_, kRecord, sizeof(Splice));
    code_.place(end);
    code_.set(r0, 0);
    code_.leave();
    return code_.finish();
}

std::vector<bpf_insn> Writer::at_state() {
    const auto end = code_.label();
    code_.set(r6, r1);
    code_.load(Size::k32, r1, r6, 16);
    code_.jump_if(BPF_JNE, r1, TCP_ESTABLISHED, end);
    begin();
    keep();
    code_.place(end);
    code_.set(r0, 0);
    code_.leave();
    return code_.finish();
}

}  // namespace

Result<SpliceWatch> SpliceWatch::open(uint32_t cpus, const CounterSource& counter) {
    ETW_TRY(KernelTypes types, KernelTypes::load());
    const Offsets offsets{
        int32_t(types.offset("tcp_sock", "copied_seq")),
        int32_t(types.offset("tcp_sock", "rcv_nxt")),
        int32_t(types.offset("sock", "__sk_common") + types.offset("sock_common", "skc_flags"))};
    if (!types.complete()) {
        return Error{Code::kNotSupported, "the kernel's structures are others", 0};
    }
    ETW_TRY(BpfProbe probe, BpfProbe::make(cpus, {kRingPages}, counter));
    ETW_TRY(UniqueFd positions, make_map({BPF_MAP_TYPE_LRU_HASH, "etw_positions", sizeof(uint64_t),
                                          sizeof(uint64_t), kMaxConnections}));
    const auto writer = [&] { return Writer(offsets, probe.output().get(), positions.get()); };
    ETW_CHECK(probe.attach("inet_sock_set_state", writer().at_state()));
    ETW_CHECK(probe.attach("tcp_rcv_space_adjust", writer().at_read()));
    probe.keep(kPositions, std::move(positions));
    return SpliceWatch(std::move(probe));
}

Result<SpliceWatch> SpliceWatch::adopt(Holder& holder, const std::string& what, uint32_t cpus,
                                       const CounterSource& counter) {
    ETW_TRY(BpfProbe probe, BpfProbe::adopt(holder, what, cpus, counter));
    return SpliceWatch(std::move(probe));
}

void SpliceWatch::begin_at(uint64_t socket, uint32_t read_to) {
    const uint64_t position = read_to;
    static_cast<void>(
        ::bpf_map_update_elem(probe_.map(kPositions).get(), &socket, &position, BPF_NOEXIST));
}

}  // namespace etw::kernel
