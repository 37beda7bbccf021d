// What only kernel events need.
#include "backend_linux/diagnose.h"
#include "base/rights.h"
#include "base/unique_fd.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

namespace etw::backend_linux {
namespace {

using session::Verdict;

constexpr char kRunAsRoot[] = "run as root";
constexpr char kUnlock[] =
    "start the kernel without lockdown=confidentiality, or with lockdown=integrity";

void report(Findings& out, const char* subject, const std::string& text,
            const std::string& remedy = "") {
    const Verdict verdict = remedy.empty() ? Verdict::kOk : Verdict::kFailure;
    out.push_back({subject, verdict, text, remedy, true});
}

bool can_open(const std::string& path, int flags = O_RDONLY) {
    return bool(UniqueFd(::open(path.c_str(), flags | O_CLOEXEC)));
}

bool is_denied(int error) { return error == EACCES || error == EPERM; }

bool may_administer() { return has_capability(CAP_SYS_ADMIN); }

bool has_file_system(const std::string& name) {
    std::ifstream in("/proc/filesystems");
    for (std::string line; std::getline(in, line);) {
        if (line.ends_with("\t" + name)) return true;
    }
    return false;
}

std::string who_may() {
    return ::geteuid() == 0 ? "give the host CAP_SYS_ADMIN (of a container: run it with that)"
                            : kRunAsRoot;
}

void look_at_tracefs(Findings& out) {
    constexpr const char* kPlaces[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};
    int error = ENOENT;
    for (const std::string place : kPlaces) {
        if (can_open(place + "/trace_clock", O_RDWR)) return report(out, "tracefs", place);
        if (errno != ENOENT) error = errno;
    }
    if (is_locked_down()) {
        report(out, "tracefs", "the kernel is locked down, and has nothing in it", kUnlock);
    } else if (is_denied(error)) {
        report(out, "tracefs", "you may not open the files in /sys/kernel/tracing", who_may());
    } else if (error != ENOENT) {
        report(out, "tracefs", fmt::format("/sys/kernel/tracing: {}", std::strerror(error)),
               "as root: mount -o remount,rw /sys/kernel/tracing");
    } else if (!has_file_system("tracefs")) {
        report(out, "tracefs", "the kernel has none",
               "a kernel with CONFIG_TRACING and CONFIG_FTRACE");
    } else if (may_administer() && can_open("/sys/kernel/tracing", O_RDONLY | O_DIRECTORY)) {
        report(out, "tracefs", "not mounted; a session mounts it at /sys/kernel/tracing");
    } else {
        report(out, "tracefs", "not mounted",
               "as root: mount -t tracefs tracefs /sys/kernel/tracing");
    }
}

void look_at_perf(Findings& out) {
    perf_event_attr attr{};
    attr.size = sizeof(attr);
    attr.type = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_CPU_CLOCK;
    attr.disabled = 1;
    constexpr int kEveryProcess = -1, kFirstCpu = 0;
    const UniqueFd event(int(
        ::syscall(SYS_perf_event_open, &attr, kEveryProcess, kFirstCpu, -1, PERF_FLAG_FD_CLOEXEC)));
    if (event) return report(out, "perf_event_open", "sees all processes");
    const int error = errno;
    report(
        out, "perf_event_open", fmt::format("not for all processes: {}", std::strerror(error)),
        !is_denied(error) ? "a kernel with CONFIG_PERF_EVENTS, and no filter of system calls"
        : ::geteuid() == 0
            ? "give the host CAP_PERFMON or CAP_SYS_ADMIN (of a container: run it with that, and "
              "without a filter of system calls)"
            : "run as root, or as root: sysctl kernel.perf_event_paranoid=-1");
}

void look_at_uprobes(Findings& out) {
    if (!can_open("/sys/bus/event_source/devices/uprobe/type")) {
        report(out, "uprobes", "the kernel shows none in /sys",
               "a kernel with CONFIG_UPROBE_EVENTS, and /sys");
    } else if (!may_administer()) {
        report(out, "uprobes", "for root only", who_may());
    } else {
        report(out, "uprobes", "there");
    }
}

// Whose types libbpf finds.
void look_at_types(Findings& out) {
    if (can_open("/sys/kernel/btf/vmlinux")) {
        report(out, "type information", "/sys/kernel/btf/vmlinux");
    } else {
        report(out, "type information",
               "the kernel shows none (BTF): no events of calls on files, of what is sent and "
               "received before Linux 6.3, and without exit codes and addresses of datagrams",
               "a kernel with CONFIG_DEBUG_INFO_BTF, as Debian's have, and /sys");
    }
}

// Loads one that reads the kernel's memory, as ours do. It goes with its descriptor.
std::optional<int> error_of_program() {
    const auto instruction = [](uint8_t code, uint8_t to, uint8_t from, int32_t value) {
        bpf_insn out{};
        out.code = code;
        out.dst_reg = to & 0xF;
        out.src_reg = from & 0xF;
        out.imm = value;
        return out;
    };
    constexpr uint8_t kSet = BPF_ALU64 | BPF_MOV | BPF_K, kCopy = BPF_ALU64 | BPF_MOV | BPF_X;
    const bpf_insn code[] = {
        instruction(kCopy, BPF_REG_1, BPF_REG_10, 0),
        instruction(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_1, 0, -8),
        instruction(kSet, BPF_REG_2, 0, 8),
        instruction(kSet, BPF_REG_3, 0, 0),
        instruction(BPF_JMP | BPF_CALL, 0, 0, BPF_FUNC_probe_read_kernel),
        instruction(kSet, BPF_REG_0, 0, 0),
        instruction(BPF_JMP | BPF_EXIT, 0, 0, 0),
    };
    bpf_attr attr{};
    attr.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT;
    attr.insns = uint64_t(reinterpret_cast<uintptr_t>(code));
    attr.insn_cnt = uint32_t(std::size(code));
    attr.license = uint64_t(reinterpret_cast<uintptr_t>("GPL"));
    const UniqueFd program(int(::syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr))));
    if (program) return std::nullopt;
    return errno;
}

void look_at_programs(Findings& out) {
    const auto error = error_of_program();
    if (!error) return report(out, "programs (BPF)", "run, and read the kernel's memory");
    const std::string text = fmt::format("refused: {}", std::strerror(*error));
    if (is_locked_down()) {
        report(out, "programs (BPF)", text + ": the kernel is locked down", kUnlock);
    } else if (is_denied(*error)) {
        report(out, "programs (BPF)", text,
               ::geteuid() == 0 ? "give the host CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN (of a "
                                  "container: run it with these, and without a filter of system "
                                  "calls)"
                                : kRunAsRoot);
    } else {
        report(out, "programs (BPF)", text,
               "a kernel with CONFIG_BPF_SYSCALL and CONFIG_BPF_EVENTS");
    }
}

}  // namespace

void look_at_kernel_events(Findings& out) {
    look_at_tracefs(out);
    look_at_perf(out);
    look_at_uprobes(out);
    look_at_types(out);
    look_at_programs(out);
}

}  // namespace etw::backend_linux
