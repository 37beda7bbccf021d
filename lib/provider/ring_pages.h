// Pages of a ring set that a process maps before its writers need them.
//
// The first write to a page costs a fault, 1 µs and more: as much as all the events of that page.
// So the agent maps the pages ahead of the heads, 0.2 µs each: some of every ring when a session
// comes, and more of those rings that are being written while this process fills blocks. Rings that
// nobody fills cost a process no memory of its own. Kernels before 5.14 cannot do it; there writers
// take the faults.
#pragma once
#include "ring/writer.h"

namespace etw::provider {

// Maps the first pages of every ring of the set.
void map_first_pages(std::byte* set, const wire::RingGeometry& geometry) noexcept;

// What of one set is mapped. Used by the agent only, with the lock: it alone takes a mapping away,
// so that it may look at the heads outside of any section (ring/writer.h). Zeros are a valid state:
// none.
class RingPages {
public:
    // Maps what lies next before the heads of the set, which `map` describes; from then on `wanted`
    // is called, by a writer, when more is due. Not of concern where memory is short: nothing is
    // mapped then.
    void begin(ring::WriterMap& map, std::byte* set, const wire::RingGeometry& geometry,
               void (*wanted)() noexcept) noexcept;
    // A slice of what is due, small enough for the application's own mmap() to wait for. False:
    // nothing is due, until a writer has used up the blocks that the map allows.
    bool map_slice(ring::WriterMap& map) noexcept;
    // A forked child has the mapping, but none of its pages.
    void begin_in_child(ring::WriterMap& map) noexcept;
    void end(ring::WriterMap& map) noexcept;

private:
    // In bytes that have gone through a ring since it was made.
    struct Range {
        uint64_t begin;  // the head when the set came
        uint64_t end;    // below it the pages are mapped
    };
    uint64_t head(uint32_t cpu) const noexcept;
    bool map_slice_of(uint32_t cpu) noexcept;
    void set_limit(ring::WriterMap& map) const noexcept;

    std::byte* set_;
    wire::RingGeometry geometry_;
    Range* ranges_;  // of each CPU; null: no pages are mapped ahead
};

}  // namespace etw::provider
