// The records of one processor, buffer after buffer.
#pragma once
#include "etl/buffer_index.h"
#include "etl/record_parser.h"

namespace etw::etl {

// What the streams of a reader share.
struct StreamContext {
    const ByteSource& source;
    const BufferIndex& index;
    DamageLog& damage;
    Storage stored;  // a compressed buffer as it is in the file; of use only while it is expanded
    uint64_t consumed = 0;
};

class Stream {
public:
    explicit Stream(BufferRun run) : next_(run.first), last_(run.last) {}

    // Goes to the first record, or to the next. Returns false when there is none; views into the
    // record before are void in any case.
    bool start(StreamContext& context) {
        peek_.time = context.index.header.start_raw;
        return settle(context);
    }
    bool advance(StreamContext& context) {
        at_ += std::min<size_t>(wire::align8(size_t{peek_.size}), size_t(end_ - at_));
        if (peek(at_, size_t(end_ - at_), peek_) == Found::kRecord) [[likely]]
            return true;
        return settle(context);
    }

    int64_t time() const noexcept { return peek_.time; }
    // Whether the record needs no other one to be understood, nor is any help to one.
    bool describes_itself() const noexcept {
        if (peek_.type == wire::HeaderType::kMessage) return true;
        const bool is_event =
            peek_.type == wire::HeaderType::kEvent32 || peek_.type == wire::HeaderType::kEvent64;
        constexpr size_t kChannelAt =
            offsetof(wire::EventHeader, descriptor) + offsetof(wire::EventDescriptor, channel);
        return is_event && std::to_integer<uint8_t>(at_[kChannelAt]) == wire::kChannelTraceLogging;
    }
    size_t buffer() const noexcept { return next_ - 1; }  // that the record is in, of the index
    // All of the record; false if it is damaged inside, which is counted.
    bool read(StreamContext& context, Record& out) const {
        if (!fill(at_, peek_, out)) [[unlikely]] {
            context.damage.record(offset_, peek_.size, "its parts run past its end");
            return false;
        }
        out.cpu = cpu_;
        return true;
    }

private:
    bool settle(StreamContext& context);
    bool open_next(StreamContext& context);
    bool load(StreamContext& context, const BufferEntry& entry);

    const std::byte* at_ = nullptr;  // the record; invariant: at_ <= end_
    const std::byte* end_ = nullptr;
    Peek peek_;
    uint16_t cpu_ = 0;
    size_t next_, last_;   // buffers of the index
    uint64_t offset_ = 0;  // of the buffer at_ is in
    Storage storage_;
};

}  // namespace etw::etl
