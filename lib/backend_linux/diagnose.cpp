#include "backend_linux/diagnose.h"

#include "backend_linux/control_channel.h"
#include "backend_linux/host_launcher.h"
#include "base/disk_space.h"
#include "base/hung_process.h"
#include "base/runtime_folder.h"
#include "ring/ring_set.h"
#include "session/codec.h"
#include "session/rules.h"
#include "wire/provider_protocol.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <optional>

namespace etw::backend_linux {
namespace {

using session::Finding;
using session::Verdict;

constexpr uint64_t kMegabyte = 1 << 20;

std::string megabytes(uint64_t bytes) {
    return fmt::format("{:.1f} MB", double(bytes) / double(kMegabyte));
}

std::string whose(uid_t uid) {
    return uid == ::geteuid() ? "yours" : fmt::format("of user id {}", uid);
}

void look_for_refused(Findings& out, ControlChannel& channel) {
    const auto reply = channel.call(wire::ControlOp::kListRefused, {}, {});
    const auto refused =
        reply ? session::decode<std::vector<session::RefusedProgram>>(reply->body) : reply.error();
    if (!refused) return;
    for (const session::RefusedProgram& program : *refused) {
        out.push_back(
            {"provider library", Verdict::kWarning,
             fmt::format("process {} ({}) speaks version {} with session hosts, this one "
                         "version {}: it is not recorded",
                         program.pid, program.executable, program.version, program.host_version),
             "build that program with this version's provider library"});
    }
}

// Asks it for its sessions: another version's host answers something else, a stopped one nothing.
void look_at_answer(Findings& out, ControlChannel& channel, const std::string& place) {
    channel.wait_at_most(std::chrono::seconds(3));
    const auto reply = channel.call(wire::ControlOp::kList, {}, {});
    const auto sessions =
        reply ? session::decode<std::vector<session::SessionStatus>>(reply->body) : reply.error();
    if (sessions && reply->code == Code::kOk) {
        out.push_back({"session host", Verdict::kOk,
                       fmt::format("answers in {}; sessions: {}", place, sessions->size()), ""});
        look_for_refused(out, channel);
    } else if (!sessions && sessions.error().code == Code::kTimeout) {
        out.push_back({"session host", Verdict::kFailure,
                       fmt::format("does not answer in {}", place),
                       "let that etwd go on if it is stopped (kill -CONT), or end it; the next one "
                       "goes on with its sessions"});
    } else if (!sessions && sessions.error().code == Code::kRevisionMismatch) {
        out.push_back({"session host", Verdict::kFailure,
                       fmt::format("speaks version {} of the control protocol in {}, this tool {}",
                                   sessions.error().where, place, wire::kControlProtocolVersion),
                       "end that etwd, or use the tools that were installed with it"});
    } else {
        out.push_back({"session host", Verdict::kFailure,
                       fmt::format("does not answer as a host in {}", place),
                       "end that etwd, or use the tools that were installed with it"});
    }
}

void look_for_program(Findings& out, const std::string& folder) {
    const std::string program = find_host_program();
    if (program.empty()) {
        out.push_back({"session host", Verdict::kFailure,
                       "there is no etwd beside this tool, on PATH or in " ETW_LIBEXECDIR,
                       "install it there"});
    } else {
        out.push_back({"session host", Verdict::kOk,
                       fmt::format("none runs in {}; -start starts {}", folder, program), ""});
    }
}

// Made, as a host would, and taken away again.
Finding folder_to_be(const std::string& folder) {
    if (::mkdir(folder.c_str(), 0700) == 0 && ::rmdir(folder.c_str()) == 0)
        return {"runtime folder", Verdict::kOk, fmt::format("{} will be made", folder), ""};
    return {"runtime folder", Verdict::kFailure,
            fmt::format("{} cannot be made: {}", folder, std::strerror(errno)),
            "set ETW_RUNTIME_DIR to a folder of yours, for the tools and the traced programs"};
}

// Writes a file there as the host will.
std::optional<int> error_of_writing(const std::string& folder) {
    const UniqueFd file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (!file) return errno == EOPNOTSUPP ? std::nullopt : std::optional(errno);
    constexpr off_t kSavedSession = 16 * 1024;
    if (const int error = ::posix_fallocate(file.get(), 0, kSavedSession); error != 0) return error;
    return std::nullopt;
}

// Bytes of memory that could be had now, and what says so.
std::optional<uint64_t> free_memory() {
    std::ifstream info("/proc/meminfo");
    for (std::string line; std::getline(info, line);) {
        unsigned long long kilobytes = 0;
        if (std::sscanf(line.c_str(), "MemAvailable: %llu", &kilobytes) == 1)
            return uint64_t{kilobytes} * 1024;
    }
    return std::nullopt;
}

// The limit of our control group, if it has one, less what it uses.
std::optional<uint64_t> free_in_group() {
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        if (!line.starts_with("0::")) continue;
        const std::string folder = "/sys/fs/cgroup" + line.substr(3);
        uint64_t limit = 0, used = 0;
        if (!(std::ifstream(folder + "/memory.max") >> limit)) return std::nullopt;
        if (!(std::ifstream(folder + "/memory.current") >> used)) return std::nullopt;
        return limit - std::min(limit, used);
    }
    return std::nullopt;
}

wire::RingGeometry default_geometry() {
    const auto cpus = uint32_t(std::max(1L, ::sysconf(_SC_NPROCESSORS_CONF)));
    const session::Properties p = session::apply_defaults({}, cpus);
    return {cpus, session::blocks_per_cpu(p, cpus), p.buffer_size_kb * 1024, 0};
}

// A limit on the size of files is one on memory files too, and is told by a signal. A host has the
// highest that it may.
class FileSizeOfHost {
public:
    FileSizeOfHost() : signal_(std::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &limit_);
        const rlimit raised{limit_.rlim_max, limit_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &raised);
    }
    ~FileSizeOfHost() {
        std::signal(SIGXFSZ, signal_);
        ::setrlimit(RLIMIT_FSIZE, &limit_);
    }
    FileSizeOfHost(const FileSizeOfHost&) = delete;
    FileSizeOfHost& operator=(const FileSizeOfHost&) = delete;

private:
    void (*signal_)(int);
    rlimit limit_{};
};

}  // namespace

void look_at_host(Findings& out, const std::string& folder) {
    const std::string socket = folder + "/" + wire::kControlSocketName;
    if (socket.size() >= sizeof(sockaddr_un::sun_path)) {
        out.push_back({"session host", Verdict::kFailure,
                       fmt::format("the path of its socket is too long: {}", socket),
                       "set ETW_RUNTIME_DIR to a shorter path"});
        return;
    }
    if (const auto hung = find_hung_holder(folder + "/" + wire::kHostLockName)) {
        out.push_back({"session host", Verdict::kFailure,
                       fmt::format("it is {}, whose file system does not answer", to_string(*hung)),
                       "the next -start, or any command where sessions are left, starts another "
                       "one; the process ends when its file system answers"});
        return;
    }
    auto channel = ControlChannel::connect(folder);
    if (channel) {
        struct stat st {};
        const bool known = ::stat(socket.c_str(), &st) == 0;
        look_at_answer(out, *channel,
                       known ? fmt::format("{} ({})", folder, whose(st.st_uid)) : folder);
    } else if (channel.error().code == Code::kServiceNotAvailable) {
        look_for_program(out, folder);
    } else {
        out.push_back({"rights", Verdict::kFailure,
                       fmt::format("you may not talk to the host in {}: {}", folder,
                                   std::strerror(int(channel.error().where))),
                       folder == kSystemRuntimeFolder
                           ? "as root: usermod -aG tracing USER, then log in again; or use a host "
                             "of your own: unset ETW_RUNTIME_DIR"
                           : "set ETW_RUNTIME_DIR to a folder of yours"});
        return;
    }
    out.push_back({"rights", Verdict::kOk,
                   folder == kSystemRuntimeFolder
                       ? "the system's host: root and group tracing control its sessions"
                       : "a host for one user: it records the programs of that user",
                   ""});
}

void look_at_folder(Findings& out, const std::string& folder) {
    struct stat st {};
    if (::lstat(folder.c_str(), &st) != 0) {
        out.push_back(folder_to_be(folder));
        return;
    }
    const bool others_write = (st.st_mode & (S_IWGRP | S_IWOTH)) != 0;
    if (!S_ISDIR(st.st_mode) || others_write) {
        out.push_back({"runtime folder", Verdict::kFailure,
                       fmt::format("{} {}", folder,
                                   others_write && S_ISDIR(st.st_mode) ? "can be written by others"
                                                                       : "is not a folder"),
                       fmt::format("chmod go-w {0}, or move {0} away", folder)});
    } else if (st.st_uid != ::geteuid()) {
        // The host that has it started with rights that we do not know.
        const bool runs = bool(ControlChannel::connect(folder));
        out.push_back({"runtime folder", runs ? Verdict::kOk : Verdict::kFailure,
                       fmt::format("{} is {}", folder, whose(st.st_uid)),
                       runs ? "" : "have its owner start a session, or unset ETW_RUNTIME_DIR"});
    } else if (const auto error = error_of_writing(folder)) {
        out.push_back({"runtime folder", Verdict::kFailure,
                       fmt::format("{} cannot be written to: {}", folder, std::strerror(*error)),
                       *error == ENOSPC || *error == EDQUOT
                           ? "free space there, or set ETW_RUNTIME_DIR to a folder elsewhere"
                           : "set ETW_RUNTIME_DIR to a folder of yours"});
    } else {
        out.push_back({"runtime folder", Verdict::kOk, folder, ""});
    }
}

void look_at_limits(Findings& out) {
    constexpr rlim_t kEnoughDescriptors = 256;  // 64 sessions, and a program for each
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < kEnoughDescriptors) {
        out.push_back(
            {"open files", Verdict::kWarning, fmt::format("a host may open {}", limit.rlim_max),
             fmt::format("raise the limit to {} or more: ulimit -n", kEnoughDescriptors)});
    } else {
        out.push_back({"open files", Verdict::kOk, "enough", ""});
    }
    if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_max != RLIM_INFINITY) {
        out.push_back({"size of files", Verdict::kWarning,
                       fmt::format("no log grows beyond {}", megabytes(limit.rlim_max)),
                       "before the first session: ulimit -f unlimited"});
    } else {
        out.push_back({"size of files", Verdict::kOk, "not limited", ""});
    }
}

void look_at_shared_memory(Findings& out) {
    const wire::RingGeometry geometry = default_geometry();
    const uint64_t needed = geometry.set_size();
    const auto memory = free_memory();
    const auto in_group = free_in_group();
    const uint64_t free = std::min(memory.value_or(UINT64_MAX), in_group.value_or(UINT64_MAX));
    const std::string text =
        fmt::format("a session takes {} for each user who writes to it", megabytes(needed));
    constexpr char kRemedy[] = "smaller or fewer buffers: -b 16 -max 8";
    if (needed > free) {
        out.push_back({"shared memory", Verdict::kFailure,
                       fmt::format("{}, and {} is free", text, megabytes(free)), kRemedy});
        return;
    }
    const FileSizeOfHost size;
    if (const auto rings = ring::RingSet::create(geometry); !rings) {
        out.push_back({"shared memory", Verdict::kFailure,
                       fmt::format("{}, which cannot be had: {}", text,
                                   std::strerror(int(rings.error().where))),
                       rings.error().where == EFBIG ? "ulimit -f unlimited" : kRemedy});
        return;
    }
    out.push_back({"shared memory", Verdict::kOk, text, ""});
}

void look_at_log_folder(Findings& out) {
    struct statvfs fs {};
    if (::access(".", W_OK | X_OK) != 0 || ::statvfs(".", &fs) != 0) {
        out.push_back({"log folder", Verdict::kFailure,
                       fmt::format("no log can be made in this folder: {}", std::strerror(errno)),
                       "name one elsewhere with -f, or change the folder"});
        return;
    }
    const uint64_t free = free_space(fs);
    const bool full = free < kMegabyte;
    out.push_back({"log folder", full ? Verdict::kFailure : Verdict::kOk,
                   fs.f_blocks == 0 ? "this folder's file system has no limit of its own"
                                    : fmt::format("{} free in this folder", megabytes(free)),
                   full ? "free space, or name a log elsewhere with -f" : ""});
}

}  // namespace etw::backend_linux

namespace etw::session {

std::vector<Finding> diagnose() {
    using namespace backend_linux;
    const std::string folder = runtime_folder();
    Findings out;
    look_at_host(out, folder);
    look_at_folder(out, folder);
    look_at_shared_memory(out);
    look_at_limits(out);
    look_at_log_folder(out);
    look_at_boot(out);
    look_at_kernel(out);
    look_at_sequences(out);
    look_at_clock(out);
    look_at_doorbells(out);
    look_at_kernel_events(out);
    return out;
}

}  // namespace etw::session
