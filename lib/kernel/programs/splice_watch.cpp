#include "kernel/programs/splice_watch.h"

#include "kernel/programs/kernel_types.h"

#include <asm/unistd.h>
#include <bpf/bpf.h>
#include <linux/io_uring.h>
#include <netinet/tcp.h>

#include <optional>

namespace etw::kernel {
namespace {

using Size = BpfCode::Size;

constexpr uint32_t kRingPages = 64;
constexpr char kPositions[] = "positions";  // by socket
constexpr uint32_t kMaxConnections = 65536;
constexpr int32_t kDone = 1 << 1;  // SOCK_DONE of the kernel's net/sock.h: the other end has closed
constexpr int32_t kRingWorker = 0x10;  // PF_IO_WORKER of its linux/sched.h
// Those that take bytes and tell their number by no tracepoint: sendfile() into a pipe,
// getsockopt() for TCP_ZEROCOPY_RECEIVE.
constexpr int kCalls[] = {__NR_splice, __NR_sendfile, __NR_getsockopt};

// A struct tcp_sock begins with the struct sock.
struct Offsets {
    int32_t read_to, received_to, flags;
};

// What a thread works at that io_uring has made: the request is the struct io_kiocb around it.
struct WorkerOffsets {
    int32_t task_flags, task_worker, worker_work, work_operation;
};

class Writer {
public:
    Writer(const Offsets& offsets, const std::optional<WorkerOffsets>& workers, int output,
           int positions)
        : o_(offsets), workers_(workers), output_(output), positions_(positions) {}

    // tcp_rcv_space_adjust(struct sock*).
    std::vector<bpf_insn> at_read();
    // inet_sock_set_state(struct sock*, int from, int to): where a new connection begins, whatever
    // had its place before.
    std::vector<bpf_insn> at_state();

private:
    static constexpr int kKey = -8, kPosition = -16, kValue = -24;
    static constexpr int kRecord = kValue - int(sizeof(Splice)), kTask = kRecord - 8;

    // The context in r6, the struct tcp_sock in r7 and its address as the key, how far it has been
    // read in r8.
    void begin(BpfCode::Label others) {
        code_.load(Size::k64, r1, r6, 0);
        code_.call_helper(BPF_FUNC_skc_to_tcp_sock);
        code_.jump_if(BPF_JEQ, r0, 0, others);
        code_.set(r7, r0);
        code_.load(Size::k32, r8, r7, o_.read_to);
        code_.store(Size::k64, r10, kKey, r7);
        code_.store(Size::k64, r10, kPosition, r8);
    }
    void keep() { code_.keep(positions_, kKey, kPosition); }

    void pick_worker(BpfCode::Label splices, BpfCode::Label others);

    const Offsets& o_;
    const std::optional<WorkerOffsets>& workers_;
    int output_;
    int positions_;
    BpfCode code_;
};

// The thread's system call is none: io_uring lets its own do what may wait, as all splices.
void Writer::pick_worker(BpfCode::Label splices, BpfCode::Label others) {
    const auto follow = [this](int32_t offset, int32_t size) {
        code_.store(Size::k64, r10, kValue, 0);
        code_.fetch(kValue, r1, offset, size);
        code_.load(Size::k64, r1, r10, kValue);
    };
    code_.load(Size::k64, r2, r10, kTask);
    code_.load(Size::k32, r1, r2, workers_->task_flags);
    code_.calculate(BPF_AND, r1, kRingWorker);
    code_.jump_if(BPF_JEQ, r1, 0, others);
    code_.load(Size::k64, r1, r2, workers_->task_worker);
    follow(workers_->worker_work, 8);
    code_.jump_if(BPF_JEQ, r1, 0, others);
    follow(workers_->work_operation, 1);
    code_.jump_if(BPF_JEQ, r1, IORING_OP_SPLICE, splices);
}

std::vector<bpf_insn> Writer::at_read() {
    const auto end = code_.label(), known = code_.label(), put_out = code_.label();
    const auto spliced = code_.label();
    code_.set(r6, r1);
    begin(end);
    code_.look_up(positions_, kKey);
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
    code_.store(Size::k64, r10, kTask, r0);
    code_.set(r1, r0);
    code_.call_helper(BPF_FUNC_task_pt_regs);
    code_.load(Size::k64, r1, r0, kSystemCallAt);
    for (const int call : kCalls) code_.jump_if(BPF_JEQ, r1, call, spliced);
    if (workers_) pick_worker(spliced, end);
    code_.jump(end);
    code_.place(spliced);
    // The end of what the other end has sent counts as a byte.
    code_.load(Size::k64, r1, r7, o_.flags);
    code_.calculate(BPF_AND, r1, kDone);
    code_.jump_if(BPF_JEQ, r1, 0, put_out);
    code_.load(Size::k32, r1, r7, o_.received_to);
    code_.jump_if(BPF_JNE, r1, r8, put_out);
    code_.calculate(BPF_SUB, r9, 1);
    code_.jump_if(BPF_JEQ, r9, 0, end);
    code_.place(put_out);
    code_.store(Size::k64, r10, kRecord, r7);
    code_.store(Size::k64, r10, kRecord + int(offsetof(Splice, size)), r9);
    code_.put_out(r6, output_, kRecord, sizeof(Splice));
    code_.place(end);
    code_.leave(0);
    return code_.finish();
}

std::vector<bpf_insn> Writer::at_state() {
    const auto end = code_.label();
    code_.set(r6, r1);
    code_.load(Size::k64, r1, r6, 16);
    code_.narrow(r1);
    code_.jump_if(BPF_JNE, r1, TCP_ESTABLISHED, end);
    begin(end);
    keep();
    code_.place(end);
    code_.leave(0);
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
    ETW_TRY(const uint32_t at_state, types.tracepoint("inet_sock_set_state"));
    ETW_TRY(const uint32_t at_read, types.tracepoint("tcp_rcv_space_adjust"));
    std::optional<WorkerOffsets> workers;
    const WorkerOffsets found{
        int32_t(types.offset("task_struct", "flags")),
        int32_t(types.offset("task_struct", "worker_private")),
        int32_t(types.offset("io_worker", "cur_work")),
        int32_t(types.offset("io_kiocb", "opcode")) - int32_t(types.offset("io_kiocb", "work"))};
    if (types.complete()) workers = found;
    ETW_TRY(BpfProbe probe, BpfProbe::make(cpus, {kRingPages}, counter));
    ETW_TRY(UniqueFd positions, make_map({BPF_MAP_TYPE_LRU_HASH, "etw_positions", sizeof(uint64_t),
                                          sizeof(uint64_t), kMaxConnections}));
    const auto writer = [&] {
        return Writer(offsets, workers, probe.output().get(), positions.get());
    };
    ETW_TRY(UniqueFd states, attach_typed(at_state, writer().at_state()));
    ETW_TRY(UniqueFd reads, attach_typed(at_read, writer().at_read()));
    probe.keep(std::move(states));
    probe.keep(std::move(reads));
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
