#include "provider/private_log.h"

#include "etl/log_layout.h"

#include <cstring>

namespace etw::provider {

namespace {

using wire::BufferHeader;

int64_t filetime_now() noexcept {
    constexpr int64_t kUnixEpoch = 116'444'736'000'000'000;
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return kUnixEpoch + now.tv_sec * int64_t{10'000'000} + now.tv_nsec / 100;
}

bool write_all(const GuardedFd& file, uint64_t at, const void* data, size_t size) noexcept {
    const char* from = static_cast<const char*>(data);
    while (size != 0) {
        const int fd = file.get();
        const ssize_t n = fd < 0 ? -1 : ::pwrite(fd, from, size, off_t(at));
        if (n < 0 && fd >= 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        from += n;
        at += uint64_t(n);
        size -= size_t(n);
    }
    return true;
}

bool read_all(const GuardedFd& file, uint64_t at, void* out, size_t size) noexcept {
    char* to = static_cast<char*>(out);
    while (size != 0) {
        const int fd = file.get();
        const ssize_t n = fd < 0 ? -1 : ::pread(fd, to, size, off_t(at));
        if (n < 0 && fd >= 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        to += n;
        at += uint64_t(n);
        size -= size_t(n);
    }
    return true;
}

}  // namespace

bool PrivateLog::usable(int fd) noexcept {
    FileId id{};
    const int flags = ::fcntl(fd, F_GETFL);
    return fd >= 0 && flags >= 0 && (flags & O_ACCMODE) == O_RDWR && (flags & O_APPEND) == 0 &&
           identify(fd, id) && S_ISREG(id.mode);
}

bool PrivateLog::set_up(const wire::PrivateStart& start) noexcept {
    buffer_size_ = start.geometry.block_size;
    logger_id_ = uint16_t(start.session.slot + 1);
    circular_ = (start.flags & wire::kPrivateCircular) != 0;
    limit_ = start.limit_bytes;
    last_time_ = 0;
    buffers_written_ = 0;
    return limit_ == 0 ? !circular_ : limit_ >= 2 * uint64_t{buffer_size_};
}

// As etl::LogWriter::replace() does it. What fails here was written in part at most: what it took
// the place of has its room on the disk, and is put back.
bool PrivateLog::replace(const GuardedFd& file, const std::byte* header,
                         std::byte* scratch) const noexcept {
    struct stat before {};
    const int fd = file.get();
    if (fd < 0 || ::fstat(fd, &before) != 0) return false;
    const auto size = uint64_t(before.st_size);
    const size_t kept = size < buffer_size_ ? size_t(size) : buffer_size_;
    if (!read_all(file, 0, scratch, kept)) return false;
    if (write_all(file, 0, header, buffer_size_) &&
        (size <= buffer_size_ || ::ftruncate(fd, off_t(buffer_size_)) == 0)) {
        return true;
    }
    write_all(file, 0, scratch, kept);
    struct stat after {};
    if (file.get() == fd && ::fstat(fd, &after) == 0 && after.st_size != before.st_size &&
        ::ftruncate(fd, before.st_size) != 0) {
        return false;
    }
    return false;
}

void PrivateLog::go_on_in(GuardedFd& file, uint64_t events_lost, uint64_t buffers_lost) noexcept {
    events_lost_before_ = events_lost;
    buffers_lost_before_ = buffers_lost;
    const int fd = file.release();
    fd_.reset();
    fd_.take(fd);
    next_ = buffer_size_;
    last_ = 0;
    wrapped_ = false;
    end_marked_ = false;
    sequence_ = 0;
    ++buffers_written_;
}

// The header last: the kernel may cut a write short when the process is killed in it, and a place
// with a header of zeros is where a log ends. (Where a circular log overwrites, it had another.)
bool PrivateLog::write_buffer(uint64_t at, const std::byte* buffer) noexcept {
    constexpr size_t kHeader = sizeof(BufferHeader);
    return write_all(fd_, at + kHeader, buffer + kHeader, buffer_size_ - kHeader) &&
           write_all(fd_, at, buffer, kHeader);
}

PrivateLog::Outcome PrivateLog::write(std::byte* buffer, uint32_t record_bytes, uint16_t cpu,
                                      int64_t time) noexcept {
    uint64_t at = next_;
    bool wraps = false;
    if (limit_ != 0 && (at > limit_ || limit_ - at < buffer_size_)) {
        if (!circular_) return Outcome::kFull;
        at = buffer_size_;
        wraps = true;
    }
    BufferHeader header = etl::data_buffer_header(buffer_size_, record_bytes, cpu, logger_id_);
    last_time_ = time > last_time_ ? time : last_time_;
    header.time_stamp = last_time_;
    header.sequence = sequence_ + 1;
    std::memcpy(buffer, &header, sizeof(header));
    std::memset(buffer + header.offset, wire::kUnusedByte, buffer_size_ - header.offset);
    if (end_marked_ && !set_end_mark(false)) return Outcome::kFailed;
    if (!write_buffer(at, buffer)) {
        // Whole buffers only, as far as the disk lets it.
        const int fd = wrapped_ || wraps ? -1 : fd_.get();
        if (fd >= 0 && ::ftruncate(fd, off_t(next_)) != 0) return Outcome::kFailed;
        return Outcome::kFailed;
    }
    wrapped_ = wrapped_ || wraps;
    ++sequence_;
    ++buffers_written_;
    last_ = at;
    next_ = at + buffer_size_;
    return Outcome::kWritten;
}

bool PrivateLog::set_end_mark(bool on) noexcept {
    const uint16_t flags = etl::data_buffer_flags(on);
    if (!write_all(fd_, last_ + offsetof(BufferHeader, flags), &flags, sizeof(flags))) return false;
    end_marked_ = on;
    return true;
}

bool PrivateLog::finish(uint64_t events_lost, uint64_t buffers_lost) noexcept {
    if (last_ != 0 && !end_marked_ && !set_end_mark(true)) return false;
    wire::LogFileHeader64 header;
    if (!read_all(fd_, etl::kHeaderEventAt, &header, sizeof(header))) return false;
    // Of a log that has wrapped, what the file holds: there are readers that walk by this count.
    etl::set_totals(header, filetime_now(), uint32_t(size() / buffer_size_),
                    events_lost - events_lost_before_, buffers_lost - buffers_lost_before_);
    return write_all(fd_, etl::kHeaderEventAt, &header, sizeof(header));
}

}  // namespace etw::provider
