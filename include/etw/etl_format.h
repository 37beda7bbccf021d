// Every struct of the .etl file format, little-endian, the same for 32- and 64-bit sessions unless
// a comment says otherwise. A file is a run of buffers; a buffer is a 72-byte header and records;
// the first buffer holds the log file header event. Offsets, evidence and what is still open:
// docs/etl-format.md.
#pragma once
#include "etw/guid.h"
#include "etw/log_file_mode.h"

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace etw::wire {

// --- buffers ---------------------------------------------------------------------------------

enum BufferFlag : uint16_t {
    kBufferFlushMarker = 0x01,  // on exactly the header buffer and the last buffer of a log
    kBufferEventsLost = 0x02,
    kBufferBufferLost = 0x04,
    kBufferProcessorIndex = 0x20,  // `processor` is an index (Windows 8 and later)
    kBufferCompressed = 0x40,
};

enum class BufferType : uint16_t { kGeneric = 0, kHeader = 4 };

constexpr uint32_t kBufferStateFlush = 3;
constexpr uint16_t kProcessorIndexMask = 0x07FF;

// First 72 bytes of every buffer. Source: WMI_BUFFER_HEADER of published type information; checked
// on 955 buffers of 49 files.
struct BufferHeader {
    uint32_t buffer_size;     // bytes to the next header; walk the file with it
    uint32_t saved_offset;    // filled bytes, header included; 0 in some header buffers
    uint32_t current_offset;  // reservation pointer at close: never a bound
    int32_t reference_count;  // 0 in every file
    int64_t time_stamp;       // session clock at flush, >= every record's time; FILETIME in merges
    int64_t sequence;         // 0 for the header buffer; rises per processor in file order
    uint64_t clock_bits;      // 0 or a stale pointer: ignore, write 0
    uint16_t processor;       // see processor_of()
    uint16_t logger_id;       // 1..63; 0 in relogged files
    uint32_t state;   // kBufferStateFlush; in a relogged header buffer the compression format
    uint32_t offset;  // filled bytes, header included: the field to trust
    uint16_t flags;   // BufferFlag
    uint16_t type;    // BufferType
    uint64_t unspecified[2];  // 0 or stale pointers: never print
};
static_assert(std::is_trivially_copyable_v<BufferHeader> &&
              std::is_standard_layout_v<BufferHeader>);
static_assert(sizeof(BufferHeader) == 0x48 && alignof(BufferHeader) == 8);
static_assert(offsetof(BufferHeader, time_stamp) == 0x10);
static_assert(offsetof(BufferHeader, processor) == 0x28);
static_assert(offsetof(BufferHeader, offset) == 0x30 && offsetof(BufferHeader, type) == 0x36);

// The processor a buffer belongs to. Before Windows 8 the high byte held the alignment.
constexpr uint16_t processor_of(const BufferHeader& h) {
    return uint16_t(h.processor &
                    ((h.flags & kBufferProcessorIndex) != 0 ? kProcessorIndexMask : 0xFF));
}

constexpr uint32_t kMinBufferSize = 4 * 1024;          // bytes, of a session we start
constexpr uint32_t kMaxBufferSize = 16 * 1024 * 1024;  // bytes
constexpr uint8_t kUnusedByte = 0xFF;                  // from the filled length to the buffer's end
constexpr uint32_t kMaxRecordSize = 65535;             // a record's size field is a u16

constexpr uint32_t align8(uint32_t n) { return (n + 7) & ~uint32_t{7}; }
constexpr size_t align8(size_t n) { return (n + 7) & ~size_t{7}; }

// --- records ---------------------------------------------------------------------------------

// Third byte of a record's first dword when its fourth is kMarkerEvent.
enum class HeaderType : uint8_t {
    kSystem32 = 0x01,
    kSystem64 = 0x02,
    kCompact32 = 0x03,
    kCompact64 = 0x04,
    kFull32 = 0x0A,
    kInstance32 = 0x0B,
    kError = 0x0D,
    kMessage = 0x0F,  // not stored: a message has kMarkerMessage instead
    kPerfInfo32 = 0x10,
    kPerfInfo64 = 0x11,
    kEvent32 = 0x12,
    kEvent64 = 0x13,
    kFull64 = 0x14,
    kInstance64 = 0x15,
};
constexpr uint8_t kMarkerEvent = 0xC0;
constexpr uint8_t kMarkerMessage = 0x90;

// SYSTEM_TRACE_HEADER; a compact record has only the first 24 bytes.
struct SystemHeader {
    uint16_t version;  // low byte: event version
    uint8_t header_type;
    uint8_t marker;    // kMarkerEvent
    uint16_t size;     // whole record, not rounded
    uint16_t hook_id;  // group << 8 | type
    uint32_t thread_id;
    uint32_t process_id;
    int64_t time_stamp;
    uint32_t kernel_time;  // timer ticks
    uint32_t user_time;
};
static_assert(sizeof(SystemHeader) == 32 && offsetof(SystemHeader, time_stamp) == 16);
constexpr size_t kCompactHeaderSize = 24;

// PERFINFO_TRACE_HEADER: no process and no thread.
struct PerfInfoHeader {
    uint8_t version;
    uint8_t flags;  // bits 0-2: u64 counters before the payload; bit 7: a u64 PEBS index first
    uint8_t header_type;
    uint8_t marker;
    uint16_t size;
    uint16_t hook_id;
    int64_t time_stamp;
};
static_assert(sizeof(PerfInfoHeader) == 16 && offsetof(PerfInfoHeader, time_stamp) == 8);

// EVENT_DESCRIPTOR.
struct EventDescriptor {
    uint16_t id = 0;
    uint8_t version = 0;
    uint8_t channel = 0;  // 11: TraceLogging
    uint8_t level = 0;
    uint8_t opcode = 0;
    uint16_t task = 0;
    uint64_t keyword = 0;
};
static_assert(sizeof(EventDescriptor) == 16 && offsetof(EventDescriptor, keyword) == 8);
constexpr uint8_t kChannelTraceLogging = 11;

// EVENT_HEADER: manifest, TraceLogging and EventSource events.
struct EventHeader {
    uint16_t size;
    uint8_t header_type;
    uint8_t marker;
    uint16_t flags;     // on disk 0 or kEventExtended
    uint16_t property;  // 0
    uint32_t thread_id;
    uint32_t process_id;
    int64_t time_stamp;
    Guid provider_id;
    EventDescriptor descriptor;
    uint32_t kernel_time;
    uint32_t user_time;
    Guid activity_id;
};
static_assert(sizeof(EventHeader) == 80 && offsetof(EventHeader, time_stamp) == 0x10);
static_assert(offsetof(EventHeader, provider_id) == 0x18 &&
              offsetof(EventHeader, descriptor) == 0x28);
static_assert(offsetof(EventHeader, kernel_time) == 0x38 &&
              offsetof(EventHeader, activity_id) == 0x40);
constexpr uint16_t kEventExtended = 0x0001;  // extended items follow the header

// EVENT_TRACE_HEADER: classic TraceEvent().
struct FullHeader {
    uint16_t size;
    uint8_t header_type;
    uint8_t marker;
    uint8_t opcode;
    uint8_t level;
    uint16_t version;
    uint32_t thread_id;
    uint32_t process_id;
    int64_t time_stamp;
    Guid event_class;
    uint32_t kernel_time;
    uint32_t user_time;
};
static_assert(sizeof(FullHeader) == 48 && offsetof(FullHeader, event_class) == 0x18);

// EVENT_INSTANCE_GUID_HEADER.
struct InstanceHeader {
    FullHeader full;
    uint32_t instance_id;
    uint32_t parent_instance_id;
    Guid parent_class;
};
static_assert(sizeof(InstanceHeader) == 72);

// MESSAGE_TRACE_HEADER (WPP). The items its flags name follow unaligned, in the flags' order:
// u32 sequence; u32 component or GUID (component wins); i64 time; u32 thread, u32 process.
struct MessageHeader {
    uint16_t size;
    uint8_t reserved;
    uint8_t marker;  // kMarkerMessage
    uint16_t number;
    uint16_t flags;  // MessageFlag
};
static_assert(sizeof(MessageHeader) == 8);
enum MessageFlag : uint16_t {
    kMessageSequence = 0x01,
    kMessageGuid = 0x02,
    kMessageComponent = 0x04,
    kMessageTime = 0x08,
    kMessagePerfTime = 0x10,  // space for a time is taken when either time flag is set
    kMessageSystemInfo = 0x20,
    kMessagePointer32 = 0x40,
    kMessagePointer64 = 0x80,
};

// Extended data items: header, data, zeros up to `size`, which is align8(8 + data_size).
struct ExtendedItem {
    uint16_t size;
    uint16_t type;     // ExtendedType
    uint16_t linkage;  // bit 0: another item follows
    uint16_t data_size;
};
static_assert(sizeof(ExtendedItem) == 8);
enum class ExtendedType : uint16_t {
    kRelatedActivityId = 1,
    kSid = 2,
    kTsId = 3,
    kInstanceInfo = 4,
    kStackTrace32 = 5,
    kStackTrace64 = 6,
    kPebsIndex = 7,
    kPmcCounters = 8,
    kPsmKey = 9,
    kEventKey = 10,
    kEventSchemaTl = 11,
    kProviderTraits = 12,
    kProcessStartKey = 13,
    kControlGuid = 14,
    kQpcDelta = 15,
    kContainerId = 16,
    kStackKey32 = 17,
    kStackKey64 = 18,
};

// --- log file header event -------------------------------------------------------------------

// SYSTEMTIME.
struct SystemTime {
    uint16_t year, month, day_of_week, day, hour, minute, second, milliseconds;
};
static_assert(sizeof(SystemTime) == 16);

// TIME_ZONE_INFORMATION.
struct TimeZone {
    int32_t bias;  // minutes; local = UTC - bias
    char16_t standard_name[32];
    SystemTime standard_date;
    int32_t standard_bias;
    char16_t daylight_name[32];
    SystemTime daylight_date;
    int32_t daylight_bias;
};
static_assert(sizeof(TimeZone) == 172);

// TRACE_LOGFILE_HEADER as a 64-bit session writes it (0x118 bytes, after a SystemHeader with hook
// id 0, version 2). Two NUL-terminated UTF-16 strings follow: session name and log file name.
// A 32-bit session's has 4-byte pointers (0x110 bytes).
struct LogFileHeader64 {
    uint32_t buffer_size;  // bytes, the session's, also in compressed files
    uint8_t os_major, os_minor, format_major, format_minor;
    uint32_t provider_version;  // OS build
    uint32_t processors;
    int64_t end_time;           // FILETIME; 0 until stop
    uint32_t timer_resolution;  // 100 ns units
    uint32_t max_file_size;     // MB, KB with the mode bit; 0 none
    uint32_t log_file_mode;
    uint32_t buffers_written;  // header buffer included; 0 until stop; never bound a walk by it
    uint32_t start_buffers;    // 1
    uint32_t pointer_size;     // 4 or 8
    uint32_t events_lost;      // patched at stop
    uint32_t cpu_mhz;
    uint64_t logger_name;    // 0, a clock source code, or a stale pointer
    uint64_t log_file_name;  // likewise
    TimeZone time_zone;
    uint32_t padding;
    int64_t boot_time;       // FILETIME
    int64_t perf_frequency;  // Hz of the performance counter
    int64_t start_time;      // FILETIME at the header event's time stamp
    uint32_t clock_type;     // ClockType; 0 in files of Vista and before
    uint32_t buffers_lost;
};
static_assert(sizeof(LogFileHeader64) == 0x118 && offsetof(LogFileHeader64, time_zone) == 0x48);
static_assert(offsetof(LogFileHeader64, end_time) == 0x10 &&
              offsetof(LogFileHeader64, buffers_written) == 0x24);
static_assert(offsetof(LogFileHeader64, boot_time) == 0xF8 &&
              offsetof(LogFileHeader64, clock_type) == 0x110 &&
              offsetof(LogFileHeader64, buffers_lost) == 0x114);
constexpr size_t kLogFileHeader32Size = 0x110;

}  // namespace etw::wire
