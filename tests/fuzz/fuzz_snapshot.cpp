// Any bytes as the control words and blocks of two users' rings. Whatever they say, what a snapshot
// takes from them is whole records in buffers that fit a block, no more of them than was said, and
// their times do not rise on the way from the newest to the oldest.
//
// Input: u8 flags, then for each ring u64 head, u32 filled[kBlocks], u16 size, and so many bytes
// that fill its blocks again and again. What is missing is zero.
#include "etw/check.h"
#include "host/recording/backward_merger.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace {

using namespace etw;

constexpr uint32_t kBlocks = 4;
constexpr uint32_t kBlockSize = 4096;
constexpr int64_t kUntil = int64_t{1} << 60;

class Rings {
public:
    explicit Rings(uint32_t flags) : set_(*ring::RingSet::create({1, kBlocks, kBlockSize, flags})) {
        void* memory = ::mmap(nullptr, set_.geometry().set_size(), PROT_READ | PROT_WRITE,
                              MAP_SHARED, set_.fd().get(), 0);
        ETW_ASSERT(memory != MAP_FAILED);
        ring_ = static_cast<std::byte*>(memory) + set_.geometry().ring_offset(0);
    }

    void fill(std::span<const uint8_t>& rest) {
        struct {
            uint64_t head;
            uint32_t filled[kBlocks];
            uint16_t size;
        } input{};
        const auto take = [&rest](void* to, size_t size) {
            const size_t part = std::min(rest.size(), size);
            if (part != 0) std::memcpy(to, rest.data(), part);
            rest = rest.subspan(part);
        };
        take(&input.head, sizeof(input.head));
        take(&input.filled, sizeof(input.filled));
        take(&input.size, sizeof(input.size));
        reinterpret_cast<wire::RingControl*>(ring_)->head = input.head;
        std::memcpy(ring_ + wire::kRingFilledOffset, input.filled, sizeof(input.filled));
        const auto pattern = rest.first(std::min<size_t>(rest.size(), input.size));
        rest = rest.subspan(pattern.size());
        for (uint32_t block = 0; block < kBlocks; ++block) {
            std::byte* at = ring_ + set_.geometry().control_size() + block * kBlockSize +
                            wire::kRingFirstOffset;
            size_t left = pattern.empty() ? 0 : kBlockSize - wire::kRingFirstOffset;
            while (left > 0) {
                const size_t part = std::min(left, pattern.size());
                std::memcpy(at, pattern.data(), part);
                at += part;
                left -= part;
            }
        }
    }

    const ring::RingSet& set() const { return set_; }

private:
    ring::RingSet set_;
    std::byte* ring_ = nullptr;
};

void check(Bytes records, int64_t& newest) {
    ETW_ASSERT(records.size() <= kBlockSize - wire::kRingFirstOffset);
    int64_t last = -kUntil;
    bool timed = false;
    while (!records.empty()) {
        const auto shape = host::shape_of(records, records.size());
        ETW_ASSERT(shape);
        if (shape->time_offset != 0) {
            int64_t time = 0;
            std::memcpy(&time, records.data() + shape->time_offset, sizeof(time));
            ETW_ASSERT(!timed || time >= last);
            ETW_ASSERT(time <= newest);
            last = time;
            timed = true;
        }
        records = records.subspan(wire::align8(size_t{shape->size}));
    }
    if (timed) newest = last;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static Rings plain[2] = {Rings(0), Rings(0)};
    static Rings overwriting[2] = {Rings(wire::kRingOverwrite), Rings(wire::kRingOverwrite)};
    std::span<const uint8_t> rest(data, size);
    if (rest.empty()) return 0;
    Rings(&rings)[2] = rest[0] % 2 != 0 ? overwriting : plain;
    const size_t users = rest[0] % 4 < 2 ? 1 : 2;
    rest = rest.subspan(1);
    std::vector<host::BackwardReader> readers;
    for (size_t user = 0; user < users; ++user) {
        rings[user].fill(rest);
        readers.emplace_back(rings[user].set(), 0, 0, kUntil);
    }
    host::BackwardMerger merger(std::move(readers), host::SessionClock{}, kBlockSize);
    const uint64_t most = merger.most_buffers();
    ETW_ASSERT(most <= 2 * users * kBlocks + 1);
    int64_t newest = kUntil;
    uint64_t buffers = 0;
    for (Bytes records = merger.next_buffer(); !records.empty(); records = merger.next_buffer()) {
        ETW_ASSERT(++buffers <= most);
        // The first time of a buffer bounds those of the one before it.
        const auto first = host::shape_of(records, records.size());
        ETW_ASSERT(first);
        check(records, newest);
        if (first->time_offset != 0) {
            std::memcpy(&newest, records.data() + first->time_offset, sizeof(newest));
        }
    }
    return 0;
}
