// Which events are asked of perf_event_open(), and how.
#pragma once
#include "kernel/holder.h"
#include "kernel/perf/perf_ring.h"
#include "kernel/perf/perf_sample.h"
#include "kernel/tracing.h"

#include <vector>

namespace etw::kernel {

// The rings of one event, by CPU, and the counters that are read with it.
struct PerfLane {
    PerfForm form;
    std::vector<PerfRing> rings;
    std::vector<UniqueFd> counters;
    std::vector<UniqueFd> programs;  // that put out its events, and their map

    void hold(Holder& holder, const std::string& what) const;
    // What a predecessor had held under this name.
    static Result<PerfLane> adopt(Holder& holder, const std::string& what, uint32_t cpus,
                                  const PerfForm& form);
    void give_back() noexcept;
    // What the kernel had no room for since the last call.
    uint64_t take_lost();
};

// Mappings of files, and code that the kernel makes;
// `data`: also of mappings that are not to run.
Result<std::vector<PerfRing>> open_maps(uint32_t cpus, bool data);
// Samples of what runs. `form`: with what.
Result<PerfLane> open_samples(uint32_t cpus, const Tracing& tracing, const PerfForm& form);
// What comes with the events of tracepoints.
PerfForm form_of(const Tracing& tracing);
// The events of tracepoint `id` that pass `filter`. `pages` of each ring, a power of two.
Result<PerfLane> open_tracepoint(uint32_t cpus, uint16_t id, const std::string& filter,
                                 const Tracing& tracing, uint32_t pages);
// What programs put out that have the rings' descriptors in a map.
Result<PerfLane> open_output(uint32_t cpus, const PerfForm& form, const Tracing& tracing,
                             uint32_t pages);

// Whether this machine can count by it. Fails with kNotSupported, or kAccessDenied.
Status check_source(const Source& source);

}  // namespace etw::kernel
