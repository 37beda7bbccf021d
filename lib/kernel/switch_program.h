// Has a program of ours in the kernel (BPF) record context switches, at a fraction of what an event
// of tracefs costs.
#pragma once
#include "kernel/bpf_probe.h"
#include "kernel/switch_ring.h"

#include <cstddef>
#include <memory>
#include <vector>

namespace etw::kernel {

class SwitchWatch {
public:
    // From now on. Fails with kNotSupported where the kernel has no type information, or the
    // counter cannot be read by a program to the tick; with what the kernel says where it refuses.
    static Result<SwitchWatch> open(uint32_t cpus, const CounterSource& counter);

    // Ready each time that a part of a ring has been filled.
    std::vector<int> fds() const { return probe_.fds(); }
    // Sees what was recorded up to now.
    void read();
    SwitchRings& rings() noexcept { return rings_; }
    const SwitchRings& rings() const noexcept { return rings_; }
    // Records no more; what was recorded is still to be read.
    void stop();

private:
    struct Unmap {
        size_t size = 0;
        void operator()(std::byte* memory) const noexcept;
    };
    using Mapping = std::unique_ptr<std::byte, Unmap>;
    static Result<Mapping> map_values(const UniqueFd& map, size_t size);

    SwitchWatch(BpfProbe probe, Mapping controls, Mapping records, uint32_t cpus,
                uint64_t capacity);

    BpfProbe probe_;
    Mapping controls_;
    Mapping records_;
    SwitchRings rings_;
    bool records_more_ = true;
};

}  // namespace etw::kernel
