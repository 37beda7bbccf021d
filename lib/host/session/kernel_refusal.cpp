#include "host/session/kernel_refusal.h"

#include "base/rights.h"

#include <fmt/format.h>

#include <linux/capability.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace etw::host {
namespace {

std::string why_denied(const Error& error) {
    if (::geteuid() != 0) {
        return "kernel events are for root: run the command, and with it the session host, as root";
    }
    if (error.where == EROFS) {
        return "kernel events: tracefs is mounted for reading only; as root: mount -o remount,rw "
               "/sys/kernel/tracing";
    }
    if (is_locked_down()) {
        return fmt::format(
            "kernel events: {} is refused, as the kernel is locked down: start it without "
            "lockdown=confidentiality, or with lockdown=integrity",
            error.what);
    }
    if (!has_capability(CAP_SYS_ADMIN)) {
        return fmt::format(
            "kernel events: {} is refused, as the session host is root without CAP_SYS_ADMIN: "
            "start it with that, or outside of the container",
            error.what);
    }
    return fmt::format(
        "kernel events: {} is refused to root by a filter of system calls or a security module: "
        "have it allow perf_event_open and bpf, or run the command elsewhere",
        error.what);
}

}  // namespace

session::Failure kernel_refusal(const Error& error) {
    // Then tracefs is empty.
    const bool is_denied = error.code == Code::kAccessDenied || is_locked_down();
    if (is_denied) return {Code::kAccessDenied, why_denied(error)};
    std::string text = fmt::format("kernel events: {}", error.what);
    if (error.where == ENOMEM) {
        text += ": the kernel has no memory for its buffers; stop other sessions, or ask for less";
    } else {
        if (error.where != 0) text += fmt::format(": {}", std::strerror(int(error.where)));
        text += "; tracelog -doctor says what this machine lacks";
    }
    return {error.code, std::move(text)};
}

}  // namespace etw::host
