#include "backend_linux/recovery.h"

#include "base/unique_fd.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

namespace etw::backend_linux {
namespace {

using session::Failure;
using session::Outcome;
using session::RecoveredLog;

Failure cannot_run(const std::string& program, int error) {
    return {Code::kServiceNotAvailable,
            fmt::format("'{}' cannot be run: {}", program, std::strerror(error))};
}

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> out;
    for (size_t end = text.find(at); end != text.npos; end = text.find(at)) {
        out.push_back(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
    out.push_back(text);
    return out;
}

template <class T>
bool parse(std::string_view text, T& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size();
}

// A line of host/survival/recover.h.
std::optional<RecoveredLog> parse_line(std::string_view line) {
    const auto fields = split(line, '\t');
    RecoveredLog log;
    uint32_t code = 0;
    if (fields.size() != 6 || !parse(fields[0], code) || !parse(fields[3], log.bytes) ||
        !parse(fields[4], log.buffers)) {
        return std::nullopt;
    }
    log.code = Code(code);
    log.file = fields[1];
    log.session = fields[2];
    log.detail = fields[5];
    return log;
}

std::string read_all(const UniqueFd& fd) {
    std::string out;
    std::array<char, 4096> part;
    while (true) {
        const ssize_t n = ::read(fd.get(), part.data(), part.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return out;
        out.append(part.data(), size_t(n));
    }
}

Outcome<std::string> output_of(const std::vector<std::string>& words) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return cannot_run(words.front(), errno);
    const UniqueFd readable(ends[0]);
    UniqueFd writable(ends[1]);
    std::vector<char*> argv;
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, writable.get(), STDOUT_FILENO);
    pid_t child = 0;
    const int error = ::posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) return cannot_run(words.front(), error);
    writable.reset();
    std::string out = read_all(readable);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return Failure{Code::kServiceNotAvailable,
                       fmt::format("'{} --recover' failed", words.front())};
    }
    return out;
}

}  // namespace

Outcome<std::vector<RecoveredLog>> run_recovery(const std::string& program,
                                                const session::RecoverRequest& request) {
    if (program.empty()) return cannot_run("etwd", ENOENT);
    std::vector<std::string> words = {program, "--recover"};
    // As one word each: a name may begin with a dash.
    if (!request.name.empty()) words.push_back("--session=" + request.name);
    if (!request.folder.empty()) words.push_back("--of-folder=" + request.folder);
    if (!request.file.empty()) words.push_back("--output=" + request.file);
    ETW_TRY(const std::string text, output_of(words));
    std::vector<RecoveredLog> logs;
    for (const std::string_view line : split(text, '\n')) {
        if (auto log = parse_line(line)) logs.push_back(*std::move(log));
    }
    return logs;
}

}  // namespace etw::backend_linux
