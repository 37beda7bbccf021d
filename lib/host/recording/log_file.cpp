#include "host/recording/log_file.h"

#include "base/disk_space.h"
#include "base/file_call.h"
#include "base/filetime.h"
#include "base/hidden_fd.h"
#include "base/utf16.h"
#include "etl/log_header.h"
#include "wire/provider_protocol.h"

#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <ctime>
#include <filesystem>

namespace etw::host {
namespace {

// Of the disk, for a log without a limit: the header and some buffers, but no more than this.
constexpr uint64_t kSpareBuffers = 16;
constexpr uint64_t kMaxSpareBytes = 1024 * 1024;
constexpr uint32_t kHeaderModeMask = ~uint32_t{kModeRealTime};

void set_name(char16_t (&out)[32], const char* name) {
    const std::u16string text = to_utf16(name == nullptr ? "" : name);
    std::copy_n(text.begin(), std::min(text.size(), std::size(out) - 1), out);
}

wire::TimeZone local_time_zone() {
    ::tzset();
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    ::localtime_r(&now, &local);
    wire::TimeZone zone{};
    // The bias of today, daylight saving included: readers of the file have no rules to apply.
    zone.bias = int32_t(-local.tm_gmtoff / 60);
    set_name(zone.standard_name, ::tzname[0]);
    set_name(zone.daylight_name, ::tzname[1]);
    return zone;
}

int64_t boot_filetime() {
    timespec real{};
    timespec since_boot{};
    ::clock_gettime(CLOCK_REALTIME, &real);
    ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
    const auto ns = [](const timespec& t) { return int64_t(t.tv_sec) * 1'000'000'000 + t.tv_nsec; };
    return filetime_from_unix_ns(ns(real) - ns(since_boot));
}

uint32_t tick_100ns() {
    timespec resolution{};
    if (::clock_getres(CLOCK_MONOTONIC_COARSE, &resolution) != 0) return 100'000;
    return uint32_t(resolution.tv_nsec / 100);
}

bool limited(const session::Properties& p) {
    return (p.log_file_mode & (kModeSequential | kModeCircular | kModeNewFile)) != 0;
}

// File system accesses of this thread count as those of one user, in his own group alone.
class ActAsUser {
public:
    ActAsUser(uid_t uid, gid_t gid) : needed_(::geteuid() == 0 && uid != 0) {
        if (!needed_) return;
        // The system call, not the libc function: that one changes all threads.
        const long groups = ::getgroups(0, nullptr);
        old_groups_.resize(size_t(std::max(0L, groups)));
        old_groups_.resize(size_t(std::max(0, ::getgroups(int(groups), old_groups_.data()))));
        ok_ = ::syscall(SYS_setgroups, 0, nullptr) == 0;
        ::setfsgid(gid);
        ::setfsuid(uid);
        ok_ = ok_ && uid_t(::setfsuid(uid)) == uid && gid_t(::setfsgid(gid)) == gid;
    }
    ActAsUser(const ActAsUser&) = delete;
    ActAsUser& operator=(const ActAsUser&) = delete;
    ~ActAsUser() {
        if (!needed_) return;
        ::setfsuid(::geteuid());
        ::setfsgid(::getegid());
        ::syscall(SYS_setgroups, old_groups_.size(), old_groups_.data());
    }
    bool ok() const noexcept { return ok_; }

private:
    bool needed_;
    bool ok_ = true;
    std::vector<gid_t> old_groups_;
};

Error os_error(const char* what) { return {code_from_errno(errno), what, uint64_t(errno)}; }

}  // namespace

SessionClock clock_of(const SavedSession& s) {
    return {s.properties.clock, s.start_counter, s.start_filetime, s.counter_hz};
}

etl::LogFileInfo log_info(const SavedSession& s, const std::string& path) {
    const session::Properties& p = s.properties;
    etl::LogFileInfo info;
    info.buffer_size = s.geometry.block_size;
    info.processors = s.geometry.cpus;
    info.log_file_mode = p.log_file_mode & kHeaderModeMask;
    info.max_file_size = p.maximum_file_size;
    info.logger_id = uint16_t(s.key.slot + 1);
    info.process_id = s.controller_pid;
    info.thread_id = s.controller_pid;
    info.cpu_mhz = uint32_t((s.counter_hz + 500'000) / 1'000'000);
    info.timer_resolution = tick_100ns();
    info.time_zone = local_time_zone();
    info.clock = p.clock;
    info.perf_frequency = int64_t(s.counter_hz);
    info.start_raw = clock_of(s).to_raw(s.start_counter);
    info.start_time = s.start_filetime;
    info.boot_time = boot_filetime();
    info.logger_name = p.name;
    info.log_file_name = path;
    return info;
}

wire::RingSetDescription describe_rings(const SavedSession& s, uint32_t uid,
                                        const wire::RingGeometry& geometry,
                                        const std::string& runtime_folder) {
    wire::RingSetDescription out{};
    out.size = sizeof(out);
    out.uid = uid;
    out.session_epoch = s.key.epoch;
    out.session_slot = s.key.slot;
    out.log_file_mode = s.properties.log_file_mode;
    out.geometry = geometry;
    out.clock_type = uint32_t(s.properties.clock);
    out.controller_pid = s.controller_pid;
    out.start_counter = s.start_counter;
    out.start_filetime = s.start_filetime;
    out.counter_hz = s.counter_hz;
    out.boot_filetime = boot_filetime();
    const auto set_text = [](auto& to, const std::string& text) {
        // The array was zero: what is cut still ends with one.
        std::copy_n(text.begin(), std::min(text.size(), sizeof(to) - 1), to);
    };
    set_text(out.boot_id, boot_id());
    set_text(out.session_name, s.properties.name);
    set_text(out.runtime_folder, runtime_folder);
    return out;
}

uint64_t limit_bytes(const session::Properties& p) {
    if (!limited(p)) return 0;
    const uint64_t unit = (p.log_file_mode & kModeUseKilobytes) != 0 ? 1024 : 1024 * 1024;
    return p.maximum_file_size * unit;
}

Result<etl::LogWriter> begin_log(UniqueFd fd, const SavedSession& s, const std::string& path,
                                 bool append) {
    File file(std::move(fd));
    const etl::LogFileInfo info = log_info(s, path);
    ETW_TRY(const uint64_t size, file.size());
    if (append && size != 0) {
        return etl::LogWriter::append(std::move(file), info, limit_bytes(s.properties));
    }
    const uint64_t limit = limit_bytes(s.properties);
    const bool reserves = (s.properties.log_file_mode & kModePreallocate) != 0;
    return etl::LogWriter::replace(std::move(file), info, limit, reserves ? limit : 0);
}

Result<std::vector<std::byte>> log_front(const SavedSession& s, const std::string& path) {
    std::vector<std::byte> front = etl::build_header_buffer(log_info(s, path));
    if (front.size() > wire::kMaxLogFront) {
        return Error{Code::kBadPathname, "log file: names", front.size()};
    }
    return front;
}

Result<LogMark> mark_of(const UniqueFd& log, uint32_t buffer_size) {
    struct stat st {};
    if (::fstat(log.get(), &st) != 0) return os_error("log file: size");
    LogMark mark{.size = uint64_t(st.st_size)};
    if (::pread(log.get(), mark.first.data(), mark.first.size(), off_t(buffer_size)) < 0) {
        return os_error("log file: read");
    }
    return mark;
}

Result<etl::LogWriter> resume_log(UniqueFd fd, const SavedSession& s, const Progress& progress) {
    if (progress.begin != LogBegin::kDone) {  // killed before it had done so, or in the middle
        return begin_log(std::move(fd), s, progress.path, progress.begin == LogBegin::kAppend);
    }
    return etl::LogWriter::resume(File(std::move(fd)), log_info(s, progress.path),
                                  limit_bytes(s.properties), progress.position);
}

File open_direct(const File& log) {
    const FileCall call;
    const std::string self = "/proc/self/fd/" + std::to_string(log.fd().get());
    return File(
        hide_from_children(UniqueFd(::open(self.c_str(), O_WRONLY | O_DIRECT | O_CLOEXEC))));
}

Result<UniqueFd> reopen_log(const std::string& path, const FileIdentity& identity) {
    const FileCall call;
    // Without opening it for anything first: the name may lead to a device by now.
    const UniqueFd found(::open(path.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW));
    if (!found) return os_error("log file: reopen");
    ETW_TRY(const FileIdentity now, identity_of(found.get()));
    if (!(now == identity)) return Error{Code::kFileNotFound, "log file: replaced", now.inode};
    const std::string self = "/proc/self/fd/" + std::to_string(found.get());
    UniqueFd fd(::open(self.c_str(), O_RDWR | O_CLOEXEC));
    if (!fd) return os_error("log file: reopen");
    ETW_CHECK(check_log_descriptor(fd));
    return hide_from_children(std::move(fd));
}

Result<UniqueFd> reopen_folder(const std::string& log_path, uid_t uid, gid_t gid) {
    const FileCall call;
    const ActAsUser user(uid, gid);
    if (!user.ok()) return Error{Code::kAccessDenied, "log folder: identity", 0};
    const std::string folder = std::filesystem::path(log_path).parent_path();
    UniqueFd fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return os_error("log folder: reopen");
    return fd;
}

Result<uint64_t> free_bytes(const UniqueFd& file) {
    struct statvfs st {};
    if (::fstatvfs(file.get(), &st) != 0) return os_error("fstatvfs");
    return free_space(st);
}

Status check_disk_space(uint64_t available, const session::Properties& p) {
    const uint64_t buffer = uint64_t{p.buffer_size_kb} * 1024;
    const uint64_t spare = std::max(2 * buffer, std::min(kSpareBuffers * buffer, kMaxSpareBytes));
    const uint64_t needed = limit_bytes(p) != 0 ? limit_bytes(p) : spare;
    if (available < needed) return Error{Code::kDiskFull, "log file: disk space", available};
    return Ok{};
}

Status check_room(const UniqueFd& file, uint64_t needed) {
    const FileCall call;
    struct stat now {};
    struct statvfs disk {};
    if (::fstat(file.get(), &now) != 0 || ::fstatvfs(file.get(), &disk) != 0) {
        return os_error("log file: disk space");
    }
    constexpr uint64_t kStatBlock = 512;  // of st_blocks
    const uint64_t available = free_space(disk);
    const uint64_t freed = uint64_t(now.st_blocks) * kStatBlock;
    if (available < needed && available + freed < needed) {
        return Error{Code::kDiskFull, "log file: disk space", available + freed};
    }
    return Ok{};
}

Status check_log_descriptor(const UniqueFd& fd) {
    const FileCall call;
    struct stat st {};
    if (!fd || ::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode)) {
        return Error{Code::kInvalidParameter, "log file: not a regular file", 0};
    }
    const int flags = ::fcntl(fd.get(), F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) != O_RDWR || (flags & O_APPEND) != 0) {
        return Error{Code::kInvalidParameter, "log file: not open for reading and writing", 0};
    }
    return Ok{};
}

mode_t rights_of(const UniqueFd& log) {
    const FileCall call;
    struct stat st {};
    return log && ::fstat(log.get(), &st) == 0 ? st.st_mode & 0666 : 0600;
}

Result<UniqueFd> open_as_user(const UniqueFd& folder, const std::string& name, mode_t rights,
                              uid_t uid, gid_t gid) {
    if (!folder || name.empty() || name.find('/') != std::string::npos) {
        return Error{Code::kPathNotFound, "next log file: no folder", 0};
    }
    const FileCall call;
    const ActAsUser user(uid, gid);
    if (!user.ok()) return Error{Code::kAccessDenied, "next log file: identity", 0};
    UniqueFd fd(::openat(folder.get(), name.c_str(),
                         O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, rights));
    if (!fd) return os_error("next log file: open");
    ETW_CHECK(check_log_descriptor(fd));
    return hide_from_children(std::move(fd));
}

}  // namespace etw::host
