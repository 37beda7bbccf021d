// The sessions that a boot starts: GlobalLogger and the AutoLoggers. Windows keeps what they are to
// be in its registry; the names of its values are in session/boot_config.h.
#pragma once
#include "etw/session_properties.h"

namespace etw::session {

inline constexpr char kGlobalLoggerName[] = "GlobalLogger";
constexpr Guid kGlobalLoggerGuid{
    0xe8908abc, 0xaa84, 0x11d2, {0x9a, 0x93, 0x00, 0x80, 0x5f, 0x85, 0xd7, 0xc6}};

constexpr uint32_t kMaxLogInstances = 16;  // of an AutoLogger
constexpr size_t kMaxBootNameBytes = 240;  // an AutoLogger's name is the name of a file, too
constexpr uint32_t kMaxKernelFlagWords = 8;

// One provider that the boot enables.
struct BootProvider {
    ProviderEnable how;         // without filters; match_any_keyword is that of -matchanykw
    uint32_t enable_flags = 0;  // of -flag; counts where match_any_keyword is 0
    bool enabled = true;        // false: it stands in the configuration and is left out

    friend bool operator==(const BootProvider&, const BootProvider&) = default;
};

// What the configuration says of one session. boot_defaults() fills in what it leaves out.
struct BootSession {
    Properties properties;  // the log file without the number of file_max
    std::vector<BootProvider> providers;
    bool start = false;                  // at the next boot, and at each one after
    std::optional<uint32_t> file_max;    // logs get .0001, .0002 ... up to this one; 0: no end
    uint32_t file_counter = 0;           // of the newest log; 0: of none, or of the last of all
    std::vector<uint32_t> kernel_flags;  // GlobalLogger: it is the NT Kernel Logger then
    bool disable_realtime_persistence = false;
    bool boot = false;
    std::optional<uint32_t> status;  // Win32 code that the last boot's start ended with

    friend bool operator==(const BootSession&, const BootSession&) = default;
};

// What stands in the configuration now, and where that is.
struct BootConfiguration {
    BootSession session;
    std::string file;     // Windows: the key of the registry
    std::string starter;  // what the boot starts it by, a clause for people; empty: by itself
};

}  // namespace etw::session
