// The numbers of a Perfetto trace: fields of its messages, and its tracks.
#pragma once
#include <cstddef>
#include <cstdint>

namespace etw::exports {

namespace trace {
constexpr uint32_t kPacket = 1;
}
namespace packet {
constexpr uint32_t kFtraceEvents = 1, kProcessTree = 2, kClockSnapshot = 6, kTimestamp = 8,
                   kSequenceId = 10, kTrackEvent = 11, kInternedData = 12, kSequenceFlags = 13,
                   kTrackDescriptor = 60;
constexpr uint32_t kStateCleared = 1, kNeedsState = 2;
}  // namespace packet
namespace clock {
constexpr uint32_t kClocks = 1, kPrimary = 2, kId = 1, kTime = 2;
constexpr uint32_t kRealTime = 1, kBootTime = 6;
}  // namespace clock
namespace track {
constexpr uint32_t kUuid = 1, kName = 2, kProcess = 3, kThread = 4, kParent = 5;
constexpr uint32_t kPid = 1, kProcessName = 6;
constexpr uint32_t kThreadPid = 1, kTid = 2, kThreadName = 5;
}  // namespace track
namespace event {
constexpr uint32_t kCategoryIid = 3, kAnnotation = 4, kType = 9, kNameIid = 10, kTrack = 11,
                   kCategory = 22, kName = 23;
}  // namespace event
namespace annotation {
constexpr uint32_t kNameIid = 1, kBool = 2, kUnsigned = 3, kSigned = 4, kReal = 5, kText = 6,
                   kPointer = 7, kName = 10, kMember = 11, kElement = 12;
}  // namespace annotation
namespace interned {
constexpr uint32_t kCategories = 1, kEventNames = 2, kAnnotationNames = 3, kIid = 1, kName = 2;
}  // namespace interned
namespace tree {
constexpr uint32_t kProcesses = 1, kThreads = 2;
constexpr uint32_t kPid = 1, kParent = 2, kCommandLine = 3;
constexpr uint32_t kTid = 1, kName = 2, kProcess = 3;
}  // namespace tree
namespace ftrace {
constexpr uint32_t kCpu = 1, kEvent = 2, kTime = 1, kThread = 2, kSwitch = 4, kWaking = 20;
constexpr uint32_t kPrevName = 1, kPrevThread = 2, kPrevPriority = 3, kPrevState = 4, kNextName = 5,
                   kNextThread = 6, kNextPriority = 7;
constexpr uint32_t kWakeName = 1, kWakeThread = 2, kWakePriority = 3, kWakeSuccess = 4,
                   kWakeCpu = 5;
}  // namespace ftrace

enum class TrackKind : uint64_t { kProcess = 1, kThread, kProcessor, kActivity };

inline uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}
inline uint64_t track_id(TrackKind kind, uint64_t a, uint64_t b) {
    return mix(mix(mix(uint64_t(kind)) + a) + b) | 1;  // 0 is the trace's own
}

inline uint64_t unsigned_time(int64_t time) { return time > 0 ? uint64_t(time) : 0; }

constexpr uint64_t kTraceTrack = 0;
constexpr size_t kMaxTracks = 1 << 20;  // beyond, events stand on the trace's own track

}  // namespace etw::exports
