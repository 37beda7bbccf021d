#include "support/command_output.h"

#include <sys/wait.h>

#include <array>
#include <cstdio>

namespace etw::test {

std::string output_of(const std::string& command, bool& ran) {
    std::string out;
    ran = false;
    std::FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
    if (pipe == nullptr) return out;
    std::array<char, 4096> chunk;
    for (size_t n = 0; (n = std::fread(chunk.data(), 1, chunk.size(), pipe)) != 0;) {
        out.append(chunk.data(), n);
    }
    const int status = ::pclose(pipe);
    ran = WIFEXITED(status) && WEXITSTATUS(status) != 127;
    return out;
}

}  // namespace etw::test
