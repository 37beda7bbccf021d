// What a session that was started with -um and -heap or -critsec records of processes that need not
// know of it: a private session with kModeReserved, whose one provider is kHeapGuid or kCritSecGuid
// with the ids of the processes as its filter.
#pragma once
#include "etw/guid.h"

#include <cstdint>

namespace etw {

constexpr uint32_t kModeReserved = 0x00100000;  // of LogFileMode, as on Windows

}  // namespace etw

namespace etw::session {

constexpr Guid kHeapGuid{
    0x222962ab, 0x6180, 0x4b88, {0xa8, 0x25, 0x34, 0x6b, 0x75, 0xf2, 0xa2, 0x4a}};
constexpr Guid kCritSecGuid{
    0x3ac66736, 0xcc59, 0x4cff, {0x81, 0x15, 0x8d, 0xf5, 0x0e, 0x39, 0x81, 0x6b}};
constexpr uint32_t kMaxTracedPids = 10;  // in place of kMaxFilterPids

}  // namespace etw::session
