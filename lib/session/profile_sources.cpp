#include "session/profile_sources.h"

#include "base/letter_case.h"

namespace etw::session {
namespace {

constexpr uint32_t kHardware = 0;
constexpr uint32_t kSoftware = 1;

// Numbers of linux/perf_event.h, which are part of the kernel's interface.
constexpr PerfSource kSources[] = {
    {kTimerSource, 0, kSoftware, 0},             // cpu-clock
    {"TotalIssues", 2, kHardware, 1},            // instructions
    {"BranchInstructions", 6, kHardware, 4},     // branches
    {"CacheMisses", 10, kHardware, 3},           // cache-misses
    {"BranchMispredictions", 11, kHardware, 5},  // branch-misses
    {"TotalCycles", 19, kHardware, 0},           // cycles
    {"CacheReferences", kOwnSources, kHardware, 2},
    {"ReferenceCycles", kOwnSources + 1, kHardware, 9},
    {"PageFaults", kOwnSources + 16, kSoftware, 2},
    {"ContextSwitches", kOwnSources + 17, kSoftware, 3},
    {"CpuMigrations", kOwnSources + 18, kSoftware, 4},
    {"MinorFaults", kOwnSources + 19, kSoftware, 5},
    {"MajorFaults", kOwnSources + 20, kSoftware, 6},
    {"AlignmentFaults", kOwnSources + 21, kSoftware, 7},
};

}  // namespace

std::span<const PerfSource> perf_sources() noexcept { return kSources; }

const PerfSource* find_perf_source(std::string_view name) noexcept {
    for (const PerfSource& source : kSources) {
        if (same_name(source.name, name)) return &source;
    }
    return nullptr;
}

}  // namespace etw::session
