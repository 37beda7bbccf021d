#include "host/providers/message_numbers.h"

#include "etw/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <utility>

namespace etw::host {
namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
constexpr off_t kSize = sizeof(wire::MessageNumbers);

Error failed(const char* what) { return {Code::kNoSystemResources, what, uint64_t(errno)}; }

}  // namespace

Result<MessageNumbers> MessageNumbers::create() {
    UniqueFd fd(::memfd_create("etw-numbers", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd) return failed("message numbers: memfd_create");
    int error = 0;
    do {
        error = ::fallocate(fd.get(), 0, 0, kSize) == 0 ? 0 : errno;
    } while (error == EINTR);
    if (error != 0) return Error{Code::kNoSystemResources, "message numbers", uint64_t(error)};
    if (::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) return failed("message numbers: seal");
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
    void* base = ::mmap(nullptr, size_t(kSize), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (base == MAP_FAILED) return failed("message numbers: mmap");
    return MessageNumbers(std::move(fd), static_cast<wire::MessageNumbers*>(base));
}

MessageNumbers::MessageNumbers(MessageNumbers&& other) noexcept
    : fd_(std::move(other.fd_)), numbers_(std::exchange(other.numbers_, nullptr)) {}

MessageNumbers& MessageNumbers::operator=(MessageNumbers&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(numbers_, other.numbers_);
    return *this;
}

MessageNumbers::~MessageNumbers() {
    if (numbers_ != nullptr) ::munmap(numbers_, size_t(kSize));
}

void MessageNumbers::begin(uint32_t slot) noexcept {
    ETW_ASSERT(slot < wire::kMaxSessions);
    numbers_->local[slot].last.store(0, std::memory_order_relaxed);
}

}  // namespace etw::host
