// File over the C library's descriptors, which Windows' own has too. Several threads may read at
// once; writes set the position first: one thread at a time writes.
#ifndef NOMINMAX
#define NOMINMAX
#endif
#define WIN32_LEAN_AND_MEAN
#include "base/file.h"
#include "base/path.h"
#include "base/utf16.h"

#include <fcntl.h>
#include <io.h>
#include <sys/stat.h>
#include <windows.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>

namespace etw {
namespace {

Error os_error(const char* what) { return {code_from_errno(errno), what, uint64_t(errno)}; }

UniqueFd open_file(const std::string& path, int flags) {
    const std::u16string wide = to_utf16(path);
    return UniqueFd(::_wopen(reinterpret_cast<const wchar_t*>(wide.c_str()),
                             flags | _O_BINARY | _O_NOINHERIT, _S_IREAD | _S_IWRITE));
}

// What cannot be opened as a file here, and looks as if it were forbidden.
bool is_folder(const std::string& path) {
    const int error = errno;
    std::error_code ignored;
    const bool folder = std::filesystem::is_directory(to_path(path), ignored);
    errno = error;
    return folder;
}

// Bytes of one transfer: what the functions count in.
unsigned piece_of(size_t size) {
    return unsigned(std::min<size_t>(size, std::numeric_limits<int>::max()));
}

Status seek(const UniqueFd& fd, uint64_t offset) {
    if (::_lseeki64(fd.get(), int64_t(offset), SEEK_SET) < 0) return os_error("seek");
    return Ok{};
}

}  // namespace

Result<File> File::create(const std::string& path, bool truncate) {
    UniqueFd fd = open_file(path, _O_RDWR | _O_CREAT | (truncate ? _O_TRUNC : 0));
    if (!fd) return os_error("open");
    return File(std::move(fd));
}

Result<File> File::open_read(const std::string& path) {
    UniqueFd fd = open_file(path, _O_RDONLY);
    if (!fd && errno == EACCES && is_folder(path)) {
        return Error{Code::kInvalidParameter, "open: not a regular file"};
    }
    if (!fd) return os_error("open");
    struct _stat64 st {};
    if (::_fstat64(fd.get(), &st) != 0) return os_error("fstat");
    if ((st.st_mode & _S_IFMT) != _S_IFREG) {
        return Error{Code::kInvalidParameter, "open: not a regular file"};
    }
    return File(std::move(fd));
}

Status File::write_at(uint64_t offset, std::span<const Bytes> pieces) {
    ETW_CHECK(seek(fd_, offset));
    for (Bytes piece : pieces) {
        while (!piece.empty()) {
            const int n = ::_write(fd_.get(), piece.data(), piece_of(piece.size()));
            if (n < 0) return os_error("write");
            if (n == 0) return Error{Code::kDiskFull, "write", 0};
            piece = piece.subspan(size_t(n));
        }
    }
    return Ok{};
}

Status File::write_at(uint64_t offset, Bytes bytes) { return write_at(offset, {&bytes, 1}); }

Status File::read_at(uint64_t offset, std::span<std::byte> out) const {
    const auto handle = reinterpret_cast<HANDLE>(::_get_osfhandle(fd_.get()));
    while (!out.empty()) {
        OVERLAPPED place{};  // of this read alone: others may read elsewhere meanwhile
        place.Offset = DWORD(offset);
        place.OffsetHigh = DWORD(offset >> 32);
        DWORD n = 0;
        if (!::ReadFile(handle, out.data(), piece_of(out.size()), &n, &place)) {
            const DWORD error = ::GetLastError();
            if (error != ERROR_HANDLE_EOF) return Error{Code(error), "read", offset};
        }
        if (n == 0) return Error{Code::kInvalidData, "read: end of file", offset};
        out = out.subspan(n);
        offset += n;
    }
    return Ok{};
}

Result<uint64_t> File::size() const {
    const int64_t size = ::_filelengthi64(fd_.get());
    if (size < 0) return os_error("fstat");
    return uint64_t(size);
}

Status File::resize(uint64_t size) {
    if (const int error = ::_chsize_s(fd_.get(), int64_t(size)); error != 0) {
        return Error{code_from_errno(error), "truncate", uint64_t(error)};
    }
    return Ok{};
}

// Growing a file reserves its blocks.
Status File::preallocate(uint64_t size) {
    ETW_TRY(const uint64_t now, this->size());
    if (size > now) return resize(size);
    return Ok{};
}

}  // namespace etw
