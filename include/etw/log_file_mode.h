#pragma once
#include <cstdint>

namespace etw {

// EVENT_TRACE_* bits; values as on Windows and in the log file header.
enum LogFileMode : uint32_t {
    kModeSequential = 0x00000001,
    kModeCircular = 0x00000002,
    kModeAppend = 0x00000004,
    kModeNewFile = 0x00000008,
    kModePreallocate = 0x00000020,
    kModeNonStoppable = 0x00000040,
    kModeSecure = 0x00000080,
    kModeRealTime = 0x00000100,
    kModeBuffering = 0x00000400,
    kModePrivate = 0x00000800,
    kModeUseKilobytes = 0x00002000,
    kModeGlobalSequence = 0x00004000,
    kModeLocalSequence = 0x00008000,
    kModeDebugger = 0x00080000,              // Windows only, as the next two
    kModeStopOnHybridShutdown = 0x00400000,  // at most one of the two
    kModePersistOnHybridShutdown = 0x00800000,
    kModePagedMemory = 0x01000000,
    kModeSystemLogger = 0x02000000,
    kModeCompressed = 0x04000000,  // files of the relogger only
    kModeIndependent = 0x08000000,
    kModeNoPerProcessor = 0x10000000,
    kModeTriageDump = 0x80000000,  // Windows only
};

// What the time stamps of a log count.
enum class ClockType : uint32_t { kPerfCounter = 1, kSystemTime = 2, kCpuCycle = 3 };

}  // namespace etw
