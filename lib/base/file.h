#pragma once
#include "base/file_call.h"
#include "base/unique_fd.h"
#include "etw/bytes.h"

#include <span>
#include <string>
#include <vector>

namespace etw {

// An open regular file, written at explicit offsets. What is done with it, its closing included, is
// a FileCall (of Linux; on Windows nobody looks).
class File {
public:
    File() = default;
    explicit File(UniqueFd fd) noexcept : fd_(std::move(fd)) {}
    File(File&&) noexcept = default;
    File& operator=(File&& other) noexcept {
        close();
        fd_ = std::move(other.fd_);
        return *this;
    }
    ~File() { close(); }

    // Opens for reading and writing; creates (0666 and umask), truncates if `truncate`.
    static Result<File> create(const std::string& path, bool truncate);

    // Opens a regular file for reading only; kInvalidParameter where it is something else.
    static Result<File> open_read(const std::string& path);

    // All pieces back to back at `offset`, whatever the kernel cuts the write into. On failure some
    // of the bytes may have been written. kDiskFull when there is no room.
    Status write_at(uint64_t offset, std::span<const Bytes> pieces);
    Status write_at(uint64_t offset, Bytes bytes);
    // Exactly out.size() bytes; kInvalidData where the file is shorter.
    Status read_at(uint64_t offset, std::span<std::byte> out) const;
    Result<uint64_t> size() const;
    Status resize(uint64_t size);
    Status preallocate(uint64_t size);  // blocks are reserved: later writes below cannot run out

    explicit operator bool() const noexcept { return bool(fd_); }
    const UniqueFd& fd() const noexcept { return fd_; }

private:
    void close() noexcept {
        if (!fd_) return;
        const FileCall call;
        fd_.reset();
    }
    UniqueFd fd_;
};

// All of a regular file. Fails as open_read does, and with kBadLength above `max_size` bytes.
Result<std::vector<std::byte>> read_file(const std::string& path, size_t max_size);

}  // namespace etw
