// Any bytes as the control words of every ring. Whatever they say, the host's reader stays inside
// the blocks of the ring that it reads, moves on with every run and is done after one run a block.
//
// Input: u8 flags, then for each CPU u64 head, u64 tail in the mapping, u64 the reader's own tail,
// u32 filled[kBlocks]. What is missing is zero.
#include "etw/check.h"
#include "ring/ring_set.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace {

using namespace etw;

constexpr uint32_t kCpus = 3;
constexpr uint32_t kBlocks = 5;
constexpr uint32_t kBlockSize = 4096;

struct CpuInput {
    uint64_t head, mapped_tail, tail;
    uint32_t filled[kBlocks];
};

// The host's view of a ring set and the mapping of a writer who may store anything.
class Rings {
public:
    explicit Rings(uint32_t flags) : set_(create(flags)) {
        void* memory = ::mmap(nullptr, set_.geometry().set_size(), PROT_READ | PROT_WRITE,
                              MAP_SHARED, set_.fd().get(), 0);
        ETW_ASSERT(memory != MAP_FAILED);
        writer_ = static_cast<std::byte*>(memory);
        host_ = reinterpret_cast<const std::byte*>(&set_.host_sleeps()) -
                offsetof(wire::RingSetHeader, host_sleeps);
    }

    void run(uint32_t cpu, const CpuInput& input) {
        auto& control =
            *reinterpret_cast<wire::RingControl*>(writer_ + set_.geometry().ring_offset(cpu));
        control.head = input.head;
        control.tail = input.mapped_tail;
        std::memcpy(reinterpret_cast<std::byte*>(&control) + wire::kRingFilledOffset, input.filled,
                    sizeof(input.filled));
        ETW_ASSERT(set_.pending_blocks(cpu, input.tail) <= kBlocks);
        wire::RingPosition tail = input.tail;
        ring::Run run;
        bool damaged = false;
        for (uint32_t runs = 0; set_.next(cpu, tail, run, &damaged); ++runs) {
            ETW_ASSERT(runs <= kBlocks);
            ETW_ASSERT(run.end != tail);
            ETW_ASSERT(damaged ? run.records.empty() : run.end > tail);
            if (!damaged) check_place(cpu, run.records);
            tail = run.end;
            set_.release(cpu, tail);
        }
    }

private:
    static ring::RingSet create(uint32_t flags) {
        auto set = ring::RingSet::create({kCpus, kBlocks, kBlockSize, flags});
        ETW_ASSERT(set);
        return *std::move(set);
    }

    // Within one block, behind its header, whole words.
    void check_place(uint32_t cpu, Bytes records) const {
        const size_t data = set_.geometry().ring_offset(cpu) + set_.geometry().control_size();
        ETW_ASSERT(!records.empty() && records.size() % 8 == 0);
        ETW_ASSERT(records.data() >= host_ + data);
        const auto at = size_t(records.data() - host_) - data;
        ETW_ASSERT(at < size_t{kBlocks} * kBlockSize);
        ETW_ASSERT(at % kBlockSize >= wire::kRingFirstOffset);
        ETW_ASSERT(records.size() <= kBlockSize - at % kBlockSize);
    }

    ring::RingSet set_;
    std::byte* writer_ = nullptr;
    const std::byte* host_ = nullptr;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static Rings plain(0), overwriting(wire::kRingOverwrite);
    std::span<const uint8_t> rest(data, size);
    if (rest.empty()) return 0;
    Rings& rings = rest[0] % 2 != 0 ? overwriting : plain;
    rest = rest.subspan(1);
    for (uint32_t cpu = 0; cpu < kCpus; ++cpu) {
        CpuInput input{};
        const size_t part = std::min(rest.size(), sizeof(input));
        if (part != 0) std::memcpy(&input, rest.data(), part);
        rest = rest.subspan(part);
        rings.run(cpu, input);
    }
    return 0;
}
