#include "kernel/tracefs/tracefs.h"

#include "base/hung_process.h"
#include "kernel/tracefs/probe_group.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

namespace etw::kernel {
namespace {

constexpr char kMountPoint[] = "/sys/kernel/tracing";
constexpr char kOldMountPoint[] = "/sys/kernel/debug/tracing";
constexpr long kTracefsMagic = 0x74726163;
constexpr std::string_view kPrefix = "etw-";

bool is_tracefs(const char* folder) {
    struct statfs fs {};
    return ::statfs(folder, &fs) == 0 && fs.f_type == kTracefsMagic;
}

Error os_error(const char* what) { return {code_from_errno(errno), what, uint64_t(errno)}; }

// "name: number" in the text of a stats file.
uint64_t stat_value(const std::string& text, std::string_view name) {
    const size_t at = text.find(std::string(name) + ": ");
    return at == std::string::npos
               ? 0
               : std::strtoull(text.c_str() + at + name.size() + 2, nullptr, 10);
}

std::vector<std::string> our_instances(const std::string& tracefs) {
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator it(tracefs + "/instances", error), end;
         !error && it != end; it.increment(error)) {
        std::string name = it->path().filename();
        if (name.starts_with(kPrefix)) names.push_back(std::move(name));
    }
    return names;
}

}  // namespace

Result<std::string> tracefs_folder() {
    for (const char* folder : {kMountPoint, kOldMountPoint}) {
        if (is_tracefs(folder)) return std::string(folder);
    }
    if (::mount("tracefs", kMountPoint, "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) ==
            0 ||
        is_tracefs(kMountPoint)) {
        return std::string(kMountPoint);
    }
    if (errno == EPERM || errno == EACCES) return os_error("tracefs: mount");
    return Error{Code::kNotSupported, "tracefs: the kernel has none", uint64_t(errno)};
}

Status check_tracefs() {
    ETW_TRY(const std::string folder, tracefs_folder());
    if (::access((folder + "/instances").c_str(), W_OK) != 0) return os_error("tracefs: instances");
    return Ok{};
}

Result<std::string> read_text(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return os_error("tracefs: open");
    std::string out;
    std::array<char, 4096> part;
    while (true) {
        const ssize_t n = ::read(fd.get(), part.data(), part.size());
        if (n < 0) return os_error("tracefs: read");
        if (n == 0) return out;
        out.append(part.data(), size_t(n));
    }
}

Status write_text(const std::string& path, std::string_view text) {
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_TRUNC));
    if (!fd) return os_error("tracefs: open");
    if (::write(fd.get(), text.data(), text.size()) != ssize_t(text.size())) {
        return os_error("tracefs: write");
    }
    return Ok{};
}

Result<Instance> Instance::open(const std::string& tracefs, const std::string& name) {
    const std::string folder = tracefs + "/instances/" + name;
    const bool is_new = ::mkdir(folder.c_str(), 0700) == 0;
    if (!is_new && errno != EEXIST) return os_error("tracefs: instance");
    return Instance(folder, is_new);
}

Status Instance::set(std::string_view file, std::string_view value) const {
    return write_text(fmt::format("{}/{}", folder_, file), value);
}

Result<UniqueFd> Instance::open_pipe(uint32_t cpu) const {
    const std::string path = fmt::format("{}/per_cpu/cpu{}/trace_pipe_raw", folder_, cpu);
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return os_error("tracefs: trace_pipe_raw");
    return fd;
}

uint64_t Instance::lost(uint32_t cpu) const {
    const auto text = read_text(fmt::format("{}/per_cpu/cpu{}/stats", folder_, cpu));
    if (!text) return 0;
    return stat_value(*text, "overrun") + stat_value(*text, "commit overrun") +
           stat_value(*text, "dropped events");
}

uint64_t Instance::handed_over(uint32_t cpu) const {
    const auto text = read_text(fmt::format("{}/per_cpu/cpu{}/stats", folder_, cpu));
    return text ? stat_value(*text, "read events") : 0;
}

Status Instance::remove() const {
    if (::rmdir(folder_.c_str()) != 0) return os_error("tracefs: remove");
    return Ok{};
}

std::string instance_name(const std::string& tracefs, uint64_t session) {
    const std::string ending = fmt::format("-{:x}", session);
    for (const std::string& name : our_instances(tracefs)) {
        if (name.ends_with(ending)) return name;
    }
    // The parent is the keeper, which outlives a host that crashes.
    return fmt::format("{}{}{}", kPrefix, ::getppid(), ending);
}

void remove_unused_instances() {
    for (const char* root : {kMountPoint, kOldMountPoint}) {
        if (!is_tracefs(root)) continue;
        for (const std::string& name : our_instances(root)) {
            const auto maker = pid_t(std::strtol(name.c_str() + kPrefix.size(), nullptr, 10));
            if (maker > 0 && maker != ::getppid() && !has_ended(maker)) continue;
            // The kernel refuses where a pipe is open: somebody's session, which goes on.
            ::rmdir((std::string(root) + "/instances/" + name).c_str());
        }
        remove_unused_probes(root);
        return;
    }
}

}  // namespace etw::kernel
