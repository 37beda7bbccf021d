// Rings of context switches with anything in them: heads that no program writes, any record.
#include "kernel/programs/switch_ring.h"

#include <cstdlib>
#include <span>

using namespace etw::kernel;

namespace {

constexpr uint32_t kCpus = 2;
constexpr uint64_t kCapacity = 16;

}  // namespace

// Steps: a byte that says what, and what that needs.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::vector<SwitchControl> controls(kCpus);
    std::vector<std::byte> records(kCpus * kCapacity * sizeof(SwitchRecord));
    SwitchRings rings(controls.data(), records.data(), kCpus, kCapacity);
    etw::ByteReader in(std::as_bytes(std::span(data, size)));
    while (const auto step = in.read<uint8_t>("step")) {
        const uint32_t cpu = *step & 1;
        switch (*step >> 1 & 3) {
            case 0: {
                const auto record = in.take(sizeof(SwitchRecord), "record");
                if (!record) return 0;
                const uint64_t at = cpu * kCapacity + controls[cpu].head++ % kCapacity;
                std::memcpy(records.data() + at * sizeof(SwitchRecord), record->data(),
                            record->size());
                break;
            }
            case 1: {
                const auto head = in.read<uint64_t>("head");
                if (!head) return 0;
                controls[cpu].head = *head;
                break;
            }
            case 2:
                rings.read();
                break;
            case 3: {
                const auto until = in.read<int64_t>("until");
                if (!until) return 0;
                const uint64_t had = rings.count();
                uint64_t seen = 0;
                rings.for_each(*until, [&](const Switch& event) {
                    if (event.cpu >= kCpus || event.time > *until) std::abort();
                    return ++seen < 20;
                });
                if (had > kCpus * kCapacity || seen > had) std::abort();
                break;
            }
        }
    }
    return 0;
}
