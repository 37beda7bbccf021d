#include "kernel/perf/perf_ring.h"

#include "kernel/perf/processors.h"

#include <fmt/format.h>

#include <linux/perf_event.h>
#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <utility>

namespace etw::kernel {
namespace {

size_t page_size() { return size_t(::sysconf(_SC_PAGESIZE)); }

// Ours, in the part of the ring's first page that the kernel leaves to nobody: it has what it needs
// in the first third.
constexpr size_t kOursAt = 2048;
static_assert(sizeof(perf_event_mmap_page) <= kOursAt);
struct Ours {
    uint64_t told;  // of the events lost
};

Ours& ours_of(const Mapping& memory) { return *reinterpret_cast<Ours*>(memory.get() + kOursAt); }

}  // namespace

PerfRing::PerfRing(UniqueFd fd, Mapping memory, size_t size) noexcept
    : fd_(std::move(fd)),
      memory_(std::move(memory)),
      size_(size),
      tail_(memory_.as<perf_event_mmap_page>().data_tail) {}

Result<PerfRing> PerfRing::open(const perf_event_attr& attr, uint32_t cpu, uint32_t pages) {
    UniqueFd fd(int(::syscall(SYS_perf_event_open, &attr, -1, int(cpu), -1,
                              static_cast<unsigned long>(PERF_FLAG_FD_CLOEXEC))));
    if (!fd) {
        const int error = errno;
        if (error == ENODEV && !runs(cpu)) return PerfRing();
        return Error{code_from_errno(error), "perf_event_open()", uint64_t(error)};
    }
    return over(std::move(fd), pages);
}

Result<PerfRing> PerfRing::over(UniqueFd fd, uint32_t pages) {
    const size_t size = size_t{pages} * page_size();
    ETW_TRY(Mapping memory, Mapping::of(fd, size + page_size(), "perf: mmap"));
    return PerfRing(std::move(fd), std::move(memory), size);
}

uint32_t PerfRing::pages() const noexcept { return uint32_t(size_ / page_size()); }

size_t PerfRing::mapped() const noexcept { return size_ + page_size(); }

void PerfRing::copy(uint64_t from, std::byte* to, size_t size) const noexcept {
    const auto* data = memory_.get() + page_size();
    const size_t at = from % size_;
    const size_t first = std::min(size, size_ - at);
    std::memcpy(to, data + at, first);
    std::memcpy(to + first, data, size - first);
}

void PerfRing::look() noexcept {
    if (!memory_) return;
    auto& page = memory_.as<perf_event_mmap_page>();
    // Pairs with the kernel's release: records below `head_` are whole.
    head_ = std::atomic_ref<__u64>(page.data_head).load(std::memory_order_acquire);
}

std::optional<PerfRing::Record> PerfRing::front() {
    perf_event_header header{};
    front_size_ = 0;
    if (head_ - tail_ < sizeof(header) || head_ - tail_ > size_) return std::nullopt;
    copy(tail_, reinterpret_cast<std::byte*>(&header), sizeof(header));
    if (header.size < sizeof(header) || header.size > head_ - tail_) return std::nullopt;
    record_.resize(header.size);
    copy(tail_, record_.data(), header.size);
    front_size_ = header.size;
    return Record{header.type, header.misc, Bytes(record_).subspan(sizeof(header))};
}

void PerfRing::pop() noexcept {
    tail_ += front_size_;
    front_size_ = 0;
}

void PerfRing::give_back() noexcept {
    if (!memory_) return;
    auto& page = memory_.as<perf_event_mmap_page>();
    std::atomic_ref<__u64>(page.data_tail).store(tail_, std::memory_order_release);
}

uint64_t PerfRing::count_lost(uint64_t lost) noexcept {
    uint64_t& told = ours_of(memory_).told;
    const uint64_t more = lost > told ? lost - told : 0;
    told += more;
    return more;
}

void hold_rings(Holder& holder, const std::string& what, const std::vector<PerfRing>& rings) {
    for (size_t cpu = 0; cpu < rings.size(); ++cpu) {
        if (!rings[cpu]) continue;
        holder.hold(what, fmt::format("ring{}/{}", cpu, rings[cpu].pages()), rings[cpu].fd(),
                    rings[cpu].mapped());
    }
}

Result<std::vector<PerfRing>> adopt_rings(HeldParts& parts, uint32_t cpus) {
    std::vector<PerfRing> out;
    for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
        const std::string beginning = fmt::format("ring{}/", cpu);
        const auto part = parts.lower_bound(beginning);
        if (part == parts.end() || !part->first.starts_with(beginning)) {
            if (runs(cpu)) return Error{Code::kNoMoreItems, "perf: held rings", cpu};
            out.emplace_back();
            continue;
        }
        const auto pages =
            uint32_t(std::strtoul(part->first.c_str() + beginning.size(), nullptr, 10));
        ETW_TRY(PerfRing ring, PerfRing::over(std::move(part->second), pages));
        out.push_back(std::move(ring));
    }
    return out;
}

}  // namespace etw::kernel
