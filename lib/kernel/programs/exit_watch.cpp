#include "kernel/programs/exit_watch.h"

#include "kernel/programs/kernel_types.h"

#include <sys/wait.h>

namespace etw::kernel {
namespace {

using Size = BpfCode::Size;

constexpr uint32_t kRingPages = 16;
constexpr int32_t kGroupExit = 0x4;  // SIGNAL_GROUP_EXIT

}  // namespace

Result<BpfProbe> watch_exits(uint32_t cpus, const CounterSource& counter) {
    ETW_TRY(KernelTypes types, KernelTypes::load());
    const auto offset = [&types](const char* structure, const char* member) {
        return int32_t(types.offset(structure, member));
    };
    const int32_t task_signal = offset("task_struct", "signal");
    const int32_t task_leader = offset("task_struct", "group_leader");
    const int32_t task_code = offset("task_struct", "exit_code");
    const int32_t signal_live = offset("signal_struct", "live");
    const int32_t signal_flags = offset("signal_struct", "flags");
    const int32_t signal_code = offset("signal_struct", "group_exit_code");
    if (!types.complete()) {
        return Error{Code::kNotSupported, "the kernel's structures are others", 0};
    }
    ETW_TRY(BpfProbe probe, BpfProbe::make(cpus, {kRingPages}, counter));

    constexpr int kRecord = -8, kValue = -16, kPointer = -24;
    BpfCode code;
    const auto end = code.label(), of_leader = code.label(), put_out = code.label();
    code.set(r6, r1);
    code.load(Size::k64, r7, r6, 0);  // struct task_struct*
    code.fetch(kPointer, r7, task_signal, 8);
    code.load(Size::k64, r8, r10, kPointer);
    code.store(Size::k64, r10, kValue, 0);
    code.fetch(kValue, r8, signal_live, 4);
    code.load(Size::k64, r1, r10, kValue);
    code.jump_if(BPF_JNE, r1, 0, end);  // other threads still run
    code.fetch(kValue, r8, signal_flags, 4);
    code.load(Size::k64, r1, r10, kValue);
    code.calculate(BPF_AND, r1, kGroupExit);
    code.jump_if(BPF_JEQ, r1, 0, of_leader);
    code.fetch(kRecord + int(offsetof(ExitRecord, status)), r8, signal_code, 4);
    code.jump(put_out);
    code.place(of_leader);
    code.fetch(kPointer, r7, task_leader, 8);
    code.load(Size::k64, r8, r10, kPointer);
    code.fetch(kRecord + int(offsetof(ExitRecord, status)), r8, task_code, 4);
    code.place(put_out);
    code.call_helper(BPF_FUNC_get_current_pid_tgid);
    code.calculate(BPF_RSH, r0, 32);
    code.store(Size::k32, r10, kRecord + int(offsetof(ExitRecord, process)), r0);
    code.put_out(r6, probe.output().get(), kRecord, sizeof(ExitRecord));
    code.place(end);
    code.leave(0);
    ETW_CHECK(probe.attach("sched_process_exit", code.finish()));
    return probe;
}

int32_t exit_status(uint32_t wait_status) noexcept {
    const auto status = int(wait_status);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace etw::kernel
