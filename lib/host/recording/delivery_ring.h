// The delivery ring as the host writes it; the protocol stands in wire/delivery.h. What is
// committed of it (head, numbers, losses) is kept in the session's checkpoint, not here: chunks
// behind that head are invisible, and a successor writes them again.
#pragma once
#include "base/mapping.h"
#include "etw/bytes.h"
#include "wire/delivery.h"

#include <functional>
#include <optional>

namespace etw::host {

// How far a session's delivery has come; part of Progress. All 0: the session has none.
struct DeliveryProgress {
    uint64_t ring = 0;         // id
    uint64_t head = 0;         // position behind the last chunk
    uint64_t next_number = 0;  // of the next chunk
    uint64_t backlog = 0;      // position of the first chunk that no consumer has had
    uint32_t buffers_lost = 0;
    uint32_t reserved = 0;
};

class DeliveryRing {
public:
    // All its memory is taken now, so that the host never meets SIGBUS; kNoSystemResources.
    static Result<DeliveryRing> create(uint64_t capacity);
    // What a predecessor left, whose progress is `at`. kInvalidData where it is not that ring.
    static Result<DeliveryRing> adopt(UniqueFd fd, const DeliveryProgress& at);

    wire::DeliveryHeader& header() const noexcept;
    uint64_t id() const noexcept { return id_; }
    uint64_t capacity() const noexcept { return capacity_; }
    const UniqueFd& fd() const noexcept { return fd_; }
    // Another descriptor that cannot be mapped for writing, for consumers.
    Result<UniqueFd> read_only() const;

    uint64_t oldest() const noexcept { return oldest_; }
    // Number of the first chunk at or behind `position`; `at.next_number` where there is none yet.
    // Nothing where no chunk begins at `position` (any more).
    std::optional<uint64_t> number_at(uint64_t position, const DeliveryProgress& at) const noexcept;

    // P1 to P3: room for `size` bytes of records behind at.head, which moves behind it. Calls
    // `evicted(chunk, behind)` for each chunk of records that has to go.
    using Evicted = std::function<void(uint64_t chunk, uint64_t behind, uint64_t number)>;
    std::span<std::byte> reserve(DeliveryProgress& at, uint64_t stream, uint16_t cpu, uint32_t size,
                                 const Evicted& evicted);
    void publish(const DeliveryProgress& at);  // P5

    // Calls `visit(cpu, records)` for each chunk from `position` on.
    void for_each(uint64_t position, const DeliveryProgress& at,
                  const std::function<void(uint16_t cpu, Bytes records)>& visit) const;

private:
    DeliveryRing(UniqueFd fd, Mapping memory, uint64_t capacity) noexcept
        : fd_(std::move(fd)), memory_(std::move(memory)), capacity_(capacity) {}
    wire::DeliveryChunk* chunk_at(uint64_t position) const noexcept;
    uint64_t step_at(uint64_t position) const noexcept;
    void make_room(uint64_t until, const Evicted& evicted);

    UniqueFd fd_;
    Mapping memory_;
    uint64_t capacity_ = 0;
    uint64_t id_ = 0;
    uint64_t oldest_ = 0;  // as the header's, which others might change
};

// One consumer's page, mapped.
class ConsumerPageMapping {
public:
    static Result<ConsumerPageMapping> create();
    wire::ConsumerPage& page() const noexcept { return memory_.as<wire::ConsumerPage>(); }
    const UniqueFd& fd() const noexcept { return fd_; }

private:
    ConsumerPageMapping(UniqueFd fd, Mapping memory) noexcept
        : fd_(std::move(fd)), memory_(std::move(memory)) {}
    UniqueFd fd_;
    Mapping memory_;
};

}  // namespace etw::host
