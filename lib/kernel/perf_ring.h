// One perf_event_open() event of one CPU and the ring that its records come in.
#pragma once
#include "base/unique_fd.h"
#include "etw/bytes.h"

#include <optional>
#include <vector>

struct perf_event_attr;

namespace etw::kernel {

class PerfRing {
public:
    // `pages` of data, a power of two. Fails with the code of the kernel's refusal.
    static Result<PerfRing> open(const perf_event_attr& attr, uint32_t cpu, uint32_t pages);
    PerfRing(PerfRing&& other) noexcept;
    PerfRing& operator=(PerfRing&& other) noexcept;
    ~PerfRing();

    const UniqueFd& fd() const noexcept { return fd_; }
    // What front() shows from now on is what is there now: whoever reads until there is none is
    // done some time, however much comes meanwhile.
    void look() noexcept;
    // Looks at the oldest record; it stays until pop(). Nothing when there is none. `type` is
    // PERF_RECORD_*, `body` what follows its header, valid until the next call.
    struct Record {
        uint32_t type = 0;
        uint16_t misc = 0;
        Bytes body;
    };
    std::optional<Record> front();
    void pop() noexcept;

private:
    PerfRing(UniqueFd fd, void* base, size_t size) noexcept
        : fd_(std::move(fd)), base_(base), size_(size) {}
    void copy(uint64_t from, std::byte* to, size_t size) const noexcept;

    UniqueFd fd_;
    void* base_ = nullptr;
    size_t size_ = 0;    // of the data, in bytes
    uint64_t head_ = 0;  // end of what front() may show
    size_t front_size_ = 0;
    std::vector<std::byte> record_;  // the copy that front() shows
};

}  // namespace etw::kernel
