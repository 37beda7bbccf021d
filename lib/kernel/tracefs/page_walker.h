// The events of one page of the kernel's trace ring buffer, as a read of trace_pipe_raw gives it.
//
//   u64 time of the page, u64 commit (bytes of data; flags above), then entries of a u32 header
//   (type in the low 5 bits, time delta above) and, by type:
//     1..28  4 * type bytes of data        0      u32 size of data, itself included, then data
//     29     padding: u32 bytes to skip; with delta 0 the rest of the page
//     30     u32: high bits of a delta      31     u32: high bits of an absolute time
//
// Source: events/header_page and events/header_event of the kernel that runs; the same since 2.6.
#pragma once
#include "etw/bytes.h"

#include <cstdint>

namespace etw::kernel {

class PageWalker {
public:
    struct Event {
        uint64_t time = 0;  // of the trace clock
        Bytes data;         // a view of the page
    };

    // `page` outlives the walker. One that is too short for its header has no events.
    explicit PageWalker(Bytes page) noexcept;

    // False at the end, or where an entry makes no sense.
    bool next(Event& out) noexcept;
    bool damaged() const noexcept { return damaged_; }
    // Events were overwritten before this page.
    bool missed() const noexcept { return missed_; }

private:
    bool take_u32(uint32_t& out) noexcept;
    bool fail() noexcept;

    Bytes data_;
    size_t pos_ = 0;  // invariant: pos_ <= data_.size()
    uint64_t time_ = 0;
    bool damaged_ = false;
    bool missed_ = false;
};

}  // namespace etw::kernel
