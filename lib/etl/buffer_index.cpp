#include "etl/buffer_index.h"

#include "etl/load.h"
#include "etl/log_header.h"

#include <algorithm>
#include <optional>
#include <tuple>

namespace etw::etl {
namespace {

using wire::BufferHeader;

constexpr uint32_t kHeaderSize = sizeof(BufferHeader);
constexpr uint32_t kScanChunk = 64 * 1024;
constexpr uint16_t kKnownFlags = 0x7F;

bool all_zero(Bytes bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

// Of buffers in reading order.
std::vector<BufferRun> find_runs(const std::vector<BufferEntry>& buffers) {
    std::vector<BufferRun> runs{{0, 1}};
    for (size_t i = 1; i < buffers.size(); ++i) {
        if (i == 1 || buffers[i].cpu != buffers[i - 1].cpu) runs.push_back({i, i});
        runs.back().last = i + 1;
    }
    return runs;
}

bool is_compressed(const BufferHeader& h) { return (h.flags & wire::kBufferCompressed) != 0; }

class Walk {
public:
    Walk(const ByteSource& source, DamageLog& damage) : source_(source), damage_(damage) {}

    Result<BufferIndex> run();

private:
    Status read_first();
    void read_next();
    std::optional<BufferHeader> header_at(uint64_t offset);
    bool plausible(const BufferHeader& header) const;
    bool certain(const BufferHeader& header, uint64_t offset);
    void add(const BufferHeader& header, uint64_t stored);
    void skip_to_next();
    uint64_t next_on_grid();
    uint64_t next_by_scan();
    void sort();

    const ByteSource& source_;
    DamageLog& damage_;
    Storage storage_;
    BufferIndex index_;
    uint64_t at_ = 0;
    bool grid_ = false;  // every buffer has the session's size
};

Result<BufferIndex> Walk::run() {
    ETW_CHECK(read_first());
    while (at_ < source_.size()) read_next();
    sort();
    return std::move(index_);
}

// The header event decides, not the buffer's header: that one may be damaged.
Status Walk::read_first() {
    const size_t size =
        size_t(std::min<uint64_t>(source_.size(), kHeaderSize + wire::kMaxRecordSize));
    ETW_TRY(const Bytes front, source_.read(0, size, storage_));
    if (size < kHeaderSize) return Error{Code::kInvalidData, "no log file: too short"};
    const auto header = load<BufferHeader>(front.data());
    ETW_TRY(index_.header, parse_log_header(front.subspan(kHeaderSize)));

    index_.buffer_size = index_.header.fixed.buffer_size;
    if (index_.buffer_size < kHeaderSize || index_.buffer_size > wire::kMaxBufferSize) {
        damage_.buffer(0, 0, "header event: buffer size");
        index_.buffer_size = std::clamp(header.buffer_size, kHeaderSize, wire::kMaxBufferSize);
    }
    const Bytes event = front.subspan(kHeaderSize);
    const uint32_t event_end =
        kHeaderSize + load<uint16_t>(event.data() + offsetof(wire::SystemHeader, size));
    const bool size_usable =
        header.buffer_size >= event_end && header.buffer_size <= index_.buffer_size;
    const uint32_t stored = size_usable ? header.buffer_size : index_.buffer_size;
    grid_ = stored == index_.buffer_size;
    const uint64_t present = std::min<uint64_t>(stored, source_.size());
    uint32_t length = filled_length(header, stored);
    if (!size_usable || length < event_end) {
        damage_.buffer(0, 0, "header buffer: size");
        length = stored;
    }
    if (present < stored)
        damage_.buffer(0, length - std::min<uint64_t>(length, present), "cut off");
    index_.buffers.push_back({.offset = 0,
                              .sequence = header.sequence,
                              .length = uint32_t(std::min<uint64_t>(length, present)),
                              .cpu = wire::processor_of(header),
                              .compressed = false});
    at_ = present;
    return Ok{};
}

void Walk::read_next() {
    const auto header = header_at(at_);
    if (header && plausible(*header)) {
        add(*header, std::min<uint64_t>(header->buffer_size, source_.size() - at_));
    } else {
        skip_to_next();
    }
}

std::optional<BufferHeader> Walk::header_at(uint64_t offset) {
    const auto bytes = source_.read(offset, kHeaderSize, storage_);
    if (!bytes) return std::nullopt;
    return load<BufferHeader>(bytes->data());
}

bool Walk::plausible(const BufferHeader& header) const {
    if (is_compressed(header)) {
        // A buffer is stored compressed only where that makes it smaller.
        return header.buffer_size > kHeaderSize && header.buffer_size <= index_.buffer_size &&
               filled_length(header, index_.buffer_size) != 0;
    }
    const bool size_fits =
        grid_ ? header.buffer_size == index_.buffer_size
              : header.buffer_size >= kHeaderSize && header.buffer_size <= index_.buffer_size;
    return size_fits && filled_length(header, header.buffer_size) != 0;
}

// What no run of payload bytes is likely to look like.
bool Walk::certain(const BufferHeader& header, uint64_t offset) {
    if (header.state != wire::kBufferStateFlush || header.reference_count != 0 ||
        header.type != uint16_t(wire::BufferType::kGeneric) || (header.flags & ~kKnownFlags) != 0 ||
        header.saved_offset != header.offset || !plausible(header)) {
        return false;
    }
    const uint64_t end = offset + header.buffer_size;
    if (end == source_.size()) return true;
    const auto next = header_at(end);
    return next && plausible(*next);
}

void Walk::add(const BufferHeader& header, uint64_t stored) {
    const bool compressed = is_compressed(header);
    uint32_t length = compressed ? header.buffer_size : filled_length(header, header.buffer_size);
    if (stored < header.buffer_size) {
        damage_.buffer(at_, length - std::min<uint64_t>(length, stored), "cut off");
        length = uint32_t(std::min<uint64_t>(length, stored));
    }
    index_.buffers.push_back({.offset = at_,
                              .sequence = header.sequence,
                              .length = length,
                              .cpu = wire::processor_of(header),
                              .compressed = compressed});
    at_ += stored;
}

// Zeros up to the end are what preallocation leaves; anything else that is skipped is damage.
void Walk::skip_to_next() {
    const uint64_t start = at_;
    const auto head = source_.read(
        start, size_t(std::min<uint64_t>(kHeaderSize, source_.size() - start)), storage_);
    const bool zero = head && all_zero(*head);
    at_ = grid_ ? next_on_grid() : next_by_scan();
    if (zero && at_ == source_.size()) return;
    damage_.buffer(start, at_ - start, zero ? "never written" : "header makes no sense");
}

uint64_t Walk::next_on_grid() {
    uint64_t offset = at_;
    while (source_.size() - offset > index_.buffer_size) {
        offset += index_.buffer_size;
        const auto header = header_at(offset);
        if (header && plausible(*header)) return offset;
        // A header needs more than zeros; the next place that has them may be far.
        const uint64_t zeros = (source_.next_data(offset) - offset) / index_.buffer_size;
        if (zeros > 1) offset += (zeros - 1) * index_.buffer_size;
    }
    return source_.size();
}

uint64_t Walk::next_by_scan() {
    Storage chunk_storage;  // header_at() uses the other
    uint64_t offset = at_ + 1;
    while (source_.size() - offset >= kHeaderSize) {
        const auto chunk = source_.read(
            offset, size_t(std::min<uint64_t>(kScanChunk, source_.size() - offset)), chunk_storage);
        if (!chunk) break;
        for (size_t i = 0; i + kHeaderSize <= chunk->size(); ++i) {
            const auto header = load<BufferHeader>(chunk->data() + i);
            if (certain(header, offset + i)) return offset + i;
        }
        offset += chunk->size() - (kHeaderSize - 1);
        // No header is all zeros, but one may begin with some.
        const uint64_t data = source_.next_data(offset);
        if (data - offset >= kHeaderSize) offset = data - (kHeaderSize - 1);
    }
    return source_.size();
}

void Walk::sort() {
    auto& buffers = index_.buffers;
    index_.count = buffers.size();
    // Two buffers with one sequence number come from a damaged or merged file: keep the file's
    // order.
    std::sort(buffers.begin() + 1, buffers.end(), [](const BufferEntry& a, const BufferEntry& b) {
        return std::tie(a.cpu, a.sequence, a.offset) < std::tie(b.cpu, b.sequence, b.offset);
    });
    index_.runs = find_runs(buffers);
}

}  // namespace

void BufferIndex::keep(const std::vector<uint8_t>& wanted) {
    size_t kept = 1;
    for (size_t i = 1; i < buffers.size(); ++i) {
        if (wanted[i] != 0) buffers[kept++] = buffers[i];
    }
    buffers.resize(kept);
    runs = find_runs(buffers);
}

Result<BufferIndex> build_index(const ByteSource& source, DamageLog& damage) {
    return Walk(source, damage).run();
}

uint32_t filled_length(const BufferHeader& header, uint32_t limit) {
    // Events that are added to the header buffer move only one of the two, older systems left the
    // other 0. In data buffers they agree, or else one is damaged.
    uint32_t filled = header.offset;
    if (header.type == uint16_t(wire::BufferType::kHeader)) {
        filled = std::max(header.offset, header.saved_offset);
    }
    if (filled < kHeaderSize || filled > limit) filled = header.saved_offset;
    return filled < kHeaderSize || filled > limit ? 0 : filled;
}

}  // namespace etw::etl
