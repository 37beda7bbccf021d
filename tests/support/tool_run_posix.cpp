#include "support/tool_run.h"

#include <fmt/format.h>

#include <sys/wait.h>

#include <cstdlib>

namespace etw::test {

int run_tool(const ToolRun& run) {
    std::string command = fmt::format("cd '{}' && env", run.folder);
    for (const std::string& name : run.without) command += " -u " + name;
    for (const std::string& setting : run.environment) command += fmt::format(" '{}'", setting);
    command += fmt::format(" '{}' {} >out 2>err", run.program, run.arguments);
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace etw::test
