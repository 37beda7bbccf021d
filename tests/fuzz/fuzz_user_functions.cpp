// Any bytes as a library that a process has mapped: what is found are functions of the kinds that
// are looked for, of that library, each once, and code whose waits are known.
#include "kernel/images/user_functions.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace {

using namespace etw::kernel;

constexpr uint64_t kBase = 0x7F0000000000;

void check(const etw::Result<std::vector<UserFunction>>& found, const std::string& path,
           bool locks) {
    if (!found) return;
    if (found->empty()) std::abort();
    for (const UserFunction& function : *found) {
        if (function.kind == UserFunctionKind::kNone) std::abort();
        if (is_of_locks(function.kind) != locks) std::abort();
        const bool is_of_words = function.kind == UserFunctionKind::kWaitForWord;
        if (function.callers.empty() == is_of_words) std::abort();
        if (function.path != path || function.base != kBase) std::abort();
        if (std::count(found->begin(), found->end(), function) != 1) std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const int fd = ::memfd_create("library", MFD_CLOEXEC);
    if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, data, size, 0) != ssize_t(size)) return 0;
    const std::vector<MappedFile> modules{{"/proc/self/fd/" + std::to_string(fd), kBase, 0, 0}};
    check(find_heap_functions(modules), modules[0].path, false);
    check(find_lock_functions(modules), modules[0].path, true);
    for (const FutexCode& code : find_futex_code(modules)) {
        if (code.owner > FutexOwner::kMusl) std::abort();
    }
    return 0;
}
