// A consumer's way through a delivery ring: steps C1 to C4 of wire/delivery.h. Every byte of the
// ring is untrusted.
#pragma once
#include "etl/live_merge.h"
#include "etw/bytes.h"
#include "wire/delivery.h"

namespace etw::backend_linux {

class DeliveryReader {
public:
    // `ring`: header page and data, `page`: the consumer's own; both outlive the reader. `number`:
    // of the chunk it waits for. Fails with kInvalidData where that is no ring with this id.
    static Result<DeliveryReader> over(Bytes ring, wire::ConsumerPage& page, uint64_t id,
                                       uint64_t number);

    enum class Got { kBuffer, kNothing, kDamaged };  // kDamaged: the ring is of no use any more
    Got take(etl::LiveMerge::Buffer& out);

    const wire::DeliveryHeader& header() const noexcept {
        return *reinterpret_cast<const wire::DeliveryHeader*>(ring_.data());
    }
    wire::ConsumerPage& page() const noexcept { return *page_; }
    uint64_t position() const noexcept { return page_->position.load(std::memory_order_acquire); }
    uint64_t number() const noexcept { return number_; }  // of the chunk it waits for
    uint64_t id() const noexcept { return id_; }
    uint64_t lost() const noexcept { return lost_; }  // chunks

private:
    DeliveryReader(Bytes ring, wire::ConsumerPage& page, uint64_t id, uint64_t number) noexcept
        : ring_(ring), page_(&page), id_(id), number_(number) {}
    bool gone(uint64_t position) const noexcept;

    Bytes ring_;
    wire::ConsumerPage* page_;
    uint64_t id_;
    uint64_t number_;
    uint64_t lost_ = 0;
};

}  // namespace etw::backend_linux
