// What differs between the systems whose event tracing the tools control. Rules, command lines and
// displays are the same; what a system lacks is refused by name.
#pragma once
#include "etw/enable_property.h"
#include "etw/kernel_flags.h"
#include "etw/log_file_mode.h"

namespace etw::session {

struct System {
    enum class Kind : uint8_t { kLinux, kWindows };
    Kind kind;
    const char* name;
    const char* no_events;       // why a kernel event is refused, a clause behind its name
    uint32_t kernel_flags;       // KernelFlag: those whose events are to be had
    uint32_t log_file_modes;     // LogFileMode: those that only this system has
    uint32_t enable_properties;  // EnableProperty: those that have an effect
};

inline constexpr System kLinux{System::Kind::kLinux,
                               "Linux",
                               "Linux has no events of this kind, or they are not in this version",
                               kSupportedKernelFlags,
                               0,
                               kKnownProperties};

// Whatever stands in an enable property goes to the system, which may know more of them.
inline constexpr System kWindows{
    System::Kind::kWindows,
    "Windows",
    "the documents of Windows have no flag for events of this kind",
    kDocumentedKernelFlags,
    kModeDebugger | kModeStopOnHybridShutdown | kModePersistOnHybridShutdown | kModeTriageDump,
    ~uint32_t{0}};

}  // namespace etw::session
