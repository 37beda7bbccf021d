// One perf_event_open() event of one CPU and the ring that its records come in.
//
// Event and ring outlive the process that opened them where another one holds the event and has the
// ring mapped: then they record on, and a successor reads on from what the last give_back() left.
#pragma once
#include "base/mapping.h"
#include "etw/bytes.h"
#include "kernel/holder.h"

#include <optional>
#include <vector>

struct perf_event_attr;

namespace etw::kernel {

class PerfRing {
public:
    // `pages` of data, a power of two. Of a processor that does not run there is none: an object
    // without an event, which is always empty. Fails with the code of the kernel's refusal.
    static Result<PerfRing> open(const perf_event_attr& attr, uint32_t cpu, uint32_t pages);
    // That of a predecessor, of as many pages.
    static Result<PerfRing> over(UniqueFd event, uint32_t pages);
    PerfRing() noexcept = default;  // of a processor that does not run

    explicit operator bool() const noexcept { return bool(memory_); }
    const UniqueFd& fd() const noexcept { return fd_; }
    uint32_t pages() const noexcept;
    // What is mapped, in bytes.
    size_t mapped() const noexcept;
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
    // The kernel gets the room back of all that was popped; a successor does not see it any more.
    void give_back() noexcept;
    // Of `lost`, what the kernel has counted for the event so far, what no call was told yet, of a
    // predecessor's neither.
    uint64_t count_lost(uint64_t lost) noexcept;

private:
    PerfRing(UniqueFd fd, Mapping memory, size_t size) noexcept;
    void copy(uint64_t from, std::byte* to, size_t size) const noexcept;

    UniqueFd fd_;
    Mapping memory_;
    size_t size_ = 0;    // of the data, in bytes
    uint64_t head_ = 0;  // end of what front() may show
    uint64_t tail_ = 0;  // what was popped
    size_t front_size_ = 0;
    std::vector<std::byte> record_;  // the copy that front() shows
};

// Rings of one event, by CPU, as parts of what is held.
void hold_rings(Holder& holder, const std::string& what, const std::vector<PerfRing>& rings);
// Takes them out of the parts again. Fails with kNoMoreItems where they are not all there: of each
// processor that runs.
Result<std::vector<PerfRing>> adopt_rings(HeldParts& parts, uint32_t cpus);

}  // namespace etw::kernel
