#include "backend_linux/delivery_reader.h"

#include <utility>

namespace etw::backend_linux {

using wire::DeliveryChunk;
using wire::DeliveryHeader;
using wire::DeliveryKind;
using wire::kDeliveryHeaderSize;

namespace {

// Chunks that were evicted while they were looked at; the host is not that fast for ever.
constexpr int kMaxTries = 1000;

}  // namespace

Result<DeliveryReader> DeliveryReader::over(Bytes ring, wire::ConsumerPage& page, uint64_t id,
                                            uint64_t number) {
    if (ring.size() <= kDeliveryHeaderSize) return Error{Code::kInvalidData, "delivery: size"};
    const uint64_t capacity = ring.size() - kDeliveryHeaderSize;
    if (capacity < wire::kMinDeliveryCapacity || capacity > wire::kMaxDeliveryCapacity ||
        (capacity & (capacity - 1)) != 0) {
        return Error{Code::kInvalidData, "delivery: capacity", capacity};
    }
    DeliveryReader out(ring, page, id, number);
    const DeliveryHeader& header = out.header();
    if (header.magic != DeliveryHeader::kMagic || header.id != id) {
        return Error{Code::kInvalidData, "delivery: another ring"};
    }
    return out;
}

// C3: what was copied from `position` before this call may be something newer.
bool DeliveryReader::gone(uint64_t position) const noexcept {
    std::atomic_thread_fence(std::memory_order_acquire);
    return header().oldest.load(std::memory_order_relaxed) > position;
}

DeliveryReader::Got DeliveryReader::take(etl::LiveMerge::Buffer& out) {
    const Bytes data = ring_.subspan(kDeliveryHeaderSize);
    for (int i = 0; i < kMaxTries; ++i) {
        uint64_t at = position();  // C1
        if (at >= header().head.load(std::memory_order_acquire)) return Got::kNothing;
        if (at % wire::kDeliveryAlignment != 0) return Got::kDamaged;
        const auto skip_to_oldest = [&] {
            const uint64_t oldest = header().oldest.load(std::memory_order_acquire);
            if (oldest > at) page_->position.compare_exchange_strong(at, oldest);
        };
        const Bytes rest = data.subspan(size_t(at % data.size()));
        DeliveryChunk chunk;
        std::memcpy(&chunk, rest.data(), sizeof(chunk));  // C2
        if (gone(at)) {
            skip_to_oldest();
            continue;
        }
        if (chunk.size > rest.size() - sizeof(chunk)) return Got::kDamaged;
        const uint64_t behind = at + wire::delivery_step(chunk.size);
        if (chunk.kind == DeliveryKind::kRecords) {
            const Bytes records = rest.subspan(sizeof(chunk), chunk.size);
            out.records.assign(records.begin(), records.end());
            if (gone(at)) {
                skip_to_oldest();
                continue;
            }
        }
        if (!page_->position.compare_exchange_strong(at, behind, std::memory_order_acq_rel)) {
            continue;  // C4: evicted
        }
        if (chunk.kind != DeliveryKind::kRecords) continue;
        if (chunk.number < number_) return Got::kDamaged;  // it was delivered before
        lost_ += chunk.number - std::exchange(number_, chunk.number + 1);
        out.stream = chunk.stream;
        out.cpu = chunk.cpu;
        out.number = chunk.number;
        return Got::kBuffer;
    }
    return Got::kNothing;
}

}  // namespace etw::backend_linux
