#include "kernel/programs/unmap_watch.h"

#include "kernel/programs/bpf_probe.h"
#include "kernel/programs/kernel_types.h"

#include <asm/unistd.h>

namespace etw::kernel {
namespace {

using Size = BpfCode::Size;

constexpr uint32_t kPages = 32;  // of each CPU's ring
constexpr int32_t kToRun = 0x4;  // VM_EXEC of the kernel's linux/mm.h
constexpr int32_t kPageSize = 4096;
constexpr uint32_t kMaxThreads = 8192;  // that unmap files at a time
constexpr int kMaxLooks = 8;            // at mappings in one that is unmapped

#if defined(__x86_64__)
constexpr int kArgumentsAt[] = {int(offsetof(pt_regs, rdi)), int(offsetof(pt_regs, rsi))};
#elif defined(__aarch64__)
constexpr int kArgumentsAt[] = {0, 8};
#endif

// Of the kernel's struct vm_area_struct.
struct Offsets {
    int32_t end, flags, file;
};

constexpr int kRecord = -int(sizeof(Unmapping));  // on the stack, in all programs
constexpr int kFrom = kRecord + int(offsetof(Unmapping, from));
constexpr int kTo = kRecord + int(offsetof(Unmapping, to));
constexpr int kHasFiles = kRecord + int(offsetof(Unmapping, has_files));

// The task in r7, its registers in r8; where its system call is another, to `others`.
void find_call(BpfCode& code, BpfCode::Label others) {
    code.call_helper(BPF_FUNC_get_current_task_btf);
    code.set(r7, r0);
    code.set(r1, r0);
    code.call_helper(BPF_FUNC_task_pt_regs);
    code.set(r8, r0);
    code.load(Size::k64, r1, r8, kSystemCallAt);
    code.jump_if(BPF_JNE, r1, __NR_munmap, others);
}

// What it asks for, to the stack; where that begins in r9.
void take_arguments(BpfCode& code) {
    code.load(Size::k64, r9, r8, kArgumentsAt[0]);
    code.store(Size::k64, r10, kFrom, r9);
    code.load(Size::k64, r1, r8, kArgumentsAt[1]);
    code.calculate(BPF_ADD, r1, r9);
    code.calculate(BPF_ADD, r1, kPageSize - 1);
    code.calculate(BPF_AND, r1, -kPageSize);
    code.store(Size::k64, r10, kTo, r1);
}

std::vector<bpf_insn> finish(BpfCode& code, BpfCode::Label end) {
    code.place(end);
    code.leave(0);
    return code.finish();
}

// uprobe_munmap(struct vm_area_struct*, unsigned long from, unsigned long to). Other calls go
// through mappings there that stay (madvise, truncate), or that something takes the place of, which
// tells that they are gone. Where a part is unmapped, the kernel goes through all of the mapping
// first: what is asked for tells what goes.
std::vector<bpf_insn> at_unmapping(const Offsets& offsets, int output) {
    BpfCode code;
    const auto end = code.label(), from_argument = code.label(), to_argument = code.label();
    code.set(r6, r1);
    code.load(Size::k64, r1, r6, 0);
    code.load(Size::k64, r1, r1, offsets.flags);
    code.calculate(BPF_AND, r1, kToRun);
    code.jump_if(BPF_JEQ, r1, 0, end);
    find_call(code, end);
    take_arguments(code);
    code.load(Size::k64, r1, r6, 1 * 8);
    code.jump_if(BPF_JLE, r1, r9, from_argument);
    code.set(r9, r1);
    code.store(Size::k64, r10, kFrom, r9);
    code.place(from_argument);
    code.load(Size::k64, r1, r6, 2 * 8);
    code.load(Size::k64, r2, r10, kTo);
    code.jump_if(BPF_JGE, r1, r2, to_argument);
    code.set(r2, r1);
    code.store(Size::k64, r10, kTo, r2);
    code.place(to_argument);
    code.jump_if(BPF_JGE, r9, r2, end);
    code.store(Size::k64, r10, kHasFiles, 1);
    code.put_out(r6, output, kRecord, sizeof(Unmapping));
    return finish(code, end);
}

// mmap_lock_start_locking(struct mm_struct*, bool to_write): of a munmap() that has files in it
// which are mapped to run, notes it in `unmappings`, by thread. Where the lock is another thread's
// there is no looking, and it is noted.
std::vector<bpf_insn> at_locking(const Offsets& offsets, int unmappings) {
    constexpr int kEnd = kRecord - 8;  // of what look() finds
    constexpr int kThread = kEnd - 8;
    BpfCode code;
    const auto end = code.label(), look = code.label(), is_one = code.label();
    code.set(r6, r1);
    code.load(Size::k64, r1, r6, 1 * 8);
    code.jump_if(BPF_JEQ, r1, 0, end);
    find_call(code, end);
    take_arguments(code);
    code.store(Size::k64, r10, kHasFiles, 0);
    for (int looks = 0; looks < kMaxLooks; ++looks) {
        code.store(Size::k64, r10, kEnd, 0);
        code.set(r1, r7);
        code.set(r2, r9);
        code.load_function(r3, look);
        code.point(r4, r10, kEnd);
        code.set(r5, 0);
        code.call_helper(BPF_FUNC_find_vma);
        code.jump_if(BPF_JNE, r0, 0, is_one);
        code.load(Size::k64, r1, r10, kHasFiles);
        code.jump_if(BPF_JNE, r1, 0, is_one);
        code.load(Size::k64, r9, r10, kEnd);
        code.load(Size::k64, r1, r10, kTo);
        code.jump_if(BPF_JGE, r9, r1, end);
    }
    code.place(is_one);
    code.call_helper(BPF_FUNC_get_current_pid_tgid);
    code.store(Size::k32, r10, kThread, r0);
    code.keep(unmappings, kThread, kRecord);
    code.place(end);
    code.leave(0);

    // look(struct task_struct*, struct vm_area_struct*, what it finds)
    const auto is_none = code.label();
    code.place(look);
    code.load(Size::k64, r1, r2, offsets.end);
    code.store(Size::k64, r3, 0, r1);
    code.load(Size::k64, r1, r2, offsets.flags);
    code.calculate(BPF_AND, r1, kToRun);
    code.jump_if(BPF_JEQ, r1, 0, is_none);
    code.load(Size::k64, r1, r2, offsets.file);
    code.jump_if(BPF_JEQ, r1, 0, is_none);
    code.store(Size::k64, r3, kHasFiles - kEnd, 1);
    return finish(code, is_none);
}

// mmap_lock_released(struct mm_struct*, bool was_to_write). A munmap() that succeeds has turned its
// lock into one to read when it is done with the mappings themselves.
std::vector<bpf_insn> at_release(int unmappings, int output) {
    constexpr int kThread = kRecord - 8;
    BpfCode code;
    const auto end = code.label();
    code.set(r6, r1);
    code.load(Size::k64, r1, r6, 1 * 8);
    code.jump_if(BPF_JNE, r1, 0, end);
    find_call(code, end);
    code.call_helper(BPF_FUNC_get_current_pid_tgid);
    code.store(Size::k32, r10, kThread, r0);
    code.look_up(unmappings, kThread);
    code.jump_if(BPF_JEQ, r0, 0, end);
    code.load(Size::k64, r9, r0, int(offsetof(Unmapping, from)));
    code.store(Size::k64, r10, kFrom, r9);
    code.load(Size::k64, r1, r0, int(offsetof(Unmapping, to)));
    code.store(Size::k64, r10, kTo, r1);
    code.load(Size::k64, r1, r0, int(offsetof(Unmapping, has_files)));
    code.store(Size::k64, r10, kHasFiles, r1);
    code.forget(unmappings, kThread);
    // Of one that has failed, or whose thread was killed as it waited for the lock.
    code.load(Size::k64, r1, r8, kArgumentsAt[0]);
    code.jump_if(BPF_JNE, r1, r9, end);
    code.put_out(r6, output, kRecord, sizeof(Unmapping));
    return finish(code, end);
}

using Programs = std::vector<UniqueFd>;

Result<Programs> attach_at_mappings(const KernelTypes& types, const Offsets& offsets, int output) {
    ETW_TRY(const uint32_t function, types.function("uprobe_munmap"));
    Programs out;
    ETW_TRY(UniqueFd link, attach_at_entry(function, at_unmapping(offsets, output)));
    out.push_back(std::move(link));
    return out;
}

Result<Programs> attach_at_locks(const KernelTypes& types, const Offsets& offsets, int output) {
    constexpr char kLocking[] = "mmap_lock_start_locking";
    constexpr char kRelease[] = "mmap_lock_released";
    for (const char* point : {kLocking, kRelease}) {
        ETW_TRY(const uint32_t type, types.tracepoint(point));
        if (types.arguments(type) != 2)
            return Error{Code::kNotSupported, "the kernel's tracepoints are others", 0};
    }
    ETW_TRY(UniqueFd unmappings, make_map({BPF_MAP_TYPE_LRU_HASH, "etw_unmappings",
                                           sizeof(uint32_t), sizeof(Unmapping), kMaxThreads}));
    Programs out;
    ETW_TRY(UniqueFd release, attach_raw(kRelease, at_release(unmappings.get(), output)));
    out.push_back(std::move(release));
    ETW_TRY(UniqueFd locking, attach_raw(kLocking, at_locking(offsets, unmappings.get())));
    out.push_back(std::move(locking));
    return out;
}

}  // namespace

Result<PerfLane> open_unmappings(uint32_t cpus) {
    ETW_TRY(KernelTypes types, KernelTypes::load());
    const auto offset = [&types](const char* member) {
        return int32_t(types.offset("vm_area_struct", member));
    };
    const Offsets offsets{offset("vm_end"), offset("vm_flags"), offset("vm_file")};
    if (!types.complete()) {
        return Error{Code::kNotSupported, "the kernel's structures are others", 0};
    }
    ETW_TRY(UniqueFd output, make_map({BPF_MAP_TYPE_PERF_EVENT_ARRAY, "etw_unmaps",
                                       sizeof(uint32_t), sizeof(uint32_t), cpus}));
    ETW_TRY(PerfLane lane, open_output(cpus, kUnmappingForm, {}, kPages));
    ETW_CHECK(set_rings_in_map(output, lane.rings));
    auto programs = attach_at_mappings(types, offsets, output.get());
    if (!programs) programs = attach_at_locks(types, offsets, output.get());
    if (!programs) return programs.error();
    lane.programs = std::move(*programs);
    lane.programs.push_back(std::move(output));
    return lane;
}

}  // namespace etw::kernel
