#include "cli/doctor.h"

#include "cli/json_writer.h"

#include <fmt/format.h>

#include <algorithm>

namespace etw::cli {
namespace {

using session::Finding;
using session::Verdict;

bool stops_captures(const Finding& finding) {
    return finding.verdict == Verdict::kFailure && !finding.kernel_events_only;
}

const char* word(const Finding& finding) {
    switch (finding.verdict) {
        case Verdict::kOk:
            return "ok";
        case Verdict::kWarning:
            return "warning";
        case Verdict::kFailure:
            break;
    }
    return finding.kernel_events_only ? "missing" : "FAILED";
}

std::string line(const Finding& finding) {
    std::string out = fmt::format("{:<9}{:<23}{}", word(finding), finding.subject, finding.text);
    if (finding.kernel_events_only) out += " (kernel events only)";
    if (!finding.remedy.empty()) out += fmt::format("; remedy: {}", finding.remedy);
    return out + "\n";
}

std::string as_json(const std::vector<Finding>& findings, uint64_t failed) {
    JsonWriter out;
    out.begin_object().key("failed").number(failed).key("checks").begin_array();
    for (const Finding& finding : findings) {
        out.begin_object().key("check").text(finding.subject).key("result");
        out.text(to_lower(word(finding))).key("detail").text(finding.text);
        out.key("remedy").text(finding.remedy);
        out.key("needed_for").text(finding.kernel_events_only ? "kernel events" : "captures");
        out.end_object();
    }
    return out.end_array().end_object().take() + "\n";
}

}  // namespace

TracelogReport doctor_report(const std::vector<Finding>& findings, bool json) {
    const auto failed = uint64_t(std::count_if(findings.begin(), findings.end(), stops_captures));
    TracelogReport report;
    report.exit_status = failed == 0 ? kExitDone : kExitFailed;
    if (json) {
        report.output = as_json(findings, failed);
        return report;
    }
    for (const Finding& finding : findings) report.output += line(finding);
    report.output += failed == 0 ? "\nEverything that a capture needs works.\n"
                                 : fmt::format("\n{} of what a capture needs failed.\n", failed);
    return report;
}

}  // namespace etw::cli
