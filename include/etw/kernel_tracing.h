// What a session with kernel events records beside them: stacks, samples, counters. What Windows
// sets with TraceSetInformation.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace etw::session {

constexpr uint32_t kMaxStackEvents = 256;  // kinds of events with stacks, or with counters
constexpr uint32_t kMaxCounters = 7;       // that a record's header can tell of

// How far apart samples are.
struct ProfileInterval {
    std::string source;     // ProfileSource::name
    uint32_t interval = 0;  // of Timer in units of 100 ns, of others how many of its events

    friend bool operator==(const ProfileInterval&, const ProfileInterval&) = default;
};

// Kinds of kernel events are hook ids: group << 8 | type, as in their records. Sources are named as
// profile_sources() of the backend has them, in any case.
struct KernelTracing {
    std::vector<uint16_t> stack_events;      // -stackwalk: have a stack
    std::string profile_source;              // -ProfileSource; empty: Timer
    std::vector<ProfileInterval> intervals;  // -SetProfInt
    std::vector<std::string> counters;       // -Pmc: sources that are counted...
    std::vector<uint16_t> counter_events;    // ...and the events whose records tell them

    friend bool operator==(const KernelTracing&, const KernelTracing&) = default;
};

// What samples can be taken by and what can be counted on this machine.
struct ProfileSource {
    std::string name;      // "Timer", "CacheMisses"
    uint32_t id = 0;       // in records; those of Windows where it has the source
    uint32_t minimum = 0;  // of the interval; 0: no sample can be taken by it
    uint32_t maximum = 0;

    friend bool operator==(const ProfileSource&, const ProfileSource&) = default;
};

}  // namespace etw::session
