// Has a program of ours in the kernel (BPF) record context switches, at a fraction of what an event
// of tracefs costs.
#pragma once
#include "base/mapping.h"
#include "kernel/programs/bpf_probe.h"
#include "kernel/programs/switch_ring.h"

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

namespace etw::kernel {

// What a watch is made of. As long as any process has them all open, the program records.
enum SwitchPart : size_t { kControls, kRecords, kCounts, kWakes, kLink, kSwitchParts };
using SwitchDescriptors = std::array<UniqueFd, kSwitchParts>;

class SwitchWatch {
public:
    // From now on. Fails with kNotSupported where the kernel has no type information, or the
    // counter cannot be read by a program to the tick; with what the kernel says where it refuses.
    static Result<SwitchWatch> open(uint32_t cpus, const CounterSource& counter);
    // Has it record on when this process is killed. Under one name: a session has one watch.
    void hold(Holder& holder) const;
    static void let_go(Holder& holder);
    // The watch of a predecessor, which has recorded on; its rings are to go_on().
    static Result<SwitchWatch> adopt(Holder& holder, uint32_t cpus, const CounterSource& counter);
    bool is_new() const noexcept { return is_new_; }

    // Ready each time that a part of a ring has been filled.
    std::vector<int> fds() const { return probe_.fds(); }
    // Sees what was recorded up to now.
    void read();
    SwitchRings& rings() noexcept { return rings_; }
    const SwitchRings& rings() const noexcept { return rings_; }

private:
    SwitchWatch(SwitchDescriptors parts, BpfProbe probe, Mapping controls, Mapping records,
                uint32_t cpus, uint64_t capacity);

    SwitchDescriptors parts_;  // but for kWakes, which the probe has
    BpfProbe probe_;
    Mapping controls_;
    Mapping records_;
    SwitchRings rings_;
    bool is_new_ = true;
};

}  // namespace etw::kernel
