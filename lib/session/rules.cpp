#include "session/rules.h"

#include "base/letter_case.h"
#include "etw/boot_session.h"
#include "etw/kernel_flags.h"
#include "etw/traced_processes.h"
#include "session/kernel_groups.h"
#include "session/kernel_hooks.h"
#include "session/profile_sources.h"

#include <algorithm>
#include <string_view>

namespace etw::session {
namespace {

constexpr std::string_view kNumber = "%d";
Failure refuse(Code code, std::string detail) { return {code, std::move(detail)}; }

// Two modes that no session can have together, by the options that set them.
struct Exclusion {
    uint32_t a;
    uint32_t b;
    const char* detail;
};

constexpr Exclusion kExclusions[] = {
    {kModeSequential, kModeCircular, "-seq and -cir exclude each other; give one of them"},
    {kModeSequential, kModeNewFile, "-seq and -newfile exclude each other; give one of them"},
    {kModeCircular, kModeNewFile, "-cir and -newfile exclude each other; give one of them"},
    {kModeAppend, kModeCircular, "-append needs a sequential log; leave out -cir"},
    {kModeAppend, kModeNewFile, "-append and -newfile exclude each other; give one of them"},
    {kModeAppend, kModeRealTime, "-append and -rt exclude each other; give one of them"},
    {kModeAppend, kModePrivate, "a private session cannot append; leave out -append or -um"},
    {kModePreallocate, kModeNewFile, "-prealloc and -newfile exclude each other; give one of them"},
    {kModePreallocate, kModePrivate,
     "a private session cannot preallocate; leave out -prealloc or -um"},
    {kModeNewFile, kModePrivate, "a private session has one file; leave out -newfile or -um"},
    {kModeRealTime, kModeBuffering, "-rt and -buffering exclude each other; give one of them"},
    {kModeRealTime, kModePrivate, "a private session has no consumers; leave out -rt or -um"},
    {kModeBuffering, kModePrivate,
     "a private session writes its log as it goes; leave out -buffering or -um"},
    {kModePagedMemory, kModePrivate,
     "a private session is always in paged memory; leave out -paged or -um"},
    {kModeSystemLogger, kModePrivate,
     "a private session records no kernel events; leave out -systemlogger or -um"},
    {kModeIndependent, kModePrivate,
     "a private session is always independent; leave out -independent or -um"},
    {kModeGlobalSequence, kModeLocalSequence, "-gs and -ls exclude each other; give one of them"},
    {kModeDebugger, kModePrivate, "a private session has no debugger; leave out -kd or -um"},
    {kModeStopOnHybridShutdown, kModePersistOnHybridShutdown,
     "-hybridshutdown is either stop or persist"},
    {kModePagedMemory, kModeSystemLogger,
     "a system logger cannot use paged memory; leave out -paged"},
};
constexpr uint32_t kFileModes = kModeSequential | kModeCircular | kModeAppend | kModeNewFile |
                                kModePreallocate | kModeUseKilobytes;

constexpr uint32_t kKnownModes = kFileModes | kModeNonStoppable | kModeSecure | kModeRealTime |
                                 kModeBuffering | kModePrivate | kModeGlobalSequence |
                                 kModeLocalSequence | kModePagedMemory | kModeSystemLogger |
                                 kModeIndependent | kModeNoPerProcessor | kModeReserved;

bool has(const Properties& p, uint32_t mode) { return (p.log_file_mode & mode) != 0; }

// Characters of a UTF-8 text: bytes that do not continue one.
size_t characters(const std::string& text) {
    return size_t(std::count_if(text.begin(), text.end(),
                                [](char c) { return (uint8_t(c) & 0xC0) != 0x80; }));
}

Outcome<Ok> check_name(const Properties& p) {
    const std::string& name = p.name;
    if (name.empty()) return refuse(Code::kInvalidParameter, "a session needs a name");
    // The byte bound keeps a run of continuation bytes from passing as one character.
    if (characters(name) > kMaxNameLength || name.size() > kMaxNameLength * 4) {
        return refuse(Code::kInvalidName, "a session name has at most 1024 characters");
    }
    if (std::any_of(name.begin(), name.end(), [](char c) { return uint8_t(c) < ' ' || c == 0x7F; }))
        return refuse(Code::kInvalidName, "a session name cannot contain control characters");
    // The boot starts that one, with a GUID that is its own; with kernel events it is the NT Kernel
    // Logger.
    const bool global = same_name(name, kGlobalLoggerName);
    const bool kernel = same_name(name, kKernelLoggerName);
    if (p.guid == kGlobalLoggerGuid ? !global && !kernel : global) {
        return refuse(Code::kInvalidParameter,
                      "name (in any spelling) and GUID of GlobalLogger are those of the session "
                      "that the boot starts; give the session others");
    }
    return Ok{};
}

Outcome<Ok> check_modes(const Properties& p, const System& system) {
    for (const Exclusion& pair : kExclusions) {
        if (has(p, pair.a) && has(p, pair.b)) return refuse(Code::kInvalidParameter, pair.detail);
    }
    if (has(p, kModeBuffering) && has(p, kFileModes)) {
        return refuse(Code::kInvalidParameter,
                      "a buffered session has no log file; leave out -buffering or -seq, -cir, "
                      "-append, -newfile, -prealloc and -kb");
    }
    if (has(p, kModeBuffering) && !p.log_file.empty()) {
        return refuse(Code::kInvalidParameter,
                      "a buffered session has no log file; leave out -buffering or -f");
    }
    if (has(p, kModeReserved) && !has(p, kModePrivate))
        return refuse(Code::kInvalidParameter, "-heap and -critsec go with -um");
    if ((p.log_file_mode & ~(kKnownModes | system.log_file_modes)) != 0)
        return refuse(Code::kInvalidParameter, "unknown log file mode");
    return Ok{};
}

Outcome<Ok> check_kernel_logger(const Properties& p) {
    constexpr std::pair<uint32_t, const char*> kExcluded[] = {
        {kModeGlobalSequence, "-gs"}, {kModeLocalSequence, "-ls"}, {kModeNewFile, "-newfile"},
        {kModePagedMemory, "-paged"}, {kModePrivate, "-um"},
    };
    for (const auto& [mode, option] : kExcluded) {
        if (!has(p, mode)) continue;
        return refuse(Code::kInvalidParameter,
                      std::string(option) +
                          " does not go with 'NT Kernel Logger'; leave it out or "
                          "record into a session of another name");
    }
    // GlobalLogger's: the boot's session with kernel flags, which answers to that name too.
    if (p.guid != Guid{} && p.guid != kSystemTraceControlGuid && p.guid != kGlobalLoggerGuid) {
        return refuse(Code::kInvalidParameter,
                      "'NT Kernel Logger' has a GUID of its own; leave out -sessionguid");
    }
    return Ok{};
}

Outcome<Ok> check_file(const Properties& p) {
    const std::string& file = p.log_file;
    if (file.empty()) {
        if (has(p, kModeNewFile)) {
            return refuse(Code::kInvalidName,
                          "-newfile needs a log file with %d in its name, as in -f trace%d.etl");
        }
        if (has(p, kModeAppend))
            return refuse(Code::kInvalidParameter, "-append needs the log file: give it with -f");
        if (!has(p, kModeRealTime | kModeBuffering))
            return refuse(Code::kBadPathname, "the session has no log file; give one with -f");
        return Ok{};
    }
    if (characters(file) > kMaxNameLength || file.size() > kMaxNameLength * 4)
        return refuse(Code::kInvalidName, "the path of a log file has at most 1024 characters");
    if (file.find('\0') != std::string::npos)
        return refuse(Code::kInvalidName, "the path of a log file cannot contain a zero byte");
    if (has(p, kModeNewFile)) {
        const size_t first = file.find(kNumber);
        const size_t slash = file.find_last_of("/\\");
        const bool in_name =
            first != std::string::npos && (slash == std::string::npos || first > slash);
        if (!in_name || file.find(kNumber, first + kNumber.size()) != std::string::npos) {
            return refuse(Code::kInvalidName,
                          "-newfile needs %d once in the name of the log file, not in a folder: "
                          "-f trace%d.etl");
        }
    }
    return Ok{};
}

Outcome<Ok> check_sizes(const Properties& p) {
    if (p.buffer_size_kb != 0 &&
        (p.buffer_size_kb < kMinBufferKb || p.buffer_size_kb > kMaxBufferKb)) {
        return refuse(Code::kInvalidParameter, "-b takes 4 to 16384 KB");
    }
    if (p.minimum_buffers > kMaxBuffers || p.maximum_buffers > kMaxBuffers)
        return refuse(Code::kInvalidParameter, "-min and -max take up to 1048576 buffers");
    if (p.maximum_file_size == 0) {
        if (has(p, kModeCircular | kModeNewFile)) {
            return refuse(Code::kInvalidParameter,
                          "-cir and -newfile need the size of the file: -cir 64");
        }
        if (has(p, kModePreallocate)) {
            return refuse(Code::kInvalidParameter,
                          "-prealloc needs the size of the file: add -seq or -cir with a number");
        }
        return Ok{};
    }
    // The first buffer of a file is its header: a file of one buffer would never hold an event.
    const uint64_t limit_kb =
        uint64_t(p.maximum_file_size) * (has(p, kModeUseKilobytes) ? 1 : 1024);
    const uint64_t buffer_kb = p.buffer_size_kb == 0 ? kDefaultBufferKb : p.buffer_size_kb;
    if (limit_kb < 2 * buffer_kb) {
        return refuse(Code::kInvalidParameter,
                      "the log file is too small for two buffers; raise its size (-seq, -cir, "
                      "-newfile) or lower -b");
    }
    return Ok{};
}

Outcome<Ok> check_executables(const std::vector<std::string>& names) {
    size_t bytes = names.empty() ? 0 : names.size() - 1;  // what parts them
    for (const std::string& name : names) {
        bytes += name.size();
        if (name.empty() || name.find_first_of(std::string_view("/;\0", 3)) != std::string::npos) {
            return refuse(Code::kInvalidParameter,
                          "-ExeFilter takes the base names of executables, parted by ;");
        }
    }
    if (bytes > kMaxFilterBytes) {
        return refuse(Code::kInvalidParameter,
                      "the names of -ExeFilter have at most 1024 bytes together");
    }
    return Ok{};
}

Outcome<Ok> check_hooks(const std::vector<uint16_t>& events, const char* option, bool counts,
                        const System& system) {
    if (events.size() > kMaxStackEvents)
        return refuse(Code::kInvalidParameter, std::string(option) + " takes at most 256 events");
    if (system.kind != System::Kind::kLinux) return Ok{};  // the system says what it lacks
    for (const uint16_t id : events) {
        const std::string name = kernel_hook_name(id);
        const auto hook = find_kernel_hook(name);
        if (hook && hook->on_linux && (hook->counts || !counts)) continue;
        const char* what = counts ? "counters could be read" : "stack could be taken";
        return refuse(Code::kNotSupported, std::string(option) + ": " + name +
                                               ": Linux has no place where such an event's " +
                                               what + "; -stackwalk Help lists those there are");
    }
    return Ok{};
}

Outcome<Ok> check_source(const std::string& name, const char* option, const System& system) {
    if (system.kind != System::Kind::kLinux || find_perf_source(name) != nullptr) return Ok{};
    return refuse(Code::kInvalidParameter, std::string(option) + ": '" + name +
                                               "' is no source; -ProfileSource Help lists them");
}

Outcome<Ok> check_ids(const std::optional<EventIdFilter>& filter, const char* option) {
    if (!filter || (!filter->ids.empty() && filter->ids.size() <= kMaxFilterIds)) return Ok{};
    return refuse(Code::kInvalidParameter, std::string(option) + " takes 1 to 64 event ids");
}

std::string name_of_flag(uint32_t flag) {
    for (const KernelGroup& group : kernel_groups()) {
        if (group.flags == flag) return std::string(group.name);
    }
    return "its flag";
}

}  // namespace

Outcome<Ok> check(const Properties& properties, const System& system) {
    ETW_CHECK(check_name(properties));
    ETW_CHECK(check_modes(properties, system));
    ETW_CHECK(check_file(properties));
    ETW_CHECK(check_sizes(properties));
    if (same_name(properties.name, kKernelLoggerName)) {
        ETW_CHECK(check_kernel_logger(properties));
    } else if (properties.guid == kSystemTraceControlGuid) {
        return refuse(Code::kInvalidParameter,
                      "this GUID is that of 'NT Kernel Logger'; give another with -sessionguid");
    }
    if (records_kernel(properties)) {
        ETW_CHECK(check_kernel_flags(properties.enable_flags, system));
        ETW_CHECK(check_kernel_tracing(properties.kernel, system));
    } else if (properties.kernel != KernelTracing{}) {
        return refuse(Code::kInvalidParameter,
                      "-stackwalk, -ProfileSource, -SetProfInt and -Pmc are for sessions with "
                      "kernel events; name those with -eflag, or record into 'NT Kernel Logger'");
    }
    if (properties.clock < ClockType::kPerfCounter || properties.clock > ClockType::kCpuCycle)
        return refuse(Code::kInvalidParameter, "unknown clock");
    if (properties.qpc_delta && system.kind != System::Kind::kWindows)
        return refuse(Code::kNotSupported, "-QpcDelta: containers have the clock of their host");
    // Counters start anew with the machine, so only wall clock times of two runs can share a file.
    if (has(properties, kModeAppend) && properties.clock != ClockType::kSystemTime) {
        return refuse(Code::kInvalidParameter,
                      "-append needs the system clock; give -UseSystemTime");
    }
    return Ok{};
}

Outcome<Ok> check(const UpdateRequest& update, const System& system) {
    const bool only_kernel = !update.log_file && !update.real_time && !update.maximum_buffers &&
                             !update.flush_timer_s && (update.enable_flags || update.kernel);
    if (same_name(update.name, kGlobalLoggerName) && !only_kernel) {
        return refuse(Code::kNotSupported,
                      "GlobalLogger cannot be changed while it runs, but for kernel options, which "
                      "turn it into NT Kernel Logger; tracelog -start GlobalLogger says what it is "
                      "from the next boot on");
    }
    if (update.kernel) return check_kernel_tracing(*update.kernel, system);
    return Ok{};
}

Outcome<Ok> check_kernel_flags(uint32_t flags, const System& system) {
    const uint32_t missing = flags & ~system.kernel_flags;
    if (missing == 0) return Ok{};
    if ((missing & kKernelRegistry) != 0) {
        return refuse(Code::kNotSupported,
                      "REGISTRY: there is no registry; changes of files are seen with fanotify");
    }
    std::string names;
    for (const KernelGroup& group : kernel_groups()) {
        if ((missing & group.flags) == 0 || (group.flags & (group.flags - 1)) != 0) continue;
        names += (names.empty() ? "" : ", ") + std::string(group.name);
    }
    return refuse(Code::kNotSupported, (names.empty() ? std::string("some of the flags") : names) +
                                           ": " + system.no_events +
                                           "; -eflag Help lists those there are");
}

Outcome<Ok> check_kernel_tracing(const KernelTracing& tracing, const System& system) {
    ETW_CHECK(check_hooks(tracing.stack_events, "-stackwalk", false, system));
    ETW_CHECK(check_hooks(tracing.counter_events, "-Pmc", true, system));
    if (!tracing.profile_source.empty())
        ETW_CHECK(check_source(tracing.profile_source, "-ProfileSource", system));
    for (const ProfileInterval& interval : tracing.intervals) {
        ETW_CHECK(check_source(interval.source, "-SetProfInt", system));
        if (interval.interval == 0)
            return refuse(Code::kInvalidParameter, "-SetProfInt: an interval of 0 takes no sample");
        const bool timer = same_name(interval.source, kTimerSource);
        if (timer &&
            (interval.interval < kMinTimerInterval || interval.interval > kMaxTimerInterval)) {
            return refuse(Code::kInvalidParameter,
                          "-SetProfInt: samples of Timer are 1000 to 10000000 units of 100 ns "
                          "apart: 0.1 ms to 1 s");
        }
    }
    for (const std::string& counter : tracing.counters)
        ETW_CHECK(check_source(counter, "-Pmc", system));
    if (tracing.counters.size() > kMaxCounters)
        return refuse(Code::kInvalidParameter, "-Pmc counts 7 sources at most");
    if (tracing.counters.empty() != tracing.counter_events.empty())
        return refuse(Code::kInvalidParameter, "-Pmc needs counters and events");
    return Ok{};
}

bool records_kernel(const Properties& p) {
    return has(p, kModeSystemLogger) || same_name(p.name, kKernelLoggerName);
}

std::vector<std::string> ineffective(const Properties& p) {
    std::vector<std::string> out;
    const auto none = [&out](const std::string& option, const std::string& why) {
        out.push_back(option + " has no effect: " + why);
    };
    const auto unless_recorded = [&](const char* option, const std::vector<uint16_t>& events) {
        for (const uint16_t event : events) {
            const uint32_t flag = kernel_hook_flag(event);
            if (flag == 0 || (p.enable_flags & flag) != 0) continue;
            none(std::string(option) + " " + kernel_hook_name(event),
                 "no such event is recorded without " + name_of_flag(flag) + "; add it to -eflag");
        }
    };
    unless_recorded("-stackwalk", p.kernel.stack_events);
    unless_recorded("-Pmc", p.kernel.counter_events);
    if ((p.enable_flags & kKernelProfile) == 0) {
        constexpr char kWhy[] = "no samples are taken without PROFILE; add it to -eflag";
        if (!p.kernel.profile_source.empty()) none("-ProfileSource", kWhy);
        if (!p.kernel.intervals.empty()) none("-SetProfInt", kWhy);
    }
    if (has(p, kModeBuffering)) {
        constexpr char kWhy[] = "a buffered session writes nothing by itself; save it with -flush";
        if (p.maximum_buffers != 0) none("-max", "a buffered session has the buffers of -min");
        if (p.flush_timer_s != 0) none("-ft", kWhy);
        if (p.flush_threshold != 0) none("-bt", kWhy);
        return out;
    }
    if (p.log_file.empty()) {
        constexpr char kWhy[] = "a real-time session without -f has no log file";
        if (has(p, kModeSequential)) none("-seq", kWhy);
        if (has(p, kModeCircular)) none("-cir", kWhy);
        if (has(p, kModePreallocate)) none("-prealloc", kWhy);
        if (has(p, kModeUseKilobytes)) none("-kb", kWhy);
    } else if (has(p, kModeUseKilobytes) && p.maximum_file_size == 0) {
        none("-kb", "neither -seq, -cir nor -newfile gives a size");
    }
    return out;
}

Outcome<Ok> check(const ProviderEnable& enable) {
    if (enable.guid == Guid{}) return refuse(Code::kInvalidParameter, "a provider needs a GUID");
    if (enable.guid == kSystemTraceControlGuid) {
        return refuse(Code::kInvalidParameter,
                      "this GUID is that of the kernel's events, which no other session records");
    }
    if (enable.guid == kHeapGuid || enable.guid == kCritSecGuid) {
        if (enable.pids.size() > kMaxTracedPids)
            return refuse(Code::kInvalidParameter, "-pids takes at most 10 process ids");
    } else if (enable.pids.size() > kMaxFilterPids) {
        return refuse(Code::kInvalidParameter, "-PidFilter takes at most 8 process ids");
    }
    if (std::find(enable.pids.begin(), enable.pids.end(), 0u) != enable.pids.end()) {
        return refuse(Code::kInvalidParameter, "-PidFilter: no process has the id 0");
    }
    ETW_CHECK(check_executables(enable.exe_names));
    if (enable.package_ids.size() > kMaxFilterBytes ||
        enable.package_app_ids.size() > kMaxFilterBytes) {
        return refuse(Code::kInvalidParameter,
                      "-PkgIdFilter and -PkgAppIdFilter take at most 1024 bytes each");
    }
    ETW_CHECK(check_ids(enable.event_ids, "-EventIdFilter"));
    return check_ids(enable.stack_walk_ids, "-StackWalkFilter");
}

std::vector<std::string> ineffective(const ProviderEnable& enable, const System& system) {
    std::vector<std::string> out;
    if ((enable.enable_property & ~system.enable_properties) != 0) {
        out.push_back(
            "-enableproperty: bits other than 0x397 have no counterpart here and no effect");
    }
    if (enable.stack_walk_ids && (enable.enable_property & kPropertyStackTrace) == 0) {
        out.push_back("-StackWalkFilter has no effect without stacks; give -enableproperty 0x4");
    }
    if (enable.match_all_keyword != 0 && enable.match_any_keyword == 0) {
        out.push_back(
            "-matchallkw has no effect without -matchanykw: keyword 0 lets every event pass");
    }
    return out;
}

Properties apply_defaults(Properties p, uint32_t cpus) {
    constexpr uint32_t kPageKb = 4;
    constexpr uint32_t kDefaultMinimum = 4;
    constexpr uint32_t kDefaultSpare = 60;
    if (p.guid == Guid{} && same_name(p.name, kKernelLoggerName)) p.guid = kSystemTraceControlGuid;
    if (p.buffer_size_kb == 0) p.buffer_size_kb = kDefaultBufferKb;
    p.buffer_size_kb = (p.buffer_size_kb + kPageKb - 1) / kPageKb * kPageKb;
    if (p.minimum_buffers == 0) p.minimum_buffers = kDefaultMinimum;
    const uint32_t streams = has(p, kModeNoPerProcessor) ? 1 : cpus;
    p.minimum_buffers = std::max(p.minimum_buffers, 2 * streams);
    // A buffered session has the buffers that it starts with.
    if (has(p, kModeBuffering)) p.maximum_buffers = p.minimum_buffers;
    if (p.maximum_buffers == 0) p.maximum_buffers = p.minimum_buffers + kDefaultSpare;
    p.maximum_buffers = std::max(p.maximum_buffers, p.minimum_buffers);
    if (has(p, kModeRealTime) && p.flush_timer_s == 0) p.flush_timer_s = 1;
    return p;
}

uint32_t blocks_per_cpu(const Properties& properties, uint32_t cpus) {
    cpus = std::max(1u, cpus);
    if (has(properties, kModeBuffering)) {
        // What writers have or are about to enter is none of what can be saved for sure.
        constexpr uint32_t kInUse = 1;
        return (properties.minimum_buffers + cpus - 1) / cpus + kInUse;
    }
    return std::max(2u, properties.maximum_buffers / cpus);
}

std::string numbered_log_file(const std::string& pattern, uint32_t number) {
    std::string file = pattern;
    if (const size_t at = file.rfind(kNumber); at != std::string::npos)
        file.replace(at, kNumber.size(), std::to_string(number));
    return file;
}

}  // namespace etw::session
