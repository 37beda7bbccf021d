#include "kernel/perf_ring.h"

#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>

namespace etw::kernel {
namespace {

size_t page_size() { return size_t(::sysconf(_SC_PAGESIZE)); }

}  // namespace

Result<PerfRing> PerfRing::open(const perf_event_attr& attr, uint32_t cpu, uint32_t pages) {
    UniqueFd fd(int(::syscall(SYS_perf_event_open, &attr, -1, int(cpu), -1,
                              static_cast<unsigned long>(PERF_FLAG_FD_CLOEXEC))));
    if (!fd) return Error{code_from_errno(errno), "perf_event_open", uint64_t(errno)};
    const size_t size = size_t{pages} * page_size();
    void* base =
        ::mmap(nullptr, size + page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (base == MAP_FAILED) return Error{code_from_errno(errno), "perf: mmap", uint64_t(errno)};
    return PerfRing(std::move(fd), base, size);
}

PerfRing::PerfRing(PerfRing&& other) noexcept
    : fd_(std::move(other.fd_)),
      base_(std::exchange(other.base_, nullptr)),
      size_(other.size_),
      head_(other.head_),
      front_size_(other.front_size_),
      record_(std::move(other.record_)) {}

PerfRing& PerfRing::operator=(PerfRing&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(base_, other.base_);
    std::swap(size_, other.size_);
    std::swap(head_, other.head_);
    std::swap(front_size_, other.front_size_);
    std::swap(record_, other.record_);
    return *this;
}

PerfRing::~PerfRing() {
    if (base_ != nullptr) ::munmap(base_, size_ + page_size());
}

void PerfRing::copy(uint64_t from, std::byte* to, size_t size) const noexcept {
    const auto* data = static_cast<const std::byte*>(base_) + page_size();
    const size_t at = from % size_;
    const size_t first = std::min(size, size_ - at);
    std::memcpy(to, data + at, first);
    std::memcpy(to + first, data, size - first);
}

void PerfRing::look() noexcept {
    auto& page = *static_cast<perf_event_mmap_page*>(base_);
    // Pairs with the kernel's release: records below `head_` are whole.
    head_ = std::atomic_ref<__u64>(page.data_head).load(std::memory_order_acquire);
}

std::optional<PerfRing::Record> PerfRing::front() {
    const uint64_t tail = static_cast<perf_event_mmap_page*>(base_)->data_tail;
    perf_event_header header{};
    front_size_ = 0;
    if (head_ - tail < sizeof(header) || head_ - tail > size_) return std::nullopt;
    copy(tail, reinterpret_cast<std::byte*>(&header), sizeof(header));
    if (header.size < sizeof(header) || header.size > head_ - tail) return std::nullopt;
    record_.resize(header.size);
    copy(tail, record_.data(), header.size);
    front_size_ = header.size;
    return Record{header.type, header.misc, Bytes(record_).subspan(sizeof(header))};
}

void PerfRing::pop() noexcept {
    auto& page = *static_cast<perf_event_mmap_page*>(base_);
    std::atomic_ref<__u64>(page.data_tail)
        .store(page.data_tail + front_size_, std::memory_order_release);
    front_size_ = 0;
}

}  // namespace etw::kernel
