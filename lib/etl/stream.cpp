#include "etl/stream.h"

#include "etl/xpress.h"

namespace etw::etl {
namespace {

// The densest real stream of records repeats its headers and still has new time stamps: far below
// this. It keeps a small hostile file from taking memory beyond all proportion.
constexpr uint64_t kMaxExpansion = 1024;

}  // namespace

// Finds the first record at or after at_, in this buffer or a later one.
bool Stream::settle(StreamContext& context) {
    for (;;) {
        if (at_ != end_) {
            const Found found = peek(at_, size_t(end_ - at_), peek_);
            if (found == Found::kRecord) return true;
            if (found == Found::kDamage) {
                context.damage.buffer(offset_, uint64_t(end_ - at_),
                                      "no record where one should be");
            }
        }
        if (!open_next(context)) return false;
    }
}

bool Stream::open_next(StreamContext& context) {
    while (next_ < last_) {
        const BufferEntry& entry = context.index.buffers[next_++];
        context.consumed += entry.length;
        if (load(context, entry)) return true;
    }
    at_ = end_ = nullptr;
    storage_.release();
    return false;
}

bool Stream::load(StreamContext& context, const BufferEntry& entry) {
    offset_ = entry.offset;
    cpu_ = entry.cpu;
    const auto failed = [&](const char* what) {
        context.damage.buffer(entry.offset, entry.length, what);
        return false;
    };
    Storage& target = entry.compressed ? context.stored : storage_;
    const auto bytes = context.source.read(entry.offset, entry.length, target);
    if (!bytes) return failed("cannot be read");
    const auto header = etl::load<wire::BufferHeader>(bytes->data());
    // A session that still runs may have reused the place since the index was made.
    if (header.sequence != entry.sequence || wire::processor_of(header) != entry.cpu) {
        return failed("overwritten while reading");
    }
    const Bytes body = bytes->subspan(sizeof(header));
    if (!entry.compressed) {
        at_ = body.data();
        end_ = at_ + body.size();
        return true;
    }
    const uint32_t filled = filled_length(header, context.index.buffer_size);
    if (filled == 0 || filled / kMaxExpansion > entry.length) return failed("compressed size");
    const size_t size = filled - sizeof(header);
    const std::span<std::byte> out = storage_.reserve(size + kXpressSlack);
    if (const auto done = xpress_expand(body, out, size); !done) return failed(done.error().what);
    at_ = out.data();
    end_ = at_ + size;
    return true;
}

}  // namespace etw::etl
