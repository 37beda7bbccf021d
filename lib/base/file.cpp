#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace etw {
namespace {

Error os_error(const char* what) { return {code_from_errno(errno), what, uint64_t(errno)}; }

}  // namespace

Result<File> File::create(const std::string& path, bool truncate) {
    const int flags = O_RDWR | O_CREAT | O_CLOEXEC | (truncate ? O_TRUNC : 0);
    UniqueFd fd(::open(path.c_str(), flags, 0666));
    if (!fd) return os_error("open");
    return File(std::move(fd));
}

Result<File> File::open_read(const std::string& path) {
    // Without O_NONBLOCK a pipe that nobody writes would hang us here.
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) return os_error("open");
    struct stat st {};
    if (::fstat(fd.get(), &st) != 0) return os_error("fstat");
    if (!S_ISREG(st.st_mode)) return Error{Code::kInvalidParameter, "open: not a regular file"};
    return File(std::move(fd));
}

Status File::write_at(uint64_t offset, Bytes bytes) { return write_at(offset, {&bytes, 1}); }

Status File::write_at(uint64_t offset, std::span<const Bytes> pieces) {
    const FileCall call;
    constexpr size_t kBatch = 512;  // below IOV_MAX everywhere
    size_t skip = 0;                // bytes of pieces.front() that are written already
    while (!pieces.empty()) {
        std::array<iovec, kBatch> batch;
        const size_t count = std::min(pieces.size(), kBatch);
        for (size_t i = 0; i < count; ++i) {
            const Bytes piece = i == 0 ? pieces[0].subspan(skip) : pieces[i];
            // preadv/pwritev share a struct that is not const-correct; nothing is written through.
            batch[i] = {const_cast<std::byte*>(piece.data()), piece.size()};
        }
        const ssize_t n = ::pwritev(fd_.get(), batch.data(), int(count), off_t(offset));
        if (n < 0) {
            if (errno == EINTR) continue;
            return os_error("write");
        }
        offset += uint64_t(n);
        size_t left = size_t(n) + skip;
        size_t done = 0;
        while (done < count && left >= pieces[done].size()) left -= pieces[done++].size();
        if (n == 0 && done == 0) return Error{Code::kDiskFull, "write", 0};
        pieces = pieces.subspan(done);
        skip = left;
    }
    return Ok{};
}

Status File::read_at(uint64_t offset, std::span<std::byte> out) const {
    const FileCall call;
    while (!out.empty()) {
        const ssize_t n = ::pread(fd_.get(), out.data(), out.size(), off_t(offset));
        if (n < 0) {
            if (errno == EINTR) continue;
            return os_error("read");
        }
        if (n == 0) return Error{Code::kInvalidData, "read: end of file", offset};
        out = out.subspan(size_t(n));
        offset += uint64_t(n);
    }
    return Ok{};
}

Result<uint64_t> File::size() const {
    const FileCall call;
    struct stat st {};
    if (::fstat(fd_.get(), &st) != 0) return os_error("fstat");
    return uint64_t(st.st_size);
}

Status File::resize(uint64_t size) {
    const FileCall call;
    if (::ftruncate(fd_.get(), off_t(size)) != 0) return os_error("truncate");
    return Ok{};
}

Status File::preallocate(uint64_t size) {
    const FileCall call;
    const int error = ::posix_fallocate(fd_.get(), 0, off_t(size));
    if (error != 0) return Error{code_from_errno(error), "allocate", uint64_t(error)};
    return Ok{};
}

}  // namespace etw
