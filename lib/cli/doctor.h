// tracelog -doctor: what this machine has of the things that a capture needs.
#pragma once
#include "cli/tracelog.h"
#include "etw/diagnosis.h"

namespace etw::cli {

// A line for each finding: "ok", "warning", "FAILED" or, of what only kernel events need,
// "missing"; with its remedy. kExitFailed where anything failed that every capture needs.
TracelogReport doctor_report(const std::vector<session::Finding>& findings, bool json);

}  // namespace etw::cli
