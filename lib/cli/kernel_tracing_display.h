// How displays show what a session records with its kernel events.
#pragma once
#include "cli/json_writer.h"
#include "etw/kernel_tracing.h"

#include <string>
#include <utility>
#include <vector>

namespace etw::cli {

// Label and value of a line each; none where there is nothing to say.
std::vector<std::pair<const char*, std::string>> kernel_tracing_lines(
    const session::KernelTracing& tracing);
// As members of the object that is open; none where there is nothing to say.
void write_kernel_tracing(JsonWriter& out, const session::KernelTracing& tracing);

}  // namespace etw::cli
