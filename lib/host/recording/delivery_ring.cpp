#include "host/recording/delivery_ring.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <string>
#include <utility>

namespace etw::host {

using wire::DeliveryChunk;
using wire::DeliveryHeader;
using wire::DeliveryKind;
using wire::kDeliveryHeaderSize;

namespace {

Error no_memory(const char* what) { return {Code::kNoSystemResources, what, uint64_t(errno)}; }

Result<Mapping> map(const UniqueFd& fd, uint64_t size) {
    return Mapping::of(fd, size, "delivery: mmap");
}

}  // namespace

Result<DeliveryRing> DeliveryRing::create(uint64_t capacity) {
    ETW_ASSERT((capacity & (capacity - 1)) == 0 && capacity >= wire::kMinDeliveryCapacity);
    ETW_TRY(UniqueFd fd, make_memory_file("etw-delivery", kDeliveryHeaderSize + capacity));
    // Consumers of other users, who get a descriptor for reading, shall not open another one.
    if (::fchmod(fd.get(), 0400) != 0) return no_memory("delivery: mode");
    ETW_TRY(Mapping memory, map(fd, kDeliveryHeaderSize + capacity));
    DeliveryRing ring(std::move(fd), std::move(memory), capacity);
    auto* header = new (ring.memory_.get()) DeliveryHeader{};
    header->magic = DeliveryHeader::kMagic;
    header->capacity = capacity;
    while (header->id == 0) {
        ETW_ASSERT(::getrandom(&header->id, sizeof(header->id), 0) == sizeof(header->id));
    }
    ring.id_ = header->id;
    return ring;
}

Result<DeliveryRing> DeliveryRing::adopt(UniqueFd fd, const DeliveryProgress& at) {
    struct stat st {};
    if (::fstat(fd.get(), &st) != 0 || st.st_size <= off_t(kDeliveryHeaderSize)) {
        return Error{Code::kInvalidData, "delivery: size", uint64_t(st.st_size)};
    }
    const uint64_t capacity = uint64_t(st.st_size) - kDeliveryHeaderSize;
    ETW_TRY(Mapping memory, map(fd, uint64_t(st.st_size)));
    DeliveryRing ring(std::move(fd), std::move(memory), capacity);
    const DeliveryHeader& header = ring.header();
    ring.id_ = header.id;
    ring.oldest_ = header.oldest.load(std::memory_order_relaxed);
    const bool ours = header.magic == DeliveryHeader::kMagic && header.capacity == capacity &&
                      (capacity & (capacity - 1)) == 0 && header.id == at.ring;
    // Room may have been made for chunks that were never committed.
    if (!ours || at.head % wire::kDeliveryAlignment != 0 ||
        ring.oldest_ % wire::kDeliveryAlignment != 0 ||
        (ring.oldest_ < at.head && at.head - ring.oldest_ > capacity)) {
        return Error{Code::kInvalidData, "delivery: another ring"};
    }
    ring.oldest_ = std::min(ring.oldest_, at.head);
    ring.publish(at);
    return ring;
}

DeliveryHeader& DeliveryRing::header() const noexcept { return memory_.as<DeliveryHeader>(); }

Result<UniqueFd> DeliveryRing::read_only() const {
    const std::string self = "/proc/self/fd/" + std::to_string(fd_.get());
    UniqueFd fd(::open(self.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return Error{code_from_errno(errno), "delivery: reopen", uint64_t(errno)};
    return fd;
}

DeliveryChunk* DeliveryRing::chunk_at(uint64_t position) const noexcept {
    return reinterpret_cast<DeliveryChunk*>(memory_.get() + kDeliveryHeaderSize +
                                            position % capacity_);
}

// Never past the end of the ring, whatever stands there.
uint64_t DeliveryRing::step_at(uint64_t position) const noexcept {
    return std::min(wire::delivery_step(chunk_at(position)->size),
                    capacity_ - position % capacity_);
}

std::optional<uint64_t> DeliveryRing::number_at(uint64_t position,
                                                const DeliveryProgress& at) const noexcept {
    uint64_t begin = oldest_;
    while (begin < position && begin < at.head) begin += step_at(begin);
    if (begin != position) return std::nullopt;
    while (begin < at.head && chunk_at(begin)->kind != DeliveryKind::kRecords) {
        begin += step_at(begin);
    }
    return begin < at.head ? chunk_at(begin)->number : at.next_number;
}

void DeliveryRing::make_room(uint64_t until, const Evicted& evicted) {
    while (until - oldest_ > capacity_) {
        const uint64_t chunk = oldest_;
        const DeliveryChunk is = *chunk_at(chunk);
        oldest_ += step_at(chunk);
        header().oldest.store(oldest_, std::memory_order_release);                  // P1
        if (is.kind == DeliveryKind::kRecords) evicted(chunk, oldest_, is.number);  // P2
    }
    // Consumers that copy what is written now must see `oldest` first (C3).
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

std::span<std::byte> DeliveryRing::reserve(DeliveryProgress& at, uint64_t stream, uint16_t cpu,
                                           uint32_t size, const Evicted& evicted) {
    const uint64_t step = wire::delivery_step(size);
    ETW_ASSERT(step <= capacity_ / 4);
    const uint64_t left = capacity_ - at.head % capacity_;
    const uint64_t padding = step > left ? left : 0;
    make_room(at.head + padding + step, evicted);
    if (padding != 0) {
        *chunk_at(at.head) = {
            0, 0, uint32_t(padding - sizeof(DeliveryChunk)), 0, DeliveryKind::kPadding, 0};
        at.head += padding;
    }
    DeliveryChunk* chunk = chunk_at(at.head);
    *chunk = {at.next_number++, stream, size, cpu, DeliveryKind::kRecords, 0};
    at.head += step;
    return {reinterpret_cast<std::byte*>(chunk + 1), size};
}

void DeliveryRing::publish(const DeliveryProgress& at) {
    header().head.store(at.head, std::memory_order_seq_cst);  // also before the look at `sleeps`
}

void DeliveryRing::for_each(uint64_t position, const DeliveryProgress& at,
                            const std::function<void(uint16_t, Bytes)>& visit) const {
    if (!number_at(position, at)) position = oldest_;  // it may be what a consumer says
    while (position < at.head) {
        const DeliveryChunk* chunk = chunk_at(position);
        const uint64_t step = step_at(position);
        if (chunk->kind == DeliveryKind::kRecords && wire::delivery_step(chunk->size) == step) {
            visit(chunk->cpu, Bytes(reinterpret_cast<const std::byte*>(chunk + 1), chunk->size));
        }
        position += step;
    }
}

// --- a consumer's page -----------------------------------------------------------------------

Result<ConsumerPageMapping> ConsumerPageMapping::create() {
    ETW_TRY(UniqueFd fd, make_memory_file("etw-consumer", wire::kConsumerPageSize));
    ETW_TRY(Mapping memory, map(fd, wire::kConsumerPageSize));
    new (memory.get()) wire::ConsumerPage{};
    return ConsumerPageMapping(std::move(fd), std::move(memory));
}

}  // namespace etw::host
