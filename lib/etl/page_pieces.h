// Buffers as pieces for a write that goes past the page cache. Such a write takes whole pages of
// memory only: what fills its pages alone goes from where it is, what shares one (the header and
// the first records, the last records and the unused rest) is put together in pages of our own.
#pragma once
#include "etw/bytes.h"
#include "etw/etl_format.h"

#include <span>
#include <vector>

namespace etw::etl {

struct alignas(4096) Page {
    std::byte bytes[4096];
};
constexpr size_t kPageSize = sizeof(Page);

// What the unused rest of a buffer is written from: pieces that begin with a page.
void append_unused(std::vector<Bytes>& pieces, size_t size);

class PagePieces {
public:
    // Whether records go this way: those that stand in memory as they will in the file, a header's
    // size behind the start of a page.
    static bool takes(Bytes records) noexcept;

    // Starts anew, for as many buffers as `count`.
    void reset(size_t count);
    // takes(records); `header.offset` is where they end, its `buffer_size` a multiple of kPageSize.
    void add(const wire::BufferHeader& header, Bytes records);
    // Until the next reset(), and while the records stay where they are.
    std::span<const Bytes> pieces() const noexcept { return pieces_; }

private:
    std::byte* next_page() noexcept;

    std::vector<Page> pages_;  // two for each buffer
    size_t used_ = 0;
    std::vector<Bytes> pieces_;
};

}  // namespace etw::etl
