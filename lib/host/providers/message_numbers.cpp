#include "host/providers/message_numbers.h"

#include "etw/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <utility>

namespace etw::host {
namespace {

constexpr off_t kSize = sizeof(wire::MessageNumbers);

}  // namespace

Result<MessageNumbers> MessageNumbers::create() {
    ETW_TRY(UniqueFd fd, make_memory_file("etw-numbers", kSize));
    return map(std::move(fd));
}

Result<MessageNumbers> MessageNumbers::adopt(UniqueFd fd) {
    struct stat status {};
    const int seals = ::fcntl(fd.get(), F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || ::fstat(fd.get(), &status) != 0 ||
        status.st_size != kSize) {
        return Error{Code::kInvalidParameter, "message numbers: file"};
    }
    return map(std::move(fd));
}

Result<MessageNumbers> MessageNumbers::map(UniqueFd fd) {
    ETW_TRY(Mapping memory, Mapping::of(fd, size_t(kSize), "message numbers: mmap"));
    return MessageNumbers(std::move(fd), std::move(memory));
}

void MessageNumbers::begin(uint32_t slot) noexcept {
    ETW_ASSERT(slot < wire::kMaxSessions);
    memory_.as<wire::MessageNumbers>().local[slot].last.store(0, std::memory_order_relaxed);
}

}  // namespace etw::host
