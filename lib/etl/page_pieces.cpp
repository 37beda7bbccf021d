#include "etl/page_pieces.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace etw::etl {
namespace {

using wire::BufferHeader;

// What the unused rest of every buffer is written from.
constexpr size_t kUnusedSize = 16 * kPageSize;
alignas(kPageSize) constexpr auto kUnused = [] {
    std::array<std::byte, kUnusedSize> bytes{};
    bytes.fill(std::byte{wire::kUnusedByte});
    return bytes;
}();

}  // namespace

void append_unused(std::vector<Bytes>& pieces, size_t size) {
    while (size > 0) {
        const size_t n = std::min(size, kUnused.size());
        pieces.push_back(Bytes(kUnused).first(n));
        size -= n;
    }
}

bool PagePieces::takes(Bytes records) noexcept {
    return (reinterpret_cast<uintptr_t>(records.data()) - sizeof(BufferHeader)) % kPageSize == 0;
}

void PagePieces::reset(size_t count) {
    if (pages_.size() < 2 * count) pages_.resize(2 * count);
    used_ = 0;
    pieces_.clear();
}

std::byte* PagePieces::next_page() noexcept {
    ETW_ASSERT(used_ < pages_.size());
    std::byte* const page = pages_[used_++].bytes;
    pieces_.emplace_back(page, kPageSize);
    return page;
}

void PagePieces::add(const BufferHeader& header, Bytes records) {
    const auto copy = [](std::byte* page, size_t at, Bytes what) {
        std::memcpy(page + at, what.data(), what.size());
        at += what.size();
        std::memset(page + at, wire::kUnusedByte, kPageSize - at);
    };
    const Bytes first = records.first(std::min(records.size(), kPageSize - sizeof(header)));
    std::byte* const front = next_page();
    std::memcpy(front, &header, sizeof(header));
    copy(front, sizeof(header), first);

    const Bytes rest = records.subspan(first.size());
    const Bytes whole = rest.first(rest.size() / kPageSize * kPageSize);
    const Bytes last = rest.subspan(whole.size());
    if (!whole.empty()) pieces_.push_back(whole);
    if (!last.empty()) copy(next_page(), 0, last);
    append_unused(pieces_,
                  header.buffer_size - (header.offset + kPageSize - 1) / kPageSize * kPageSize);
}

}  // namespace etw::etl
