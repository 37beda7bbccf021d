#include "kernel/programs/user_program.h"

#include <asm/ptrace.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <map>
#include <tuple>

namespace etw::kernel {
namespace {

using Kind = UserFunctionKind;
using Size = BpfCode::Size;

constexpr uint32_t kAllRingPages = 32 * 1024;  // over all processors
constexpr uint32_t kMaxRingPages = 2048;
constexpr uint32_t kMaxCallers = 4096;  // that lock, in all processes

#define AT(member) int(offsetof(UserCall, member))

#if defined(__x86_64__)
constexpr int kResultAt = int(offsetof(pt_regs, rax));
constexpr int kArgumentsAt[] = {int(offsetof(pt_regs, rdi)), int(offsetof(pt_regs, rsi)),
                                int(offsetof(pt_regs, rdx))};
constexpr int kReturnPops = 8;  // the return address is on the stack
#elif defined(__aarch64__)
constexpr int kResultAt = 0;
constexpr int kArgumentsAt[] = {0, 8, 16};
constexpr int kReturnAddressAt = 30 * 8;
constexpr int kReturnPops = 0;
#endif

bool is_told_as_it_begins(Kind kind) { return kind == Kind::kFree; }

// What of the arguments of futex() says that it waits: without its flags 0 or, until a time, 9.
constexpr int kFutexCommand = 0x7F;
constexpr int kFutexWait = 0;
constexpr int kFutexWaitBitset = 9;
// Of a lock of glibc's for readers and writers: where its words are, and what the one of its phase
// holds at most.
constexpr int kPhaseAt = 8;
constexpr int kWritersAt = 12;
constexpr int kPhaseBits = 3;

struct Maps {
    int output, calls, blank, callers;
};

// Writes the programs for functions of one kind. In all of them r6 is the context, r7 the thread's
// UserCall.
class Writer {
public:
    Writer(const Maps& maps, Kind kind) : maps_(maps), kind_(kind) {}

    // `waits`: for the function's return, within which no other call is told.
    std::vector<bpf_insn> at_entry(bool waits);
    std::vector<bpf_insn> at_return();
    // Where what a thread has waited for is over.
    std::vector<bpf_insn> at_end_of_wait();

private:
    // Of the stack.
    static constexpr int kThread = -8, kZero = -16, kCaller = -24, kLock = -32, kHandsOver = -40;

    void argument(Reg to, size_t number) { code_.load(Size::k64, to, r6, kArgumentsAt[number]); }
    void set_from_argument(int to, size_t number) {
        argument(r1, number);
        code_.store(Size::k64, r7, to, r1);
    }
    void set_from_product(int to, size_t a, size_t b) {
        argument(r1, a);
        argument(r2, b);
        code_.calculate(BPF_MUL, r1, r2);
        code_.store(Size::k64, r7, to, r1);
    }
    // From the program's memory at the address in r3.
    void read_user(int to, int32_t size) {
        code_.point(r1, r7, to);
        code_.set(r2, size);
        code_.call_helper(BPF_FUNC_probe_read_user);
    }
    void find_call();
    void take_arguments();
    void take_return_address();
    void copy_stack();
    void take_lock();
    void find_caller();
    void find_lock();
    void go_on(BpfCode::Label is_new, BpfCode::Label is_taken);
    void end_wait();
    void tell();
    void put_out();

    const Maps& maps_;
    Kind kind_;
    BpfCode code_;
    BpfCode::Label end_ = code_.label();
};

// Of the thread, into r7: none is the end.
void Writer::find_call() {
    code_.set(r6, r1);
    code_.call_helper(BPF_FUNC_get_current_pid_tgid);
    code_.store(Size::k32, r10, kThread, r0);
    code_.look_up_or_add(maps_.calls, maps_.blank, kThread, kZero, end_);
}

void Writer::take_arguments() {
    switch (kind_) {
        case Kind::kNone:
            break;
        case Kind::kAllocate:
            set_from_argument(AT(size), 0);
            break;
        case Kind::kAllocateCleared:
            set_from_product(AT(size), 0, 1);
            break;
        case Kind::kReallocate:
            set_from_argument(AT(address), 0);
            set_from_argument(AT(size), 1);
            break;
        case Kind::kReallocateArray:
            set_from_argument(AT(address), 0);
            set_from_product(AT(size), 1, 2);
            break;
        case Kind::kAllocateAligned:
            set_from_argument(AT(size), 1);
            break;
        case Kind::kAllocateInto:
            set_from_argument(AT(address), 0);
            set_from_argument(AT(size), 2);
            break;
        case Kind::kFree:
            set_from_argument(AT(address), 0);
            code_.jump_if(BPF_JEQ, r1, 0, end_);
            take_return_address();
            break;
        case Kind::kWaitForLock:
        case Kind::kWaitForWord:
        case Kind::kWaitBegins:
            take_lock();
            break;
        default:
            break;
    }
}

// Of kWaitForWord: one that does not lock is the end.
void Writer::find_caller() {
#if defined(__aarch64__)
    code_.load(Size::k64, r1, r6, kReturnAddressAt);
    code_.store(Size::k64, r10, kCaller, r1);
#else
    code_.store(Size::k64, r10, kCaller, 0);
    code_.fetch(kCaller, r9, 0, 8, BPF_FUNC_probe_read_user);
#endif
    code_.look_up(maps_.callers, kCaller);
    code_.jump_if(BPF_JEQ, r0, 0, end_);
    code_.load(Size::k8, r1, r0, 0);
    code_.store(Size::k8, r7, AT(lock_kind), r1);
}

// Where this is one more wait for what the thread has waited for before, to `is_taken`: what is
// known of the first one stays.
void Writer::go_on(BpfCode::Label is_new, BpfCode::Label is_taken) {
    code_.load(Size::k8, r1, r7, AT(may_go_on));
    code_.store(Size::k8, r7, AT(may_go_on), 0);
    if (kind_ == Kind::kWaitForLock) return;  // is new
    code_.jump_if(BPF_JEQ, r1, 0, is_new);
    const auto compare = [&](Size size, int member, Reg with) {
        code_.load(size, r1, r7, member);
        code_.jump_if(BPF_JNE, r1, with, is_new);
    };
    code_.set(r2, int32_t(kind_));
    compare(Size::k8, AT(kind), r2);
    compare(Size::k64, AT(task), r8);
    compare(Size::k64, AT(stack_top), r9);
    code_.load(Size::k64, r2, r10, kLock);
    compare(Size::k64, AT(address), r2);
    code_.store(Size::k8, r7, AT(is_for_same), 1);
    code_.store(Size::k8, r7, AT(kind), int32_t(Kind::kWaitGoesOn));
    code_.store(Size::k64, r7, AT(stack_size), 0);
    code_.set(r5, AT(stack));
    put_out();
    code_.store(Size::k8, r7, AT(kind), int32_t(kind_));
    code_.jump(is_taken);
}

// The lock that the word is of at the address in the first argument, to the stack.
void Writer::find_lock() {
    const auto found = code_.label();
    argument(r1, 0);
    code_.store(Size::k64, r10, kHandsOver, 0);
    if (kind_ == Kind::kWaitForWord) {
        const auto is_musl_mutex = code_.label();
        const auto is_of_writers = code_.label();
        code_.load(Size::k8, r2, r7, AT(lock_kind));
        code_.jump_if(BPF_JEQ, r2, int32_t(LockKind::kMuslMutex), is_musl_mutex);
        code_.jump_if(BPF_JNE, r2, int32_t(LockKind::kRwlock), found);
        code_.set(r2, r1);
        code_.calculate(BPF_AND, r2, kWritersAt & ~kPhaseAt);  // the lock is where 8 bytes may be
        code_.jump_if(BPF_JNE, r2, 0, is_of_writers);
        argument(r2, 1);
        code_.narrow(r2);
        code_.jump_if(BPF_JGT, r2, kPhaseBits, found);  // the word that counts readers
        code_.calculate(BPF_SUB, r1, kPhaseAt);
        code_.store(Size::k64, r10, kHandsOver, 1);
        code_.jump(found);
        code_.place(is_of_writers);
        code_.calculate(BPF_SUB, r1, kWritersAt);
        code_.jump(found);
        code_.place(is_musl_mutex);
        code_.calculate(BPF_SUB, r1, kMuslMutexAt);
    }
    code_.place(found);
    code_.store(Size::k64, r10, kLock, r1);
}

void Writer::take_lock() {
    code_.load(Size::k64, r3, r10, kLock);
    code_.store(Size::k64, r7, AT(address), r3);
    read_user(AT(mutex), kMutexBytes);
    code_.load(Size::k64, r1, r6, kFramePointerAt);
    code_.store(Size::k64, r7, AT(frame_pointer), r1);
    take_return_address();
    copy_stack();
    code_.call_helper(BPF_FUNC_ktime_get_ns);
    code_.store(Size::k64, r7, AT(begun_ns), r0);
}

// Whether the next wait may be for the same time that a lock is taken.
void Writer::end_wait() {
    const auto is_over = code_.label();
    const auto may_go_on = code_.label();
    if (kind_ == Kind::kWaitEnds) {  // of the kernel
        code_.set(r1, 0);
        code_.calculate(BPF_SUB, r1, r8);
        code_.set(r8, r1);
    }
    code_.narrow(r8);
    code_.store(Size::k64, r7, AT(result), r8);
    code_.call_helper(BPF_FUNC_ktime_get_ns);
    code_.load(Size::k64, r1, r7, AT(begun_ns));
    code_.calculate(BPF_SUB, r0, r1);
    code_.store(Size::k64, r7, AT(duration_ns), r0);
    code_.store(Size::k8, r7, AT(may_go_on), 0);
    if (kind_ == Kind::kWaitForLock) return;
    for (const int error : {ETIMEDOUT, EINVAL, EOVERFLOW})
        code_.jump_if(BPF_JEQ, r8, error, is_over);
    code_.load(Size::k8, r1, r7, AT(hands_over));
    code_.jump_if(BPF_JEQ, r1, 0, may_go_on);
    code_.jump_if(BPF_JNE, r8, EINTR, is_over);
    code_.place(may_go_on);
    code_.store(Size::k8, r7, AT(may_go_on), 1);
    code_.place(is_over);
}

void Writer::take_return_address() {
#if defined(__aarch64__)
    code_.load(Size::k64, r1, r6, kReturnAddressAt);
    code_.store(Size::k64, r7, AT(return_address), r1);
#else
    code_.load(Size::k64, r3, r6, kStackPointerAt);
    read_user(AT(return_address), 8);
#endif
}

void Writer::copy_stack() {
    const auto copied = code_.label();
    for (const size_t words : {kCopyWords, kLeastCopyWords}) {
        const auto bytes = int32_t(words * sizeof(uint64_t));
        code_.store(Size::k64, r7, AT(copy_size), bytes);
        code_.load(Size::k64, r3, r6, kStackPointerAt);
        read_user(AT(copy), bytes);
        code_.jump_if(BPF_JEQ, r0, 0, copied);
    }
    code_.store(Size::k64, r7, AT(copy_size), 0);
    code_.place(copied);
}

void Writer::tell() {
    code_.take_user_stack(AT(stack), sizeof(UserCall::stack));
    code_.jump_if(BPF_JGT, r0, int32_t(sizeof(UserCall::stack)), end_);
    code_.store(Size::k64, r7, AT(stack_size), r0);
    if (is_of_locks(kind_)) {  // with the copy
        code_.set(r5, int32_t(sizeof(UserCall)));
    } else {
        code_.set(r5, r0);
        code_.calculate(BPF_ADD, r5, AT(stack));
    }
    put_out();
}

// So many bytes as r5 says.
void Writer::put_out() {
    code_.set(r1, r6);
    code_.set(r4, r7);
    code_.put_out(maps_.output);
}

// Inside of another call are those that begin deeper in the stack while that one is under way; one
// that is left without a return (by longjmp) is over when its caller calls again.
std::vector<bpf_insn> Writer::at_entry(bool waits) {
    const auto is_outermost = code_.label();
    const auto is_new = code_.label();
    const auto is_taken = code_.label();
    find_call();
    if (kind_ == Kind::kWaitBegins) {
        const auto is_wait = code_.label();
        argument(r1, 1);
        code_.calculate(BPF_AND, r1, kFutexCommand);
        code_.jump_if(BPF_JEQ, r1, kFutexWait, is_wait);
        code_.jump_if(BPF_JNE, r1, kFutexWaitBitset, end_);
        code_.place(is_wait);
    }
    code_.call_helper(BPF_FUNC_get_current_task);
    code_.set(r8, r0);
    code_.load(Size::k64, r9, r6, kStackPointerAt);
    code_.load(Size::k8, r1, r7, AT(is_under_way));
    code_.jump_if(BPF_JEQ, r1, 0, is_outermost);
    code_.load(Size::k64, r1, r7, AT(task));
    code_.jump_if(BPF_JNE, r1, r8, is_outermost);  // of a thread that had this number before
    code_.load(Size::k64, r1, r7, AT(stack_top));
    // What waits for a lock is not the end of something else that does.
    code_.jump_if(is_of_locks(kind_) ? BPF_JLT : BPF_JLE, r9, r1, end_);
    code_.place(is_outermost);
    code_.store(Size::k8, r7, AT(is_under_way), 0);
    if (is_of_locks(kind_)) {
        if (kind_ == Kind::kWaitForWord) find_caller();
        find_lock();
        go_on(is_new, is_taken);
        code_.place(is_new);
        code_.store(Size::k8, r7, AT(is_for_same), 0);
    }
    code_.store(Size::k8, r7, AT(kind), int32_t(kind_));
    code_.store(Size::k64, r7, AT(task), r8);
    code_.store(Size::k64, r7, AT(stack_top), r9);
    code_.store(Size::k64, r7, AT(address), 0);
    code_.store(Size::k64, r7, AT(size), 0);
    code_.store(Size::k64, r7, AT(result), 0);
    take_arguments();
    code_.place(is_taken);
    if (is_of_locks(kind_)) {
        code_.load(Size::k64, r1, r10, kHandsOver);
        code_.store(Size::k8, r7, AT(hands_over), r1);
    }
    if (waits) code_.store(Size::k8, r7, AT(is_under_way), 1);
    if (is_told_as_it_begins(kind_)) tell();
    code_.place(end_);
    code_.leave(0);
    return code_.finish();
}

std::vector<bpf_insn> Writer::at_return() {
    const auto succeeded = code_.label();
    find_call();
    code_.load(Size::k8, r1, r7, AT(is_under_way));
    code_.jump_if(BPF_JEQ, r1, 0, end_);
    const bool is_place = kind_ == Kind::kWaitEnds;
    code_.load(Size::k8, r1, r7, AT(kind));
    code_.jump_if(BPF_JNE, r1, int32_t(is_place ? Kind::kWaitBegins : kind_), end_);
    code_.load(Size::k64, r9, r6, kStackPointerAt);
    if (!is_place) code_.calculate(BPF_SUB, r9, kReturnPops);
    code_.load(Size::k64, r1, r7, AT(stack_top));
    code_.jump_if(BPF_JNE, r9, r1, end_);
    code_.store(Size::k8, r7, AT(is_under_way), 0);
    code_.load(Size::k64, r8, r6, kResultAt);
    switch (kind_) {
        case Kind::kFree:
            break;
        case Kind::kWaitForLock:
        case Kind::kWaitForWord:
        case Kind::kWaitEnds:
            end_wait();
            break;
        case Kind::kAllocateInto:
            code_.narrow(r8);
            code_.jump_if(BPF_JNE, r8, 0, end_);
            code_.load(Size::k64, r3, r7, AT(address));
            read_user(AT(result), 8);
            break;
        case Kind::kReallocate:
        case Kind::kReallocateArray:
            code_.store(Size::k64, r7, AT(result), r8);
            code_.jump_if(BPF_JNE, r8, 0, succeeded);
            // Of size 0 it has freed, and failed otherwise.
            code_.load(Size::k64, r1, r7, AT(size));
            code_.jump_if(BPF_JNE, r1, 0, end_);
            code_.load(Size::k64, r1, r7, AT(address));
            code_.jump_if(BPF_JEQ, r1, 0, end_);
            break;
        default:
            code_.store(Size::k64, r7, AT(result), r8);
            code_.jump_if(BPF_JEQ, r8, 0, end_);
    }
    code_.place(succeeded);
    if (!is_told_as_it_begins(kind_)) tell();
    code_.place(end_);
    code_.leave(0);
    return code_.finish();
}

std::vector<bpf_insn> Writer::at_end_of_wait() {
    code_.set(r6, r1);
    if (kind_ == Kind::kLockIsTried) {
        code_.load(Size::k64, r1, r6, kResultAt);
        code_.narrow(r1);
        code_.jump_if(BPF_JEQ, r1, EBUSY, end_);
    }
    code_.call_helper(BPF_FUNC_get_current_pid_tgid);
    code_.store(Size::k32, r10, kThread, r0);
    code_.look_up(maps_.calls, kThread);
    code_.jump_if(BPF_JEQ, r0, 0, end_);
    code_.store(Size::k8, r0, AT(may_go_on), 0);
    code_.place(end_);
    code_.leave(0);
    return code_.finish();
}

// The programs, made when they are needed first.
class Programs {
public:
    explicit Programs(const Maps& maps) : maps_(maps) {}

    enum class When : uint8_t { kEntry, kEntryThatWaits, kReturn };
    Result<const UniqueFd*> get(Kind kind, When when) {
        UniqueFd& program = programs_[{kind, when}];
        if (!program) {
            Writer writer(maps_, kind);
            ETW_TRY(program, load_for_uprobes(write(writer, kind, when)));
        }
        return &program;
    }

private:
    static std::vector<bpf_insn> write(Writer& writer, Kind kind, When when) {
        if (kind == Kind::kWaitIsOver || kind == Kind::kLockIsTried) return writer.at_end_of_wait();
        if (when == When::kReturn || kind == Kind::kWaitEnds) return writer.at_return();
        return writer.at_entry(when == When::kEntryThatWaits || kind == Kind::kWaitBegins);
    }

    const Maps& maps_;
    std::map<std::pair<Kind, When>, UniqueFd> programs_;
};

// Functions of a process that one program is for. First where they return: then whatever is seen to
// begin is seen to end.
Status attach(BpfProbe& probe, Programs& programs, Kind kind, bool nests, BpfProbe::Places places) {
    using When = Programs::When;
    if (nests) {
        places.at_return = true;
        ETW_TRY(const UniqueFd* program, programs.get(kind, When::kReturn));
        ETW_CHECK(probe.attach(places, *program));
    }
    places.at_return = false;
    ETW_TRY(const UniqueFd* program,
            programs.get(kind, nests ? When::kEntryThatWaits : When::kEntry));
    return probe.attach(places, *program);
}

}  // namespace

Result<BpfProbe> watch_calls(uint32_t cpus, const CounterSource& counter,
                             const std::vector<UserFunctions>& processes) {
    ETW_CHECK(check_uprobes());
    const uint32_t pages = std::bit_floor(std::clamp(kAllRingPages / cpus, 64u, kMaxRingPages));
    ETW_TRY(BpfProbe probe, BpfProbe::make(cpus, {pages}, counter));
    ETW_TRY(UniqueFd calls,
            make_map({BPF_MAP_TYPE_LRU_HASH, "etw_calls", 4, sizeof(UserCall), kMaxUserThreads}));
    ETW_TRY(UniqueFd blank, make_map({BPF_MAP_TYPE_ARRAY, "etw_blank", 4, sizeof(UserCall), 1}));
    ETW_TRY(UniqueFd callers, make_map({BPF_MAP_TYPE_HASH, "etw_callers", sizeof(uint64_t),
                                        sizeof(LockKind), kMaxCallers}));
    const Maps maps{probe.output().get(), calls.get(), blank.get(), callers.get()};
    Programs programs(maps);
    for (const UserFunctions& process : processes) {
        for (const UserFunction& function : process.functions) {
            for (const LockCaller& caller : function.callers)
                ETW_CHECK(set_in_map(callers, &caller.address, &caller.kind));
        }
        std::map<std::tuple<Kind, bool, std::string>, std::vector<uint64_t>> places;
        for (const UserFunction& function : process.functions) {
            places[{function.kind, function.nests, function.path}].push_back(function.offset);
        }
        for (const auto& [which, offsets] : places) {
            const auto& [kind, nests, path] = which;
            const Status attached =
                attach(probe, programs, kind, nests, {path, process.pid, false, offsets});
            if (attached) continue;
            const Code code = attached.error().code;
            const bool has_ended = attached.error().where == ESRCH || code == Code::kFileNotFound;
            if (!has_ended) return attached.error();
            break;
        }
    }
    probe.keep(kCallsMap, std::move(calls));
    return probe;  // the events hold the programs, and these the maps
}

}  // namespace etw::kernel
