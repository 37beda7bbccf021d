#include "host/session/kernel_progress.h"

#include "base/unique_fd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace etw::host {

void KernelProgress::Unmap::operator()(kernel::Progress* memory) const noexcept {
    ::munmap(memory, sizeof(*memory));
}

Result<KernelProgress> KernelProgress::open(const std::string& state_folder) {
    const std::string path = state_folder + "/kernel";
    const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd || ::ftruncate(fd.get(), sizeof(kernel::Progress)) != 0) {
        return Error{code_from_errno(errno), "progress of kernel events", uint64_t(errno)};
    }
    void* memory =
        ::mmap(nullptr, sizeof(kernel::Progress), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (memory == MAP_FAILED) {
        return Error{code_from_errno(errno), "progress of kernel events", uint64_t(errno)};
    }
    return KernelProgress(static_cast<kernel::Progress*>(memory));
}

}  // namespace etw::host
