#include "host/providers/traced_processes.h"

#include "host/session/kernel_refusal.h"
#include "kernel/tracefs/tracefs.h"
#include "session/rules.h"
#include "session/traced_rules.h"

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

namespace etw::host {

using session::Failure;
using session::Outcome;
using What = kernel::TracedProcesses::What;

namespace {

What what_of(const Guid& provider) {
    return provider == session::kCritSecGuid ? What::kLocks : What::kHeap;
}

Outcome<Ok> check_process(What what, uint32_t pid, const PeerCredentials& peer) {
    if (!find_process(pid)) {
        return Failure{Code::kInvalidParameter, fmt::format("-pids: no process {} runs", pid)};
    }
    // Of a process that has changed its rights, /proc belongs to root.
    struct stat info {};
    const bool known = ::stat(fmt::format("/proc/{}", pid).c_str(), &info) == 0;
    if (!known || (peer.uid != 0 && info.st_uid != peer.uid)) {
        return Failure{
            Code::kAccessDenied,
            fmt::format("-pids: process {} is another user's; only root may record it", pid)};
    }
    const auto functions = kernel::find_user_functions(what, pid);
    if (functions) return Ok{};
    if (functions.error().code == Code::kAccessDenied) {
        return Failure{Code::kAccessDenied,
                       fmt::format("-pids: what process {} has mapped is for root to read", pid)};
    }
    return Failure{Code::kNotSupported,
                   fmt::format("-pids: process {} has {}: it uses none, or was linked statically "
                               "and stripped of its symbols",
                               pid,
                               what == What::kHeap ? "no malloc that could be found"
                                                   : "no pthread_mutex_lock that could be found")};
}

}  // namespace

Outcome<Ok> check_traced_processes(const session::StartRequest& request,
                                   const PeerCredentials& peer) {
    ETW_CHECK(session::check_traced(request));
    const auto usable = kernel::check_tracefs();
    if (!usable && ::geteuid() == 0) return kernel_refusal(usable.error());
    if (!usable && usable.error().code == Code::kAccessDenied) {
        return Failure{Code::kAccessDenied,
                       "-heap and -critsec are for root: run the command, and with it the session "
                       "host, as root"};
    }
    if (!usable || !kernel::check_uprobes()) {
        return Failure{Code::kNotSupported,
                       "-heap and -critsec need a kernel with tracefs and uprobes "
                       "(CONFIG_UPROBE_EVENTS)"};
    }
    const session::ProviderEnable& how = request.providers.front();
    for (const uint32_t pid : how.pids) ETW_CHECK(check_process(what_of(how.guid), pid, peer));
    return Ok{};
}

kernel::TracedProcesses traced_processes(const SavedSession& saved) {
    kernel::TracedProcesses out;
    if (!session::traces_processes(saved.properties) || saved.providers.empty()) return out;
    out.what = what_of(saved.providers.front().guid);
    for (const Admitted& admitted : saved.admitted) {
        if (find_process(admitted.process.pid) == admitted.process)
            out.pids.push_back(admitted.process.pid);
    }
    return out;
}

}  // namespace etw::host
