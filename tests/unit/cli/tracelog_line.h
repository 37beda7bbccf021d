// What tracelog makes of a command line.
#pragma once
#include "cli/tracelog_options.h"
#include "command_line.h"

#include <gtest/gtest.h>

namespace etw::cli {

// Of one that it understands.
inline TracelogOptions options(CommandLine line) {
    const auto parsed = parse_tracelog(line, session::kLinux);
    EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().message);
    return parsed ? *parsed : TracelogOptions();
}

// Nothing where it understands it.
inline std::string error(CommandLine line) {
    const auto parsed = parse_tracelog(line, session::kLinux);
    return parsed ? "" : parsed.error().message;
}

}  // namespace etw::cli
