#include "kernel/programs/futex_program.h"

#include "kernel/programs/kernel_types.h"
#include "kernel/programs/user_program.h"

#include <asm/unistd.h>
#include <linux/futex.h>

#include <algorithm>
#include <cerrno>

namespace etw::kernel {
namespace {

using Size = BpfCode::Size;
using Kind = UserFunctionKind;

constexpr uint32_t kMaxProcesses = 1024;
constexpr size_t kMaxRanges = 64;  // of one process's code
constexpr int32_t kWordBytes = 4;
constexpr int kRegistersAt = 0;  // in the context
constexpr int kResultAt = 8;
// How a wait ends that a signal interrupts (linux/errno.h of the kernel): most are begun again.
constexpr int kInterrupted[] = {512, 513, 514, 516};

struct Process {
    struct {
        uint64_t from, to, owner;
    } code[kMaxRanges];  // those that are not there are empty
};

// What of the second argument of futex() says that it waits.
constexpr int32_t kCommand = 0x7F;
constexpr int kWaits[] = {FUTEX_WAIT, FUTEX_WAIT_BITSET};
constexpr int kInheritingWaits[] = {FUTEX_LOCK_PI, FUTEX_LOCK_PI2};

#if defined(__x86_64__)
constexpr int32_t kCodeOf64Bits = 0x33;  // system calls of 32-bit programs have other numbers
constexpr int kArgumentsAt[] = {int(offsetof(pt_regs, rdi)), int(offsetof(pt_regs, rsi))};
#elif defined(__aarch64__)
constexpr int kArgumentsAt[] = {0, 8};
#endif

struct Maps {
    int output, calls, waits, blank, processes;
};

#define AT(member) int(offsetof(UserCall, member))

class Writer {
public:
    explicit Writer(const Maps& maps) : maps_(maps) {}

    std::vector<bpf_insn> at_entry();
    std::vector<bpf_insn> at_return();
    // Where a process turns to another program: its code is not known.
    std::vector<bpf_insn> at_exec();

private:
    // Of the stack.
    static constexpr int kThread = -8, kPid = -16, kTask = -24, kZero = -32, kWord = -40;

    void begin();
    void take_as(FutexOwner owner, LockKind kind, BpfCode::Label is_lock);
    void leave_known_calls();
    void find_owner();
    void take_up(BpfCode::Label others);
    void go_on();
    void go_on_at_word(BpfCode::Label is_new);
    void read_user(int to, int32_t size) {
        code_.point(r1, r7, to);
        code_.set(r2, size);
        code_.call_helper(BPF_FUNC_probe_read_user);
    }
    void take_wait();

    const Maps& maps_;
    BpfCode code_;
    BpfCode::Label end_ = code_.label();
};

// The context in r6, the registers in r9, the numbers of thread and process on the stack; of other
// system calls it is the end, which is as far as those of all other programs come.
void Writer::begin() {
    const auto is_futex = code_.label();
    code_.set(r6, r1);
    code_.load(Size::k64, r9, r6, kRegistersAt);
    code_.load(Size::k64, r1, r9, kSystemCallAt);
    code_.jump_if(BPF_JEQ, r1, __NR_futex, is_futex);
    code_.jump_if(BPF_JNE, r1, __NR_restart_syscall, end_);
    code_.place(is_futex);
#if defined(__x86_64__)
    code_.load(Size::k16, r1, r9, int(offsetof(pt_regs, cs)));
    code_.jump_if(BPF_JNE, r1, kCodeOf64Bits, end_);
#endif
    code_.call_helper(BPF_FUNC_get_current_pid_tgid);
    code_.store(Size::k32, r10, kThread, r0);
    code_.calculate(BPF_RSH, r0, 32);
    code_.store(Size::k32, r10, kPid, r0);
}

// What begins deeper in the stack than a call that is under way is inside of it, and what asks the
// kernel at the same place as well.
void Writer::leave_known_calls() {
    const auto not_inside = code_.label();
    code_.look_up(maps_.calls, kThread);
    code_.jump_if(BPF_JEQ, r0, 0, not_inside);
    code_.load(Size::k8, r1, r0, AT(is_under_way));
    code_.jump_if(BPF_JEQ, r1, 0, not_inside);
    code_.load(Size::k64, r1, r0, AT(task));
    code_.load(Size::k64, r2, r10, kTask);
    code_.jump_if(BPF_JNE, r1, r2, not_inside);
    code_.load(Size::k64, r1, r0, AT(stack_top));
    code_.load(Size::k64, r2, r9, kStackPointerAt);
    code_.jump_if(BPF_JLE, r2, r1, end_);
    code_.place(not_inside);
}

// Whose code it is in which the thread asks, into r8.
void Writer::find_owner() {
    const auto found = code_.label();
    code_.load(Size::k64, r2, r9, kPlaceAt);
    for (size_t i = 0; i < kMaxRanges; ++i) {
        const auto next = code_.label();
        const auto at = int(offsetof(Process, code) + i * sizeof(Process::code[0]));
        code_.load(Size::k64, r1, r7, at);
        code_.jump_if(BPF_JLT, r2, r1, next);
        code_.load(Size::k64, r1, r7, at + 8);
        code_.jump_if(BPF_JGE, r2, r1, next);
        code_.load(Size::k64, r8, r7, at + 16);
        code_.jump(found);
        code_.place(next);
    }
    code_.set(r8, int32_t(FutexOwner::kProgram));
    code_.place(found);
}

// The wait in r7 was interrupted, and goes on: it has begun before.
void Writer::take_up(BpfCode::Label others) {
    const auto compare = [&](int member, Reg with) {
        code_.load(Size::k64, r1, r7, member);
        code_.jump_if(BPF_JNE, r1, with, others);
    };
    code_.load(Size::k8, r1, r7, AT(may_go_on));
    code_.jump_if(BPF_JEQ, r1, 0, others);
    code_.load(Size::k64, r2, r10, kTask);
    compare(AT(task), r2);
    code_.load(Size::k64, r2, r9, kStackPointerAt);
    compare(AT(stack_top), r2);
    code_.store(Size::k8, r7, AT(may_go_on), 0);
    code_.store(Size::k8, r7, AT(is_under_way), 1);
    code_.jump(end_);
}

// The kernel has the thread call it again in place of a wait until a time.
void Writer::go_on() {
    code_.look_up(maps_.waits, kThread);
    code_.jump_if(BPF_JEQ, r0, 0, end_);
    code_.set(r7, r0);
    take_up(end_);
}

// The thread waits for the same word again.
void Writer::go_on_at_word(BpfCode::Label is_new) {
    code_.load(Size::k64, r1, r7, AT(address));
    code_.load(Size::k64, r2, r10, kWord);
    code_.jump_if(BPF_JNE, r1, r2, is_new);
    take_up(is_new);
}

void Writer::take_wait() {
    const auto of_word = code_.label(), read = code_.label(), copied = code_.label();
    code_.store(Size::k8, r7, AT(kind), int32_t(Kind::kWaitForFutex));
    code_.store(Size::k8, r7, AT(is_under_way), 1);
    code_.store(Size::k8, r7, AT(lock_kind), r8);
    code_.store(Size::k8, r7, AT(may_go_on), 0);
    const auto keep = [&](int member, int from) {
        code_.load(Size::k64, r1, r9, from);
        code_.store(Size::k64, r7, member, r1);
    };
    keep(AT(stack_top), kStackPointerAt);
    keep(AT(return_address), kPlaceAt);
    keep(AT(frame_pointer), kFramePointerAt);
    code_.load(Size::k64, r1, r10, kTask);
    code_.store(Size::k64, r7, AT(task), r1);
    code_.load(Size::k64, r3, r10, kWord);
    code_.store(Size::k64, r7, AT(address), r3);
    code_.jump_if(BPF_JEQ, r8, int32_t(LockKind::kWord), of_word);
    code_.jump_if(BPF_JEQ, r8, int32_t(LockKind::kInheritingWord), of_word);
    read_user(AT(mutex), kMutexBytes);
    code_.jump(read);
    code_.place(of_word);
    read_user(AT(mutex), kWordBytes);
    code_.place(read);
    for (const size_t words : {kCopyWords, kLeastCopyWords}) {
        const auto bytes = int32_t(words * sizeof(uint64_t));
        code_.store(Size::k64, r7, AT(copy_size), bytes);
        code_.load(Size::k64, r3, r7, AT(stack_top));
        read_user(AT(copy), bytes);
        code_.jump_if(BPF_JEQ, r0, 0, copied);
    }
    code_.store(Size::k64, r7, AT(copy_size), 0);
    code_.place(copied);
    code_.call_helper(BPF_FUNC_ktime_get_ns);
    code_.store(Size::k64, r7, AT(begun_ns), r0);
}

// Where the code in r8 is the owner's, the lock's kind into r8, and its address to the stack.
void Writer::take_as(FutexOwner owner, LockKind kind, BpfCode::Label is_lock) {
    const auto next = code_.label();
    code_.jump_if(BPF_JNE, r8, int32_t(owner), next);
    code_.load(Size::k64, r1, r9, kArgumentsAt[0]);
    if (kind == LockKind::kMuslMutex) code_.calculate(BPF_SUB, r1, kMuslMutexAt);
    code_.store(Size::k64, r10, kWord, r1);
    code_.set(r8, int32_t(kind));
    code_.jump(is_lock);
    code_.place(next);
}

std::vector<bpf_insn> Writer::at_entry() {
    const auto is_call = code_.label(), is_wait = code_.label(), inherits = code_.label();
    const auto is_lock = code_.label(), is_new = code_.label();
    begin();
    code_.look_up(maps_.processes, kPid);
    code_.jump_if(BPF_JEQ, r0, 0, end_);
    code_.set(r7, r0);
    code_.call_helper(BPF_FUNC_get_current_task);
    code_.store(Size::k64, r10, kTask, r0);
    code_.load(Size::k64, r1, r9, kSystemCallAt);
    code_.jump_if(BPF_JEQ, r1, __NR_futex, is_call);
    go_on();
    code_.place(is_call);
    leave_known_calls();
    find_owner();
    code_.load(Size::k64, r1, r9, kArgumentsAt[1]);
    code_.calculate(BPF_AND, r1, kCommand);
    for (const int command : kWaits) code_.jump_if(BPF_JEQ, r1, command, is_wait);
    for (const int command : kInheritingWaits) code_.jump_if(BPF_JEQ, r1, command, inherits);
    code_.jump(end_);
    code_.place(is_wait);
    take_as(FutexOwner::kProgram, LockKind::kWord, is_lock);
    take_as(FutexOwner::kMutex, LockKind::kMutex, is_lock);
    code_.jump(end_);
    code_.place(inherits);
    take_as(FutexOwner::kProgram, LockKind::kInheritingWord, is_lock);
    take_as(FutexOwner::kMutex, LockKind::kMutex, is_lock);
    take_as(FutexOwner::kGlibc, LockKind::kMutex, is_lock);
    take_as(FutexOwner::kMusl, LockKind::kMuslMutex, is_lock);
    code_.jump(end_);
    code_.place(is_lock);
    code_.look_up_or_add(maps_.waits, maps_.blank, kThread, kZero, end_);
    go_on_at_word(is_new);
    code_.place(is_new);
    take_wait();
    code_.place(end_);
    code_.leave(0);
    return code_.finish();
}

// One that has not slept, because the word was another by then, is none.
std::vector<bpf_insn> Writer::at_return() {
    const auto is_told = code_.label(), is_over = code_.label();
    begin();
    code_.look_up(maps_.waits, kThread);
    code_.jump_if(BPF_JEQ, r0, 0, end_);
    code_.set(r7, r0);
    code_.load(Size::k8, r1, r7, AT(is_under_way));
    code_.jump_if(BPF_JEQ, r1, 0, end_);
    code_.store(Size::k8, r7, AT(is_under_way), 0);
    code_.call_helper(BPF_FUNC_get_current_task);
    code_.load(Size::k64, r1, r7, AT(task));
    code_.jump_if(BPF_JNE, r1, r0, end_);  // of a thread that had this number before
    code_.set(r8, 0);
    code_.load(Size::k64, r1, r6, kResultAt);
    code_.calculate(BPF_SUB, r8, r1);
    code_.narrow(r8);
    for (const int error : kInterrupted) code_.jump_if(BPF_JEQ, r8, error, is_over);
    code_.jump_if(BPF_JEQ, r8, 0, is_told);
    code_.jump_if(BPF_JNE, r8, ETIMEDOUT, end_);
    code_.place(is_told);
    code_.store(Size::k64, r7, AT(result), r8);
    code_.call_helper(BPF_FUNC_ktime_get_ns);
    code_.load(Size::k64, r1, r7, AT(begun_ns));
    code_.calculate(BPF_SUB, r0, r1);
    code_.store(Size::k64, r7, AT(duration_ns), r0);
    code_.take_user_stack(AT(stack), sizeof(UserCall::stack));
    code_.store(Size::k64, r7, AT(stack_size), r0);
    code_.set(r1, r6);
    code_.set(r4, r7);
    code_.set(r5, int32_t(sizeof(UserCall)));
    code_.put_out(maps_.output);
    code_.jump(end_);
    code_.place(is_over);
    code_.store(Size::k8, r7, AT(may_go_on), 1);
    code_.place(end_);
    code_.leave(0);
    return code_.finish();
}

std::vector<bpf_insn> Writer::at_exec() {
    code_.call_helper(BPF_FUNC_get_current_pid_tgid);
    code_.calculate(BPF_RSH, r0, 32);
    code_.store(Size::k32, r10, kPid, r0);
    code_.forget(maps_.processes, kPid);
    code_.place(end_);
    code_.leave(0);
    return code_.finish();
}

// sys_enter(registers, number) and sys_exit(registers, result).
constexpr char kEntry[] = "sys_enter";
constexpr char kExit[] = "sys_exit";
constexpr char kExec[] = "sched_process_exec";

}  // namespace

Status check_futexes() {
    ETW_TRY(const KernelTypes types, KernelTypes::load());
    ETW_CHECK(types.tracepoint(kEntry));
    ETW_CHECK(types.tracepoint(kExit));
    return Ok{};
}

Status watch_futexes(BpfProbe& probe, const std::vector<FutexWaits>& processes) {
    ETW_TRY(UniqueFd known, make_map({BPF_MAP_TYPE_HASH, "etw_processes", sizeof(uint32_t),
                                      sizeof(Process), kMaxProcesses}));
    for (const FutexWaits& waits : processes) {
        Process process{};
        for (size_t i = 0; i < std::min(waits.code.size(), kMaxRanges); ++i) {
            const FutexCode& code = waits.code[i];
            process.code[i] = {code.from, code.to, uint64_t(code.owner)};
        }
        ETW_CHECK(set_in_map(known, &waits.pid, &process));
    }
    ETW_TRY(UniqueFd waits,
            make_map({BPF_MAP_TYPE_LRU_HASH, "etw_waits", 4, sizeof(UserCall), kMaxUserThreads}));
    ETW_TRY(UniqueFd blank, make_map({BPF_MAP_TYPE_ARRAY, "etw_blank", 4, sizeof(UserCall), 1}));
    const Maps maps{probe.output().get(), probe.map(kCallsMap).get(), waits.get(), blank.get(),
                    known.get()};
    // By type, so that the registers can be looked at without asking for them.
    ETW_TRY(const KernelTypes types, KernelTypes::load());
    ETW_TRY(const uint32_t entry, types.tracepoint(kEntry));
    ETW_TRY(const uint32_t exit, types.tracepoint(kExit));
    ETW_TRY(UniqueFd execs, attach_raw(kExec, Writer(maps).at_exec()));
    probe.keep(std::move(execs));
    // Where they return, first: what is seen to begin is seen to end.
    ETW_TRY(UniqueFd returns, attach_typed(exit, Writer(maps).at_return()));
    probe.keep(std::move(returns));
    ETW_TRY(UniqueFd begins, attach_typed(entry, Writer(maps).at_entry()));
    probe.keep(std::move(begins));
    return Ok{};
}

}  // namespace etw::kernel
