// Any bytes as a delivery ring and a consumer's page: the reader stays inside the ring, hands out
// no chunk twice, and comes to an end; the merge gives out records that lie inside their chunks.
//
// Input: the DeliveryHeader, u64 position, then the ring's data; what is missing is zero.
#include "backend_linux/delivery_reader.h"
#include "etl/live_merge.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace etw;
    using backend_linux::DeliveryReader;
    constexpr size_t kSize = wire::kDeliveryHeaderSize + wire::kMinDeliveryCapacity;
    static std::vector<std::byte> memory(kSize + 128);
    auto* ring = memory.data() + (128 - reinterpret_cast<uintptr_t>(memory.data()) % 128);
    std::memset(ring, 0, kSize);
    const Bytes input = std::as_bytes(std::span(data, size));
    const size_t head = std::min(input.size(), sizeof(wire::DeliveryHeader));
    std::memcpy(ring, input.data(), head);
    Bytes rest = input.subspan(head);
    wire::ConsumerPage page{};
    if (rest.size() >= sizeof(uint64_t)) {
        uint64_t position = 0;
        std::memcpy(&position, rest.data(), sizeof(position));
        page.position = position;
        rest = rest.subspan(sizeof(position));
    }
    std::memcpy(ring + wire::kDeliveryHeaderSize, rest.data(),
                std::min<size_t>(rest.size(), wire::kMinDeliveryCapacity));
    auto& header = *reinterpret_cast<wire::DeliveryHeader*>(ring);
    const uint64_t id = header.id;
    auto reader = DeliveryReader::over(Bytes(ring, kSize), page, id, 0);
    if (!reader) return 0;
    etl::LiveMerge merge;
    etl::LiveMerge::Buffer buffer;
    uint64_t taken = 0;
    uint64_t next = 0;
    while (taken < 4096 && reader->take(buffer) == DeliveryReader::Got::kBuffer) {
        if (buffer.number < next) std::abort();
        next = buffer.number + 1;
        if (buffer.records.size() > wire::kMinDeliveryCapacity) std::abort();
        ++taken;
        merge.add(std::move(buffer));
    }
    merge.complete_until(std::numeric_limits<int64_t>::max());
    etl::Record record;
    while (merge.next(record)) {
        if (record.payload.size() > record.raw.size()) std::abort();
        if (record.raw.size() < record.size) std::abort();
    }
    return 0;
}
