#include "kernel/programs/async_program.h"

#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <unistd.h>

#include <span>

namespace etw::kernel {
namespace {

using Size = BpfCode::Size;

constexpr uint32_t kMaxRunning = 65536;  // requests at a time

#define CALL_AT(member) int(offsetof(CallRecord, member))
#define AT(member) int(offsetof(AsyncRecord, member))
#define FILE_AT(member) int(offsetof(AsyncRecord, file) + offsetof(CallFile, member))

struct RequestKey {
    uint64_t address;  // of the request: the program's, or the kernel's of io_uring
    uint64_t process;  // of io_uring 0
};

constexpr int kSubmitReads[] = {IOCB_CMD_PREAD, IOCB_CMD_PREADV};
constexpr int kSubmitWrites[] = {IOCB_CMD_PWRITE, IOCB_CMD_PWRITEV};
// Those of io_uring that transfer between memory and a file. Later kernels have 58 and 59 too:
// vectors of registered buffers.
constexpr int kRingReads[] = {IORING_OP_READV, IORING_OP_READ_FIXED, IORING_OP_READ, 58};
constexpr int kRingWrites[] = {IORING_OP_WRITEV, IORING_OP_WRITE_FIXED, IORING_OP_WRITE, 59};

// Steps that the programs share. The record is on the stack.
class Steps {
public:
    Steps(BpfCode& code, int record) : code_(code), record_(record) {}

    // Of the thread that runs; its process is in r0.
    void begin() {
        for (size_t i = 0; i < sizeof(AsyncRecord); i += 8) {
            code_.store(Size::k64, r10, record_ + int(i), 0);
        }
        code_.store(Size::k32, r10, record_ + AT(kind), int32_t(FileRecordKind::kAsync));
        code_.call_helper(BPF_FUNC_get_current_pid_tgid);
        code_.store(Size::k32, r10, record_ + AT(thread), r0);
        code_.calculate(BPF_RSH, r0, 32);
    }
    // Of the operation in r1.
    void set_kind(std::span<const int> reads, std::span<const int> writes, BpfCode::Label others) {
        const auto known = code_.label(), a_write = code_.label();
        for (const int operation : reads) code_.jump_if(BPF_JEQ, r1, operation, known);
        for (const int operation : writes) code_.jump_if(BPF_JEQ, r1, operation, a_write);
        code_.jump(others);
        code_.place(a_write);
        code_.store(Size::k32, r10, record_ + AT(writes), 1);
        code_.place(known);
    }
    void keep(int requests, int key) { code_.keep(requests, key, record_); }
    // Takes the record that was kept.
    void take(int requests, int key, BpfCode::Label none) {
        code_.look_up(requests, key);
        code_.jump_if(BPF_JEQ, r0, 0, none);
        for (size_t i = 0; i < sizeof(AsyncRecord); i += 8) {
            code_.load(Size::k64, r1, r0, int(i));
            code_.store(Size::k64, r10, record_ + int(i), r1);
        }
        code_.forget(requests, key);
    }
    // duration_ns is the beginning as yet.
    void put_out(Reg context, int output) {
        code_.call_helper(BPF_FUNC_ktime_get_ns);
        code_.load(Size::k64, r1, r10, record_ + AT(duration_ns));
        code_.calculate(BPF_SUB, r0, r1);
        code_.store(Size::k64, r10, record_ + AT(duration_ns), r0);
        code_.put_out(context, output, record_, sizeof(AsyncRecord));
    }

private:
    BpfCode& code_;
    int record_;
};

}  // namespace

Result<UniqueFd> make_request_map() {
    return make_map({BPF_MAP_TYPE_LRU_HASH, "etw_requests", sizeof(RequestKey), sizeof(AsyncRecord),
                     kMaxRunning});
}

// As many rounds as the call says that it has taken up or found: what the kernel checks is one
// round.
void AsyncCode::write_rounds(BpfCode::Label begin, BpfCode::Label round) {
    constexpr int kContext = -8, kCall = -16;
    const auto end = code_.label();
    code_.place(begin);
    code_.store(Size::k64, r10, kContext, r1);
    code_.store(Size::k64, r10, kCall, r2);
    code_.load(Size::k64, r1, r2, CALL_AT(result));
    code_.jump_if(BPF_JSLE, r1, 0, end);
    code_.load_function(r2, round);
    code_.point(r3, r10, kCall);
    code_.set(r4, 0);
    code_.call_helper(BPF_FUNC_loop);
    code_.place(end);
    code_.leave(0);
    // round(r1: its number, r2: what begin() has on its stack).
    code_.place(round);
    code_.load(Size::k64, r6, r2, kContext - kCall);
    code_.load(Size::k64, r7, r2, 0);
    code_.set(r9, r1);
}

void AsyncCode::write_submitted() {
    constexpr int kKey = -int(sizeof(RequestKey)), kRequest = kKey - int(sizeof(iocb));
    constexpr int kRecord = kRequest - int(sizeof(AsyncRecord));
    const auto end = code_.label();
    Steps steps(code_, kRecord);
    write_rounds(submitted_, code_.label());
    code_.load(Size::k64, r8, r7, CALL_AT(registers) + int(register_of(2)) * 8);
    code_.calculate(BPF_LSH, r9, 3);
    code_.calculate(BPF_ADD, r8, r9);
    code_.fetch(kKey, r8, 0, 8, BPF_FUNC_probe_read_user);
    code_.load(Size::k64, r8, r10, kKey);
    code_.fetch(kRequest, r8, 0, sizeof(iocb), BPF_FUNC_probe_read_user);
    steps.begin();
    code_.store(Size::k64, r10, kKey + int(offsetof(RequestKey, process)), r0);
    code_.load(Size::k16, r1, r10, kRequest + int(offsetof(iocb, aio_lio_opcode)));
    steps.set_kind(kSubmitReads, kSubmitWrites, end);
    code_.load(Size::k64, r1, r10, kRequest + int(offsetof(iocb, aio_offset)));
    code_.store(Size::k64, r10, kRecord + FILE_AT(position), r1);
    code_.load(Size::k32, r1, r10, kRequest + int(offsetof(iocb, aio_fildes)));
    code_.point(r2, r10, kRecord + AT(file));
    code_.call(find_file_);
    code_.jump_if(BPF_JEQ, r0, 0, end);
    code_.call_helper(BPF_FUNC_ktime_get_ns);
    code_.load(Size::k64, r1, r7, CALL_AT(duration_ns));
    code_.calculate(BPF_SUB, r0, r1);
    code_.store(Size::k64, r10, kRecord + AT(duration_ns), r0);
    steps.keep(requests_, kKey);
    code_.load(Size::k64, r8, r10, kRecord + FILE_AT(file));
    tell_file_in(r8, kRecord + AT(file), kRequest, kRequest + 8);
    code_.place(end);
    code_.leave(0);
}

void AsyncCode::write_reaped() {
    constexpr int kKey = -int(sizeof(RequestKey)), kEvent = kKey - int(sizeof(io_event));
    constexpr int kRecord = kEvent - int(sizeof(AsyncRecord));
    const auto end = code_.label();
    Steps steps(code_, kRecord);
    write_rounds(reaped_, code_.label());
    code_.load(Size::k64, r8, r7, CALL_AT(registers) + int(register_of(3)) * 8);
    code_.calculate(BPF_MUL, r9, int32_t(sizeof(io_event)));
    code_.calculate(BPF_ADD, r8, r9);
    code_.fetch(kEvent, r8, 0, sizeof(io_event), BPF_FUNC_probe_read_user);
    code_.load(Size::k64, r1, r10, kEvent + int(offsetof(io_event, obj)));
    code_.store(Size::k64, r10, kKey, r1);
    code_.call_helper(BPF_FUNC_get_current_pid_tgid);
    code_.calculate(BPF_RSH, r0, 32);
    code_.store(Size::k64, r10, kKey + int(offsetof(RequestKey, process)), r0);
    steps.take(requests_, kKey, end);
    code_.load(Size::k64, r1, r10, kEvent + int(offsetof(io_event, res)));
    code_.store(Size::k64, r10, kRecord + AT(result), r1);
    steps.put_out(r6, file_maps_.output);
    code_.place(end);
    code_.leave(0);
}

// --- io_uring --------------------------------------------------------------------------------

namespace {

// A request is a struct io_kiocb, which begins with the struct kiocb of its transfer.
struct RingOffsets {
    uint32_t file, position, operation, result;
};

class RingWriter : FileCode {
public:
    RingWriter(const FileOffsets& offsets, const FileMaps& maps, const RingOffsets& ring,
               int requests)
        : FileCode(offsets, maps), ring_(ring), requests_(requests) {}

    // io_uring_submit_req(struct io_kiocb*), on the thread that asks, or one that does so for it.
    std::vector<bpf_insn> at_request();
    // io_uring_complete(struct io_ring_ctx*, struct io_kiocb*, ...), on a thread of the process.
    std::vector<bpf_insn> at_end();

private:
    static constexpr int kKey = -int(sizeof(RequestKey)), kValue = kKey - 8, kEntry = kValue - 8;
    static constexpr int kRecord = kEntry - int(sizeof(AsyncRecord));

    // The context in r6, the request in r7 and as the key.
    void begin(size_t argument) {
        code_.set(r6, r1);
        code_.load(Size::k64, r7, r6, int(argument) * 8);
        code_.store(Size::k64, r10, kKey, r7);
        code_.store(Size::k64, r10, kKey + int(offsetof(RequestKey, process)), 0);
    }

    const RingOffsets& ring_;
    int requests_;
    Steps steps_{code_, kRecord};
};

std::vector<bpf_insn> RingWriter::at_request() {
    const auto end = code_.label();
    begin(0);
    code_.store(Size::k64, r10, kValue, 0);
    fetch(kValue, r7, ring_.operation, 1);
    steps_.begin();
    code_.load(Size::k64, r1, r10, kValue);
    steps_.set_kind(kRingReads, kRingWrites, end);
    fetch(kRecord + FILE_AT(position), r7, ring_.position);
    code_.call_helper(BPF_FUNC_ktime_get_ns);
    code_.store(Size::k64, r10, kRecord + AT(duration_ns), r0);
    steps_.keep(requests_, kKey);
    code_.place(end);
    code_.leave(0);
    return code_.finish();
}

std::vector<bpf_insn> RingWriter::at_end() {
    const auto end = code_.label(), named = code_.label();
    begin(1);
    steps_.take(requests_, kKey, end);
    fetch(kValue, r7, ring_.result, 4);
    code_.load(Size::k32, r9, r10, kValue);
    code_.calculate(BPF_LSH, r9, 32);
    code_.calculate(BPF_ARSH, r9, 32);
    code_.store(Size::k64, r10, kRecord + AT(result), r9);
    // Where it names no offset: where the file was, which has moved on.
    code_.load(Size::k64, r1, r10, kRecord + FILE_AT(position));
    code_.jump_if(BPF_JNE, r1, -1, named);
    fetch(kRecord + FILE_AT(position), r7, ring_.position);
    code_.jump_if(BPF_JSLE, r9, 0, named);
    code_.load(Size::k64, r1, r10, kRecord + FILE_AT(position));
    code_.calculate(BPF_SUB, r1, r9);
    code_.store(Size::k64, r10, kRecord + FILE_AT(position), r1);
    code_.place(named);
    fetch(kValue, r7, ring_.file);
    code_.load(Size::k64, r8, r10, kValue);
    code_.jump_if(BPF_JEQ, r8, 0, end);
    code_.store(Size::k64, r10, kRecord + FILE_AT(file), r8);
    fetch(kValue, r8, o_.file_inode);
    code_.load(Size::k64, r1, r10, kValue);
    code_.point(r2, r10, kRecord + AT(file));
    code_.call(inode_of_);
    code_.jump_if(BPF_JEQ, r0, 0, end);
    tell_file_in(r8, kRecord + AT(file), kValue, kEntry);
    steps_.put_out(r6, file_maps_.output);
    code_.place(end);
    code_.leave(0);
    write_inode_of();
    write_tell();
    return code_.finish();
}

}  // namespace

void watch_io_uring(BpfProbe& probe, const FileOffsets& offsets, int told) {
    auto types = KernelTypes::load();
    if (!types) return;
    const RingOffsets ring{types->offset("kiocb", "ki_filp"), types->offset("kiocb", "ki_pos"),
                           types->offset("io_kiocb", "opcode"),
                           types->offset("io_kiocb", "cqe") + types->offset("io_cqe", "res")};
    if (!types->complete()) return;
    // Of their own: the programs of system calls can be interrupted by these.
    auto scratch = make_map({BPF_MAP_TYPE_PERCPU_ARRAY, "etw_scratch", 4, kFileScratchSize, 1});
    auto requests = make_request_map();
    if (!scratch || !requests) return;
    const FileMaps maps{probe.output().get(), told, scratch->get()};
    const auto writer = [&] { return RingWriter(offsets, maps, ring, requests->get()); };
    // The end first, so that no request is kept whose end is not seen.
    if (probe.attach("io_uring_complete", writer().at_end())) {
        static_cast<void>(probe.attach("io_uring_submit_req", writer().at_request()));
    }
    probe.keep("ring scratch", std::move(*scratch));
    probe.keep("ring requests", std::move(*requests));
}

}  // namespace etw::kernel
