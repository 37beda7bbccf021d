#include "backend_linux/diagnose.h"
#include "base/unique_fd.h"
#include "ring/clock.h"
#include "ring/writer.h"

#include <fmt/format.h>

#include <fcntl.h>
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

}  // namespace etw::backend_linux
