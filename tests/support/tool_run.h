// A tool as a process of its own, on either system.
#pragma once
#include <string>
#include <vector>

namespace etw::test {

struct ToolRun {
    std::string program;
    // Words between blanks; '...' holds what has blanks or stars in it together.
    std::string arguments;
    std::string folder;  // where it runs; its output goes into the files `out` and `err` there
    std::vector<std::string> environment;  // NAME=value, beside what this process has
    std::vector<std::string> without;      // names that it does not inherit
};

// Runs it to its end; the exit status, -1 where it did not end by itself.
int run_tool(const ToolRun& run);

}  // namespace etw::test
