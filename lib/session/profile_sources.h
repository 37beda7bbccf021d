// What samples are taken by and what is counted, by the names of Windows where it has them, and
// what perf_event_open() calls it. Which of them a machine has is for its kernel to say.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace etw::session {

inline constexpr char kTimerSource[] = "Timer";

struct PerfSource {
    std::string_view name;
    uint16_t id;      // in records; below kOwnSources a number of Windows
    uint32_t type;    // perf_event_attr::type: 0 hardware, 1 software
    uint64_t config;  // perf_event_attr::config
};
constexpr uint16_t kOwnSources = 0x1000;

// Of the interval between samples, if nobody says: of Timer 1 ms, of others so many events.
constexpr uint32_t kTimerInterval = 10'000;  // 100 ns
constexpr uint32_t kEventInterval = 65'536;
// What -SetProfInt takes: of Timer 0.1 ms to 1 s.
constexpr uint32_t kMinTimerInterval = 1'000;
constexpr uint32_t kMaxTimerInterval = 10'000'000;

std::span<const PerfSource> perf_sources() noexcept;
// Without regard to case; null: there is none of that name.
const PerfSource* find_perf_source(std::string_view name) noexcept;

}  // namespace etw::session
