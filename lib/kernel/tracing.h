// What is recorded with kernel events: stacks, samples, counters.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace etw::kernel {

// What perf_event_open() counts or takes samples by.
struct Source {
    std::string name;
    uint16_t id = 0;      // in records
    uint32_t type = 1;    // perf_event_attr::type
    uint64_t config = 0;  // perf_event_attr::config

    friend bool operator==(const Source&, const Source&) = default;
};

// Kinds of events are hook ids.
struct Tracing {
    std::vector<uint16_t> stack_events;
    bool by_timer = true;  // samples are
    Source profile_source;
    uint32_t interval = 10'000;  // between samples: 100 ns of the timer, else its events
    std::vector<Source> counters;
    std::vector<uint16_t> counter_events;

    friend bool operator==(const Tracing&, const Tracing&) = default;
};

// Whether records of this kind come from events of this tracepoint, so that its stack is theirs.
bool feeds(const std::string& tracepoint, uint16_t hook) noexcept;

}  // namespace etw::kernel
