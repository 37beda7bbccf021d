#include "backend_windows/backend.h"
#include "etw/diagnosis.h"

#include <fmt/format.h>

namespace etw::session {
namespace {

using backend_windows::EtwApi;

Finding functions(const EtwApi& api) {
    Finding out{"event tracing", Verdict::kOk, "the system has its functions", {}, false};
    if (api.start_trace == nullptr || api.control_trace == nullptr || api.enable_trace == nullptr) {
        out.verdict = Verdict::kFailure;
        out.text = "the system lacks StartTrace, ControlTrace or EnableTraceEx2";
        out.remedy = "Windows 7 or later is needed";
    }
    return out;
}

Finding rights(backend_windows::Backend& backend) {
    Finding out{"rights", Verdict::kOk, {}, {}, false};
    const auto sessions = backend.list();
    if (sessions) {
        out.text = fmt::format("sessions may be controlled; {} are running", sessions->size());
        return out;
    }
    out.verdict = Verdict::kFailure;
    out.text = fmt::format("sessions cannot be listed: {} ({})", sessions.error().detail,
                           uint32_t(sessions.error().code));
    out.remedy = "use an elevated prompt, or join the group Performance Log Users";
    return out;
}

Finding clock() {
    Finding out{"clock", Verdict::kOk, {}, {}, false};
    LARGE_INTEGER frequency{};
    if (::QueryPerformanceFrequency(&frequency) != FALSE && frequency.QuadPart > 0) {
        out.text = fmt::format("performance counter, {} Hz", frequency.QuadPart);
        return out;
    }
    out.verdict = Verdict::kWarning;
    out.text = "no performance counter";
    out.remedy = "use -UseSystemTime";
    return out;
}

}  // namespace

std::vector<Finding> diagnose() {
    const EtwApi& api = backend_windows::system_api();
    backend_windows::Backend backend(api);
    return {functions(api), rights(backend), clock()};
}

}  // namespace etw::session
