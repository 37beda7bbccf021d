#include "backend_linux/diagnose.h"
#include "base/unique_fd.h"
#include "ring/clock.h"
#include "ring/writer.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

// Of glibc 2.35 and later: not 0 where it has registered a sequence for each thread.
extern "C" {
extern const unsigned __rseq_size __attribute__((weak));
}

namespace etw::backend_linux {
namespace {

using session::Verdict;

constexpr char kBySocket[] = "programs send their events over a socket, which is slow";

bool can_open(const char* path, int flags) {
    return bool(UniqueFd(::open(path, flags | O_CLOEXEC)));
}

void look_at_tracefs(Findings& out) {
    constexpr const char* kPlaces[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};
    int error = ENOENT;
    for (const char* place : kPlaces) {
        const std::string events = fmt::format("{}/events", place);
        if (can_open(events.c_str(), O_RDONLY | O_DIRECTORY)) {
            out.push_back({"tracefs", Verdict::kOk, place, "", true});
            return;
        }
        if (errno != ENOENT) error = errno;
    }
    const bool denied = error == EACCES || error == EPERM;
    out.push_back({"tracefs", Verdict::kFailure,
                   denied ? "you may not read /sys/kernel/tracing" : "not mounted",
                   denied ? "run as root" : "as root: mount -t tracefs tracefs /sys/kernel/tracing",
                   true});
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
    if (event) {
        out.push_back({"perf_event_open", Verdict::kOk, "sees all processes", "", true});
        return;
    }
    const bool denied = errno == EACCES || errno == EPERM;
    out.push_back({"perf_event_open", Verdict::kFailure,
                   fmt::format("not for all processes: {}", std::strerror(errno)),
                   denied ? "run as root, or as root: sysctl kernel.perf_event_paranoid=-1"
                          : "a kernel with CONFIG_PERF_EVENTS, and no filter of system calls",
                   true});
}

void look_at_uprobes(Findings& out) {
    const bool there = can_open("/sys/bus/event_source/devices/uprobe/type", O_RDONLY);
    const bool allowed = ::geteuid() == 0;
    if (there && allowed) {
        out.push_back({"uprobes", Verdict::kOk, "there", "", true});
    } else {
        out.push_back({"uprobes", Verdict::kFailure,
                       there ? "for root only" : "the kernel shows none in /sys",
                       there ? "run as root" : "a kernel with CONFIG_UPROBE_EVENTS, and /sys",
                       true});
    }
}

}  // namespace

void look_at_kernel(Findings& out) {
    utsname name{};
    unsigned major = 0, minor = 0;
    if (::uname(&name) != 0 || std::sscanf(name.release, "%u.%u", &major, &minor) != 2) {
        out.push_back({"kernel", Verdict::kWarning, "does not say its version",
                       "Linux 5.10 or later is needed for programs to write without system calls"});
        return;
    }
    const bool old = major < 5 || (major == 5 && minor < 10);
    out.push_back({"kernel", old ? Verdict::kWarning : Verdict::kOk,
                   fmt::format("Linux {} {}", name.release, name.machine),
                   old ? fmt::format("Linux 5.10 or later; before that {}", kBySocket) : ""});
}

void look_at_sequences(Findings& out) {
    const bool by_libc = &__rseq_size != nullptr && __rseq_size != 0;
    if (ring::sequences_usable()) {
        out.push_back({"restartable sequences", Verdict::kOk,
                       by_libc ? "registered by the C library"
                               : "registered by the provider library: the C library does not",
                       ""});
    } else {
        out.push_back({"restartable sequences", Verdict::kWarning,
                       fmt::format("refused by the kernel; {}", kBySocket),
                       "a kernel with CONFIG_RSEQ, and no filter of system calls that lacks rseq"});
    }
    if (ring::prepare_detach()) {
        out.push_back({"membarrier", Verdict::kOk, "restarts sequences", ""});
    } else {
        out.push_back({"membarrier", Verdict::kWarning,
                       fmt::format("cannot restart sequences; {}", kBySocket),
                       "Linux 5.10 or later, and no filter of system calls that lacks membarrier"});
    }
}

void look_at_clock(Findings& out) {
    if (ring::counter_is_usable()) {
        out.push_back({"time stamp counter", Verdict::kOk,
                       fmt::format("{:.3f} MHz", double(ring::counter_frequency()) / 1e6), ""});
    } else {
        out.push_back(
            {"time stamp counter", Verdict::kWarning,
             fmt::format("not constant, or not the same on all processors; {}", kBySocket),
             "a machine whose kernel lists tsc as a clock source"});
    }
}

void look_at_doorbells(Findings& out) {
    if (can_open("/proc/net/unix", O_RDONLY)) {
        out.push_back({"running programs", Verdict::kOk, "found in /proc/net/unix", ""});
    } else {
        out.push_back(
            {"running programs", Verdict::kFailure,
             fmt::format("a new host cannot find them: /proc/net/unix: {}", std::strerror(errno)),
             "mount /proc and let it be read; or start the programs after the session"});
    }
}

void look_at_kernel_events(Findings& out) {
    look_at_tracefs(out);
    look_at_perf(out);
    look_at_uprobes(out);
}

}  // namespace etw::backend_linux
