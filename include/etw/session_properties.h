// The session model: what a session is asked to be and what it has become. The same for both
// backends; field names and meanings are those of EVENT_TRACE_PROPERTIES.
#pragma once
#include "etw/enable_property.h"
#include "etw/guid.h"
#include "etw/kernel_tracing.h"
#include "etw/log_file_mode.h"
#include "etw/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace etw::session {

constexpr uint32_t kMaxNameLength = 1024;  // characters, of session and file names
constexpr uint32_t kMaxSessions = 64;
constexpr uint32_t kMaxSessionsPerProvider = 8;
constexpr uint32_t kMaxSystemLoggers = 8;  // sessions with kernel events
constexpr uint32_t kMinBufferKb = 4;
constexpr uint32_t kMaxBufferKb = 16384;
inline constexpr char kKernelLoggerName[] = "NT Kernel Logger";

// What a controller may ask of a session. 0 or empty means "not set": apply_defaults() fills it in.
struct Properties {
    std::string name;                // unique without regard to case
    Guid guid;                       // zero: the host makes one
    uint32_t log_file_mode = 0;      // LogFileMode
    uint32_t buffer_size_kb = 0;     // kMinBufferKb..kMaxBufferKb
    uint32_t minimum_buffers = 0;    // over all processors
    uint32_t maximum_buffers = 0;    // over all processors, >= minimum_buffers
    uint32_t maximum_file_size = 0;  // MB, KB with kModeUseKilobytes; 0: no limit
    uint32_t flush_timer_s = 0;      // 0: only full buffers are written
    uint32_t flush_threshold = 0;    // full buffers that are waited for before any is written
    uint32_t enable_flags = 0;       // kernel classes; for other sessions what -flag said
    ClockType clock = ClockType::kPerfCounter;
    bool qpc_delta = false;  // Windows only: events tell how clocks of host and container differ
    std::string log_file;    // absolute path; empty: no file
    uint32_t owner_pid = 0;  // the session stops when this process ends; 0: it has no owner
    uint32_t ttl_s = 0;      // it stops this long after its start; 0: it does not
    KernelTracing kernel;    // of a session with kernel events

    friend bool operator==(const Properties&, const Properties&) = default;
};

// Picks events by their ids (EVENT_FILTER_EVENT_ID). Self-describing events pass: they have none.
struct EventIdFilter {
    bool exclude = false;  // the ids are those to leave out
    std::vector<uint16_t> ids;

    friend bool operator==(const EventIdFilter&, const EventIdFilter&) = default;
};

constexpr uint32_t kMaxFilterPids = 8;
constexpr uint32_t kMaxFilterIds = 64;
constexpr uint32_t kMaxFilterBytes = 1024;  // of the names of executables and what parts them

// One provider of a session and what it may write (ENABLE_TRACE_PARAMETERS and the call's values).
struct ProviderEnable {
    Guid guid;
    uint8_t level = 0;
    uint64_t match_any_keyword = 0;
    uint64_t match_all_keyword = 0;
    uint32_t enable_property = 0;
    Guid source_id;
    // Filters at the source; a new enable replaces them all, and empty ones let everything pass.
    std::vector<uint32_t> pids;          // at most kMaxFilterPids, that run at the time of the call
    std::vector<std::string> exe_names;  // base names of executables, at most kMaxFilterBytes
    // Windows only: names parted by ; of the packages, and of the apps in them, that may write.
    std::string package_ids = {}, package_app_ids = {};
    std::optional<EventIdFilter> event_ids;       // which events are written
    std::optional<EventIdFilter> stack_walk_ids;  // which have a stack (with enable property 0x4)
    std::string name = {};  // with kUsdtPrefix or kTracepointPrefix; of others empty

    friend bool operator==(const ProviderEnable&, const ProviderEnable&) = default;
};

// What one process has recorded of a private session.
struct PrivateProcess {
    uint32_t pid = 0;  // 0: processes that are gone, too many to list
    bool running = false;
    std::string log_file;
    uint32_t buffers_written = 0;
    uint32_t log_buffers_lost = 0;
    uint64_t events_lost = 0;
    uint64_t recorded_bytes = 0;
    uint64_t log_file_size = 0;  // bytes

    friend bool operator==(const PrivateProcess&, const PrivateProcess&) = default;
};

// A session as it is (or, from stop, as it was at its end). Of a private session the counts are
// sums over its processes.
struct SessionStatus {
    Properties properties;  // with defaults applied and what was raised or rounded
    uint32_t logger_id = 0;
    uint64_t logger_thread_id = 0;
    uint32_t number_of_buffers = 0;
    uint32_t free_buffers = 0;
    uint32_t buffers_written = 0;  // header buffer included
    uint64_t events_lost = 0;
    uint32_t log_buffers_lost = 0;
    uint32_t real_time_buffers_lost = 0;
    uint32_t real_time_consumers = 0;
    uint64_t events_seen_bytes = 0;  // of records drained so far; 0: nothing was recorded
    uint32_t owner_uid = 0;
    int64_t start_time = 0;      // FILETIME
    uint64_t log_file_size = 0;  // bytes
    // For how long the log's file system has left a call without an answer; 0: it answers.
    uint32_t log_unanswered_s = 0;
    std::vector<ProviderEnable> providers;
    std::vector<PrivateProcess> processes;  // of a private session

    friend bool operator==(const SessionStatus&, const SessionStatus&) = default;
};

struct StartRequest {
    Properties properties;
    std::vector<ProviderEnable> providers;  // enabled as part of the start
};

// Only what is set changes.
struct UpdateRequest {
    std::string name;
    std::optional<std::string> log_file;  // absolute path
    std::optional<bool> real_time;
    std::optional<uint32_t> maximum_buffers;
    std::optional<uint32_t> flush_timer_s;
    std::optional<uint32_t> enable_flags;
    std::optional<KernelTracing> kernel = {};  // as a whole

    friend bool operator==(const UpdateRequest&, const UpdateRequest&) = default;
};

// All that may be asked of a private session while it runs.
struct PrivateRequest {
    enum class Action : uint32_t { kQuery = 1, kFlush, kUpdate, kStop };
    Action action = Action::kQuery;
    std::string name;
    std::vector<Guid> providers;          // where given, those of the session are meant
    std::optional<std::string> log_file;  // kUpdate: absolute path
    uint32_t flush_timer_s = 0;           // kUpdate; 0: as it was
};

struct FlushRequest {
    std::string name;
    // Absolute path: what the buffers of a buffered session hold goes to this file, once. Other
    // sessions ignore it.
    std::optional<std::string> snapshot_file;
};

// For what a session host that is gone has left behind.
struct RecoverRequest {
    std::string name;    // of the session; empty: all there are
    std::string folder;  // absolute path: only of the host with this runtime folder; empty: any
    std::string file;    // absolute path; empty: one in the current folder, named for the session
};

// What became of one session that was found.
struct RecoveredLog {
    Code code = Code::kOk;
    std::string file;
    std::string session;
    uint64_t bytes = 0;    // of records
    uint32_t buffers = 0;  // 0: nothing was left, and no file was made
    std::string detail;    // what is wrong

    friend bool operator==(const RecoveredLog&, const RecoveredLog&) = default;
};

// For enable, disable and capture state. Every provider is tried; see EnableResult.
struct EnableRequest {
    std::string name;
    std::vector<ProviderEnable> providers;  // disable: only the guid counts
    uint32_t timeout_ms = 0;                // 0: do not wait; else for each provider in turn
};

struct EnableResult {
    SessionStatus status;
    std::vector<Code> codes;  // one for each provider of the request, in its order

    friend bool operator==(const EnableResult&, const EnableResult&) = default;
};

// A running program that the host has turned away: its provider library is of another version.
struct RefusedProgram {
    uint32_t pid = 0;
    std::string executable;  // base name; empty: the host may not see it
    uint32_t version = 0;    // of the protocol between programs and hosts, as it speaks it
    uint32_t host_version = 0;

    friend bool operator==(const RefusedProgram&, const RefusedProgram&) = default;
};

// A provider that at least one process has registered, or one whose events the system itself has.
struct RegisteredProvider {
    struct Enabled {
        uint32_t logger_id = 0;
        ProviderEnable how;
        friend bool operator==(const Enabled&, const Enabled&) = default;
    };
    // One process that has it registered.
    struct Instance {
        uint32_t pid = 0;                  // 0: of a pid namespace that the host does not see
        uint32_t uid = 0;                  // its user
        bool by_socket = false;            // its events come by socket, not through rings
        std::string executable;            // base name; empty: the host may not see it
        std::vector<uint32_t> logger_ids;  // of `sessions`, those that enabled it here, ascending
        friend bool operator==(const Instance&, const Instance&) = default;
    };
    // Of one whose events are known before they come: the kernel's and those of probes.
    struct Event {
        std::string name;
        uint8_t level = 0;
        uint64_t keyword = 0;
        friend bool operator==(const Event&, const Event&) = default;
    };
    Guid guid;
    std::string name;                 // from its traits; may be empty
    std::vector<uint32_t> pids;       // processes that registered it, ascending
    std::vector<Enabled> sessions;    // that have it enabled, by logger id
    std::vector<Instance> instances;  // by pid; filters may leave some out of a session
    std::vector<Event> events = {};   // empty where a program has registered it

    friend bool operator==(const RegisteredProvider&, const RegisteredProvider&) = default;
};

}  // namespace etw::session
