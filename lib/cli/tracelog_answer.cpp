#include "cli/tracelog_answer.h"

#include "base/letter_case.h"
#include "base/path.h"
#include "cli/tracelog_display.h"
#include "session/boot_rules.h"

#include <fmt/format.h>

#include <filesystem>

namespace etw::cli {

using session::Failure;
using session::Outcome;
using session::SessionStatus;

std::string absolute_path(const std::string& path) {
    const std::filesystem::path whole = to_absolute(to_path(path));
    std::filesystem::path plain = whole.lexically_normal();
    // What lies above a link is not what the link is in.
    std::error_code missing;
    const bool same =
        std::filesystem::equivalent(whole.parent_path(), plain.parent_path(), missing);
    return to_text(same || missing ? plain : whole);
}

void TracelogAnswer::show(const Outcome<SessionStatus>& status) {
    if (!status) return failed(status.error());
    print(options_.json ? to_json(*status) : block(*status));
}

std::string TracelogAnswer::block(const SessionStatus& status) const {
    std::string out = operation_status(Code::kOk) + "\n" + properties_block(status);
    if (options_.list_providers) out += "\n" + provider_table(status.providers);
    return out;
}

void TracelogAnswer::failed(const Failure& failure) {
    report_.exit_status = kExitFailed;
    if (options_.json) {
        print(to_json(session_, failure));
    } else {
        print(operation_status(failure.code));
        if (!session_.empty()) print("\n" + failed_block(session_));
    }
    note_failure(failure);
}

void TracelogAnswer::note_failure(const Failure& failure) {
    const std::string text = failure.detail.empty() ? explanation(failure.code) : failure.detail;
    note(fmt::format("{} [{}]", about_session(session_, text), uint32_t(failure.code)));
    if (failure.code == Code::kSessionNotFound && session::is_global_logger(session_))
        note("it starts with the next boot once tracelog -start GlobalLogger has configured it");
}

std::string TracelogAnswer::explanation(Code code) const {
    if (code != Code::kSessionNotFound) return status_text(code);
    if (same_name(session_, session::kKernelLoggerName))
        return "NT Kernel Logger does not run; give a session's name after the action";
    return "no session of that name runs; tracelog -l lists those that do";
}

}  // namespace etw::cli
