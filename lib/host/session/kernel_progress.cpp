#include "host/session/kernel_progress.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace etw::host {

Result<KernelProgress> KernelProgress::open(const std::string& state_folder) {
    const std::string path = state_folder + "/kernel";
    const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd || ::ftruncate(fd.get(), sizeof(kernel::Progress)) != 0) {
        return Error{code_from_errno(errno), "progress of kernel events", uint64_t(errno)};
    }
    ETW_TRY(Mapping memory, Mapping::of(fd, sizeof(kernel::Progress), "progress of kernel events"));
    return KernelProgress(std::move(memory));
}

}  // namespace etw::host
