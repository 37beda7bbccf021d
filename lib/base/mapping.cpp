#include "base/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

namespace etw {
namespace {

#ifndef MFD_NOEXEC_SEAL
constexpr unsigned MFD_NOEXEC_SEAL = 0x0008u;
#endif

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

Error no_memory(const char* what, int error) {
    return {Code::kNoSystemResources, what, uint64_t(error)};
}

}  // namespace

Result<Mapping> Mapping::of(const UniqueFd& fd, size_t size, const char* what, bool writable) {
    const int rights = PROT_READ | (writable ? PROT_WRITE : 0);
    void* memory = ::mmap(nullptr, size, rights, MAP_SHARED, fd.get(), 0);
    if (memory == MAP_FAILED) {
        const int error = errno;
        if (error == ENOMEM) return no_memory(what, error);
        return Error{code_from_errno(error), what, uint64_t(error)};
    }
    return Mapping(static_cast<std::byte*>(memory), size);
}

void Mapping::Unmap::operator()(std::byte* memory) const noexcept { ::munmap(memory, size); }

Result<UniqueFd> make_memory_file(const char* name, uint64_t size) {
    constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    UniqueFd fd(::memfd_create(name, kFlags | MFD_NOEXEC_SEAL));
    if (!fd && errno == EINVAL) fd.reset(::memfd_create(name, kFlags));  // before Linux 6.3
    if (!fd) return no_memory("memory file: memfd_create", errno);
    int failed = 0;
    do {
        failed = ::fallocate(fd.get(), 0, 0, off_t(size)) == 0 ? 0 : errno;
    } while (failed == EINTR);
    if (failed != 0) return no_memory("memory file: fallocate", failed);
    if (::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) return no_memory("memory file: seal", errno);
    return fd;
}

}  // namespace etw
