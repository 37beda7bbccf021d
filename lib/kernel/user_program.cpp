#include "kernel/user_program.h"

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
constexpr uint32_t kMaxThreads = 8192;  // that are inside of a function at a time

#define AT(member) int(offsetof(UserCall, member))

#if defined(__x86_64__)
constexpr int kStackAt = int(offsetof(pt_regs, rsp));
constexpr int kResultAt = int(offsetof(pt_regs, rax));
constexpr int kArgumentsAt[] = {int(offsetof(pt_regs, rdi)), int(offsetof(pt_regs, rsi)),
                                int(offsetof(pt_regs, rdx))};
constexpr int kReturnPops = 8;  // the return address is on the stack
#elif defined(__aarch64__)
constexpr int kStackAt = int(offsetof(user_pt_regs, sp));
constexpr int kResultAt = 0;
constexpr int kArgumentsAt[] = {0, 8, 16};
constexpr int kReturnAddressAt = 30 * 8;
constexpr int kReturnPops = 0;
#endif

bool is_told_as_it_begins(Kind kind) { return kind == Kind::kFree; }

struct Maps {
    int output, calls, blank;
};

// Writes the programs for functions of one kind. In all of them r6 is the context, r7 the thread's
// UserCall.
class Writer {
public:
    Writer(const Maps& maps, Kind kind) : maps_(maps), kind_(kind) {}

    // `waits`: for the function's return, within which no other call is told.
    std::vector<bpf_insn> at_entry(bool waits);
    std::vector<bpf_insn> at_return();

private:
    static constexpr int kThread = -8, kZero = -16;  // of the stack

    void look_up(int map, int key) {
        code_.load_map(r1, map);
        code_.point(r2, r10, key);
        code_.call_helper(BPF_FUNC_map_lookup_elem);
    }
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
    void take_top();
    void tell();

    const Maps& maps_;
    Kind kind_;
    BpfCode code_;
    BpfCode::Label end_ = code_.label();
};

// Of the thread, into r7: none is the end.
void Writer::find_call() {
    const auto known = code_.label();
    code_.set(r6, r1);
    code_.call_helper(BPF_FUNC_get_current_pid_tgid);
    code_.store(Size::k32, r10, kThread, r0);
    look_up(maps_.calls, kThread);
    code_.jump_if(BPF_JNE, r0, 0, known);
    code_.store(Size::k32, r10, kZero, 0);
    look_up(maps_.blank, kZero);
    code_.jump_if(BPF_JEQ, r0, 0, end_);
    code_.set(r3, r0);
    code_.load_map(r1, maps_.calls);
    code_.point(r2, r10, kThread);
    code_.set(r4, BPF_NOEXIST);
    code_.call_helper(BPF_FUNC_map_update_elem);
    look_up(maps_.calls, kThread);
    code_.jump_if(BPF_JEQ, r0, 0, end_);
    code_.place(known);
    code_.set(r7, r0);
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
            take_top();
            break;
        case Kind::kWaitForLock:
            set_from_argument(AT(address), 0);
            code_.set(r3, r1);
            read_user(AT(mutex), sizeof(MutexWords));
            take_top();
            code_.call_helper(BPF_FUNC_ktime_get_ns);
            code_.store(Size::k64, r7, AT(duration_ns), r0);  // its beginning as yet
            break;
    }
}

void Writer::take_top() {
#if defined(__aarch64__)
    code_.load(Size::k64, r1, r6, kReturnAddressAt);
    code_.store(Size::k64, r7, AT(top), r1);
    code_.load(Size::k64, r3, r6, kStackAt);
    read_user(AT(top) + 8, (kTopWords - 1) * 8);
#else
    code_.load(Size::k64, r3, r6, kStackAt);
    read_user(AT(top), kTopWords * 8);
#endif
}

void Writer::tell() {
    const auto taken = code_.label();
    code_.set(r1, r6);
    code_.point(r2, r7, AT(stack));
    code_.set(r3, int32_t(sizeof(UserCall::stack)));
    code_.set(r4, BPF_F_USER_STACK);
    code_.call_helper(BPF_FUNC_get_stack);
    code_.jump_if(BPF_JSGE, r0, 0, taken);
    code_.set(r0, 0);
    code_.place(taken);
    code_.jump_if(BPF_JGT, r0, int32_t(sizeof(UserCall::stack)), end_);
    code_.store(Size::k64, r7, AT(stack_size), r0);
    code_.set(r5, r0);
    code_.calculate(BPF_ADD, r5, AT(stack));
    code_.set(r1, r6);
    code_.load_map(r2, maps_.output);
    code_.set32(r3, uint32_t(BPF_F_CURRENT_CPU));
    code_.set(r4, r7);
    code_.call_helper(BPF_FUNC_perf_event_output);
}

// Inside of another call are those that begin deeper in the stack while that one is under way; one
// that is left without a return (by longjmp) is over when its caller calls again.
std::vector<bpf_insn> Writer::at_entry(bool waits) {
    const auto is_outermost = code_.label();
    find_call();
    code_.call_helper(BPF_FUNC_get_current_task);
    code_.set(r8, r0);
    code_.load(Size::k64, r9, r6, kStackAt);
    code_.load(Size::k8, r1, r7, AT(is_under_way));
    code_.jump_if(BPF_JEQ, r1, 0, is_outermost);
    code_.load(Size::k64, r1, r7, AT(task));
    code_.jump_if(BPF_JNE, r1, r8, is_outermost);  // of a thread that had this number before
    code_.load(Size::k64, r1, r7, AT(stack_top));
    code_.jump_if(BPF_JLE, r9, r1, end_);
    code_.place(is_outermost);
    code_.store(Size::k8, r7, AT(is_under_way), 0);
    code_.store(Size::k8, r7, AT(kind), int32_t(kind_));
    code_.store(Size::k64, r7, AT(task), r8);
    code_.store(Size::k64, r7, AT(stack_top), r9);
    code_.store(Size::k64, r7, AT(address), 0);
    code_.store(Size::k64, r7, AT(size), 0);
    code_.store(Size::k64, r7, AT(result), 0);
    take_arguments();
    if (waits) code_.store(Size::k8, r7, AT(is_under_way), 1);
    if (is_told_as_it_begins(kind_)) tell();
    code_.place(end_);
    code_.set(r0, 0);
    code_.leave();
    return code_.finish();
}

std::vector<bpf_insn> Writer::at_return() {
    const auto succeeded = code_.label();
    find_call();
    code_.load(Size::k8, r1, r7, AT(is_under_way));
    code_.jump_if(BPF_JEQ, r1, 0, end_);
    code_.load(Size::k8, r1, r7, AT(kind));
    code_.jump_if(BPF_JNE, r1, int32_t(kind_), end_);
    code_.load(Size::k64, r9, r6, kStackAt);
    code_.calculate(BPF_SUB, r9, kReturnPops);
    code_.load(Size::k64, r1, r7, AT(stack_top));
    code_.jump_if(BPF_JNE, r9, r1, end_);
    code_.store(Size::k8, r7, AT(is_under_way), 0);
    code_.load(Size::k64, r8, r6, kResultAt);
    switch (kind_) {
        case Kind::kFree:
            break;
        case Kind::kWaitForLock:
            code_.call_helper(BPF_FUNC_ktime_get_ns);
            code_.load(Size::k64, r1, r7, AT(duration_ns));
            code_.calculate(BPF_SUB, r0, r1);
            code_.store(Size::k64, r7, AT(duration_ns), r0);
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
    code_.set(r0, 0);
    code_.leave();
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
            ETW_TRY(program, load_for_uprobes(when == When::kReturn
                                                  ? writer.at_return()
                                                  : writer.at_entry(when != When::kEntry)));
        }
        return &program;
    }

private:
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
            make_map({BPF_MAP_TYPE_LRU_HASH, "etw_calls", 4, sizeof(UserCall), kMaxThreads}));
    ETW_TRY(UniqueFd blank, make_map({BPF_MAP_TYPE_ARRAY, "etw_blank", 4, sizeof(UserCall), 1}));
    const Maps maps{probe.output().get(), calls.get(), blank.get()};
    Programs programs(maps);
    for (const UserFunctions& process : processes) {
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
    return probe;  // the events hold the programs, and these the maps
}

}  // namespace etw::kernel
