#include "kernel/programs/file_program.h"

#include "kernel/programs/async_program.h"
#include "kernel/programs/file_code.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace etw::kernel {
namespace {

using Kind = FileCall::Kind;
using Size = BpfCode::Size;

constexpr uint32_t kMaxCall = 512;

constexpr uint32_t kAllRingPages = 32 * 1024;  // over all processors
constexpr uint32_t kMaxRingPages = 2048;
constexpr char kHost[] = "host";  // the process that is left out
constexpr char kTold[] = "told";
constexpr uint32_t kMaxNames = 65536;    // that the program knows to have told
constexpr uint32_t kMaxRunning = 16384;  // calls at a time
constexpr int32_t kMaxPath = 4096;       // PATH_MAX
static_assert(sizeof(CallRecord) + 2 * kMaxPath <= kFileScratchSize);

#define AT(member) int(offsetof(CallRecord, member))
#define FILE_AT(member) int(offsetof(CallFile, member))

#if defined(__x86_64__)
constexpr int32_t kCompat = 0x0002;  // TS_COMPAT: the call is one of 32 bits, with other numbers
#elif defined(__aarch64__)
constexpr int32_t kCompat = 1 << 22;  // TIF_32BIT
#endif

struct Maps {
    FileMaps files;
    int calls, host, running, requests;
};

// Writes the two programs.
class Writer : AsyncCode {
public:
    Writer(const FileOffsets& offsets, const Maps& maps, bool names_only)
        : AsyncCode(offsets, maps.files, maps.requests),
          maps_(maps),
          names_only_(names_only),
          with_requests_(!names_only && has_loops()) {}

    std::vector<bpf_insn> at_entry();
    std::vector<bpf_insn> at_return();

private:
    void write_set_base();
    void tell_file(int file);
    void set_base(size_t which, Reg record);
    void put_path(size_t which);

    const Maps& maps_;
    bool names_only_;
    bool with_requests_;
    BpfCode::Label set_base_ = code_.label();
};

// set_base(r1: context, r2: CallFile, r3: descriptor of a folder, or AT_FDCWD, r4: address of the
// path): where the path begins, if it is relative.
void Writer::write_set_base() {
    constexpr int kValue = -8, kMount = -16, kEntry = -24, kContext = -32;
    const auto end = code_.label(), from_current = code_.label(), found = code_.label();
    code_.place(set_base_);
    code_.store(Size::k64, r10, kContext, r1);
    code_.set(r6, r2);
    code_.set(r7, r3);
    code_.store(Size::k64, r10, kValue, 0);
    code_.set(r3, r4);
    code_.point(r1, r10, kValue);
    code_.set(r2, 1);
    code_.call_helper(BPF_FUNC_probe_read_user);
    code_.load(Size::k64, r1, r10, kValue);
    code_.jump_if(BPF_JEQ, r1, '/', end);
    code_.set(r1, r7);
    code_.narrow(r1);
    code_.set(r2, AT_FDCWD);
    code_.narrow(r2);
    code_.jump_if(BPF_JEQ, r1, r2, from_current);
    code_.set(r2, r6);
    code_.call(find_file_);
    code_.jump_if(BPF_JEQ, r0, 0, end);
    code_.load(Size::k64, r8, r6, FILE_AT(file));
    code_.calculate(BPF_ADD, r8, int32_t(o_.file_path));
    code_.jump(found);
    code_.place(from_current);
    code_.call_helper(BPF_FUNC_get_current_task);
    code_.set(r8, r0);
    fetch(kValue, r8, o_.task_fs);
    code_.load(Size::k64, r8, r10, kValue);
    code_.calculate(BPF_ADD, r8, int32_t(o_.fs_current));
    code_.place(found);
    fetch(kMount, r8, o_.path_mount);
    fetch(kEntry, r8, o_.path_entry);
    code_.load(Size::k64, r8, r10, kEntry);
    fetch(kValue, r8, o_.entry_inode);
    code_.load(Size::k64, r1, r10, kValue);
    code_.set(r2, r6);
    code_.call(inode_of_);
    code_.load(Size::k64, r1, r10, kContext);
    code_.set(r2, r6);
    code_.load(Size::k64, r3, r10, kMount);
    code_.load(Size::k64, r4, r10, kEntry);
    code_.call(tell_);
    code_.place(end);
    code_.leave(0);
}

std::vector<bpf_insn> Writer::at_entry() {
    constexpr int kCall = -8, kZero = -4, kThread = -16, kRecord = -16 - int(sizeof(CallRecord));
    const auto end = code_.label();
    code_.set(r6, r1);
    code_.load(Size::k64, r9, r6, 8);
    code_.store(Size::k32, r10, kCall, r9);
    look_up(maps_.calls, kCall);
    code_.jump_if(BPF_JEQ, r0, 0, end);
    code_.load(Size::k32, r7, r0, 0);
    code_.jump_if(BPF_JEQ, r7, 0, end);
    code_.call_helper(BPF_FUNC_get_current_pid_tgid);
    code_.store(Size::k32, r10, kThread, r0);
    code_.calculate(BPF_RSH, r0, 32);
    code_.set(r8, r0);
    code_.store(Size::k32, r10, kZero, 0);
    look_up(maps_.host, kZero);
    code_.jump_if(BPF_JEQ, r0, 0, end);
    code_.load(Size::k32, r1, r0, 0);
    code_.jump_if(BPF_JEQ, r1, r8, end);
    for (size_t i = 0; i < sizeof(CallRecord); i += 8) {
        code_.store(Size::k64, r10, kRecord + int(i), 0);
    }
    code_.call_helper(BPF_FUNC_get_current_task);
    code_.set(r8, r0);
    fetch(kRecord, r8, o_.task_compat, 4);
    code_.load(Size::k32, r1, r10, kRecord);
    code_.calculate(BPF_AND, r1, kCompat);
    code_.jump_if(BPF_JNE, r1, 0, end);
    code_.store(Size::k32, r10, kRecord + AT(kind), int32_t(FileRecordKind::kCall));
    code_.store(Size::k32, r10, kRecord + AT(number), r9);
    code_.store(Size::k32, r10, kRecord + AT(flags), r7);
    code_.load(Size::k64, r8, r6, 0);
    fetch(kRecord + AT(registers), r8, uint32_t(kRegistersAt), sizeof(CallRecord::registers));
    const auto argument = [&](Reg to, size_t number) {
        code_.load(Size::k64, to, r10, kRecord + AT(registers) + int(register_of(number)) * 8);
    };
    const auto unless = [&](uint32_t flag, BpfCode::Label label) {
        code_.set(r1, r7);
        code_.calculate(BPF_AND, r1, int32_t(flag));
        code_.jump_if(BPF_JEQ, r1, 0, label);
    };
    // What the argument, which is in r3, is the address of, in its place.
    const auto read_argument = [&](size_t number) {
        code_.point(r1, r10, kRecord + AT(registers) + int(register_of(number)) * 8);
        code_.set(r2, 8);
        code_.call_helper(BPF_FUNC_probe_read_user);
    };
    // The file is looked up as the call begins: it may be closed when that ends.
    const auto no_file = code_.label(), keep = code_.label(), second = code_.label();
    unless(FileCall::kFile, no_file);
    argument(r1, 0);
    code_.point(r2, r10, kRecord + AT(first));
    code_.call(find_file_);
    code_.set(r9, r0);
    const auto not_at_1 = code_.label(), not_at_2 = code_.label();
    unless(FileCall::kSecondFileAt1, not_at_1);
    argument(r1, 1);
    code_.jump(second);
    code_.place(not_at_1);
    unless(FileCall::kSecondFileAt2, not_at_2);
    argument(r1, 2);
    code_.place(second);
    code_.point(r2, r10, kRecord + AT(second));
    code_.call(find_file_);
    code_.calculate(BPF_OR, r9, r0);
    code_.place(not_at_2);
    code_.jump_if(BPF_JEQ, r9, 0, end);
    for (const auto& [flag, number] :
         {std::pair(FileCall::kOffsetAt1, 1), std::pair(FileCall::kOffsetAt2, 2),
          std::pair(FileCall::kOffsetAt3, 3)}) {
        const auto none = code_.label();
        unless(flag, none);
        argument(r3, size_t(number));
        code_.jump_if(BPF_JEQ, r3, 0, none);
        read_argument(size_t(number));
        code_.load(Size::k32, r1, r10, kRecord + AT(offsets));
        code_.calculate(BPF_OR, r1, 1 << number);
        code_.store(Size::k32, r10, kRecord + AT(offsets), r1);
        code_.place(none);
    }
    code_.jump(keep);

    code_.place(no_file);
    const auto set = [&](int to, size_t number) {
        argument(r1, number);
        code_.store(Size::k64, r10, kRecord + to, r1);
    };
    const auto at_folder = code_.label(), flags_here = code_.label(), no_text = code_.label();
    unless(FileCall::kPath, at_folder);
    code_.store(Size::k64, r10, kRecord + AT(folders), AT_FDCWD);
    code_.store(Size::k64, r10, kRecord + AT(folders) + 8, AT_FDCWD);
    set(AT(paths), 0);
    set(AT(paths) + 8, 1);
    unless(FileCall::kTextFirst, keep);
    set(AT(paths), 1);
    code_.jump(keep);
    code_.place(at_folder);
    set(AT(folders), 0);
    set(AT(paths), 1);
    set(AT(folders) + 8, 2);
    set(AT(paths) + 8, 3);
    unless(FileCall::kTextFirst, no_text);
    set(AT(folders), 1);
    set(AT(paths), 2);
    code_.place(no_text);
    unless(FileCall::kFlagsInMemory, flags_here);
    argument(r3, 2);
    read_argument(2);
    code_.place(flags_here);

    code_.place(keep);
    code_.call_helper(BPF_FUNC_ktime_get_ns);
    code_.store(Size::k64, r10, kRecord + AT(duration_ns), r0);  // its beginning as yet
    code_.keep(maps_.running, kThread, kRecord);
    code_.place(end);
    code_.leave(0);
    write_find_file();
    write_inode_of();
    return code_.finish();
}

// Of the record in r7, with the context in r6.
void Writer::tell_file(int file) {
    constexpr int kMount = -24, kEntry = -32;
    const auto none = code_.label();
    code_.load(Size::k64, r8, r7, file + FILE_AT(file));
    code_.jump_if(BPF_JEQ, r8, 0, none);
    fetch(kMount, r8, o_.file_position);
    code_.load(Size::k64, r1, r10, kMount);
    code_.store(Size::k64, r7, file + FILE_AT(position), r1);
    fetch(kMount, r8, o_.file_path + o_.path_mount);
    fetch(kEntry, r8, o_.file_path + o_.path_entry);
    code_.set(r1, r6);
    code_.point(r2, r7, file);
    code_.load(Size::k64, r3, r10, kMount);
    code_.load(Size::k64, r4, r10, kEntry);
    code_.call(tell_);
    code_.place(none);
}

void Writer::set_base(size_t which, Reg record) {
    code_.set(r1, r6);
    code_.point(r2, record, AT(bases) + int(which * sizeof(CallFile)));
    code_.load(Size::k64, r3, record, AT(folders) + int(which) * 8);
    code_.load(Size::k64, r4, record, AT(paths) + int(which) * 8);
    code_.call(set_base_);
}

// Appends a path to the scratch in r8, of which r9 bytes are taken.
void Writer::put_path(size_t which) {
    const auto good = code_.label(), bad = code_.label();
    code_.set(r1, r8);
    code_.calculate(BPF_ADD, r1, r9);
    code_.set(r2, kMaxPath);
    code_.load(Size::k64, r3, r7, AT(paths) + int(which) * 8);
    code_.call_helper(BPF_FUNC_probe_read_user_str);
    code_.jump_if(BPF_JSLE, r0, 0, bad);
    code_.jump_if(BPF_JLE, r0, kMaxPath, good);
    code_.place(bad);
    code_.set(r1, r8);
    code_.calculate(BPF_ADD, r1, r9);
    code_.store(Size::k8, r1, 0, 0);
    code_.set(r0, 1);
    code_.place(good);
    code_.calculate(BPF_ADD, r9, r0);
}

std::vector<bpf_insn> Writer::at_return() {
    constexpr int kThread = -8, kZero = -16;
    const auto end = code_.label(), drop = code_.label();
    const auto not_open = code_.label(), no_path = code_.label();
    const auto put_out = code_.label(), whole = code_.label();
    code_.set(r6, r1);
    code_.call_helper(BPF_FUNC_get_current_pid_tgid);
    code_.store(Size::k64, r10, kZero, 0);
    code_.store(Size::k32, r10, kThread, r0);
    look_up(maps_.running, kThread);
    code_.jump_if(BPF_JEQ, r0, 0, end);
    code_.set(r7, r0);
    code_.load(Size::k64, r8, r6, 8);
    code_.store(Size::k64, r7, AT(result), r8);
    code_.call_helper(BPF_FUNC_ktime_get_ns);
    code_.load(Size::k64, r1, r7, AT(duration_ns));
    code_.calculate(BPF_SUB, r0, r1);
    code_.store(Size::k64, r7, AT(duration_ns), r0);
    const auto unless = [&](uint32_t flag, BpfCode::Label label) {
        code_.load(Size::k32, r1, r7, AT(flags));
        code_.calculate(BPF_AND, r1, int32_t(flag));
        code_.jump_if(BPF_JEQ, r1, 0, label);
    };
    if (with_requests_) {
        const auto no_submit = code_.label(), no_reap = code_.label();
        const auto call = [&](BpfCode::Label function) {
            code_.set(r1, r6);
            code_.set(r2, r7);
            code_.call(function);
        };
        unless(FileCall::kSubmits, no_submit);
        call(submitted_);
        code_.jump(drop);
        code_.place(no_submit);
        unless(FileCall::kReaps, no_reap);
        call(reaped_);
        code_.jump(drop);
        code_.place(no_reap);
    }
    const auto find_bases = code_.label();
    unless(FileCall::kOpens, not_open);
    code_.jump_if(BPF_JSLT, r8, 0, find_bases);
    code_.set(r1, r8);
    code_.point(r2, r7, AT(first));
    code_.call(find_file_);
    code_.jump_if(BPF_JEQ, r0, 0, drop);
    code_.jump(no_path);  // the file's own is the better one
    code_.place(not_open);
    unless(FileCall::kPath | FileCall::kPathAt, no_path);
    code_.place(find_bases);
    if (!names_only_) {
        set_base(0, r7);
        unless(FileCall::kPathToo | FileCall::kPathAtToo, no_path);
        set_base(1, r7);
    }
    code_.place(no_path);
    tell_file(AT(first));
    if (!names_only_) {
        tell_file(AT(second));
        look_up(maps_.files.scratch, kZero);
        code_.jump_if(BPF_JEQ, r0, 0, drop);
        code_.set(r8, r0);
        code_.set(r1, r8);
        code_.set(r2, int32_t(sizeof(CallRecord)));
        code_.set(r3, r7);
        code_.call_helper(BPF_FUNC_probe_read_kernel);
        code_.set(r9, AT(folders));
        unless(FileCall::kPath | FileCall::kPathAt, put_out);
        code_.set(r9, int32_t(sizeof(CallRecord)));
        put_path(0);
        unless(FileCall::kPathToo | FileCall::kPathAtToo, whole);
        put_path(1);
        code_.place(whole);
        code_.place(put_out);
        code_.set(r1, r6);
        code_.set(r4, r8);
        code_.set(r5, r9);
        code_.put_out(maps_.files.output);
    }
    code_.place(drop);
    code_.forget(maps_.running, kThread);
    code_.place(end);
    code_.leave(0);
    write_find_file();
    write_inode_of();
    write_tell();
    if (!names_only_) write_set_base();
    if (with_requests_) {
        write_submitted();
        write_reaped();
    }
    return code_.finish();
}

Status set_host(const BpfProbe& probe) {
    const uint32_t first = 0;
    const auto process = uint32_t(::getpid());
    return set_in_map(probe.map(kHost), &first, &process);
}

}  // namespace

Result<BpfProbe> watch_files(uint32_t cpus, const CounterSource& counter, bool names_only,
                             bool with_stacks) {
    ETW_TRY(const FileOffsets offsets, find_file_offsets());
    const uint32_t pages = std::bit_floor(std::clamp(kAllRingPages / cpus, 64u, kMaxRingPages));
    ETW_TRY(BpfProbe probe, BpfProbe::make(cpus, {pages, with_stacks}, counter));
    ETW_TRY(UniqueFd host, make_map({BPF_MAP_TYPE_ARRAY, "etw_host", 4, 4, 1}));
    probe.keep(kHost, std::move(host));
    ETW_CHECK(set_host(probe));
    ETW_TRY(UniqueFd calls, make_map({BPF_MAP_TYPE_ARRAY, "etw_calls", 4, 4, kMaxCall}));
    ETW_TRY(UniqueFd running,
            make_map({BPF_MAP_TYPE_LRU_HASH, "etw_running", 4, sizeof(CallRecord), kMaxRunning}));
    ETW_TRY(UniqueFd told, make_map({BPF_MAP_TYPE_LRU_HASH, "etw_told", 32, 4, kMaxNames}));
    ETW_TRY(UniqueFd scratch,
            make_map({BPF_MAP_TYPE_PERCPU_ARRAY, "etw_scratch", 4, kFileScratchSize, 1}));
    for (const FileCall& call : file_calls()) {
        if (names_only && call.kind != Kind::kOpen) continue;
        if (call.kind == Kind::kNone && !has_loops()) continue;  // requests
        const auto key = uint32_t(call.number);
        ETW_CHECK(set_in_map(calls, &key, &call.flags));
    }
    ETW_TRY(UniqueFd requests, make_request_map());
    const Maps maps{{probe.output().get(), told.get(), scratch.get()},
                    calls.get(),
                    probe.map(kHost).get(),
                    running.get(),
                    requests.get()};
    ETW_CHECK(probe.attach("sys_exit", Writer(offsets, maps, names_only).at_return()));
    ETW_CHECK(probe.attach("sys_enter", Writer(offsets, maps, names_only).at_entry()));
    if (!names_only) watch_io_uring(probe, offsets, told.get());
    probe.keep("calls", std::move(calls));
    probe.keep("running", std::move(running));
    probe.keep(kTold, std::move(told));
    probe.keep("scratch", std::move(scratch));
    probe.keep("requests", std::move(requests));
    return probe;
}

Result<BpfProbe> adopt_files(Holder& holder, const std::string& what, uint32_t cpus,
                             const CounterSource& counter, bool with_stacks) {
    ETW_TRY(BpfProbe probe, BpfProbe::adopt(holder, what, cpus, counter, with_stacks));
    ETW_CHECK(set_host(probe));
    probe.clear_map(kTold);
    return probe;
}

}  // namespace etw::kernel
