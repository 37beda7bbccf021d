// Writes .etl files that are byte-compatible with Windows: header buffer, data buffers, final
// patching. The caller brings whole buffers of records; the writer gives each its header.
#pragma once
#include "base/file.h"
#include "etl/page_pieces.h"
#include "etw/bytes.h"
#include "etw/etl_format.h"

#include <span>
#include <string>

namespace etw::etl {

struct LogFileInfo {
    uint32_t buffer_size = 0;  // bytes
    uint32_t processors = 1;
    uint32_t log_file_mode = 0;  // as stored: real-time bit cleared
    uint32_t max_file_size = 0;  // as stored: MB, or KB with the mode bit
    uint16_t logger_id = 1;
    uint32_t process_id = 0, thread_id = 0;  // of the controller that started the session
    uint32_t cpu_mhz = 0;
    uint32_t timer_resolution = 0;  // 100 ns units
    wire::TimeZone time_zone{};
    ClockType clock = ClockType::kPerfCounter;
    int64_t perf_frequency = 0;  // Hz of the raw time stamps
    int64_t start_raw = 0;       // raw time stamp at start_time
    int64_t start_time = 0;      // FILETIME
    int64_t boot_time = 0;       // FILETIME
    std::string logger_name;     // UTF-8
    std::string log_file_name;
};

// One data buffer to write. The records are not copied, but for the pages at their ends where they
// go past the page cache; they are a whole number of 8-byte units and fit behind a buffer header.
struct BufferData {
    uint16_t cpu = 0;
    int64_t time_stamp = 0;  // raw, >= the last record's and >= the previous buffer's
    Bytes records;
};

// Lost is what did not get into this log.
struct LogTotals {
    uint32_t buffers_written = 0;  // header buffer included
    uint64_t events_lost = 0;
    uint64_t buffers_lost = 0;
    int64_t end_time = 0;  // FILETIME
};

// Where a log stands: everything a successor needs to go on with the same file after the writer's
// process was killed. A write that was under way is repeated from here, at the same offsets.
struct LogPosition {
    uint64_t next_offset = 0;          // bytes: where the next buffer goes
    int64_t sequence = 0;              // of the last data buffer
    uint32_t buffers_written = 0;      // header buffer included
    uint32_t wraps = 0;                // circular: how often the end was reached
    uint64_t last_offset = 0;          // of the newest data buffer, 0 if none: it gets the end mark
    uint64_t earlier_events_lost = 0;  // by the sessions that wrote what is appended to
    uint64_t earlier_buffers_lost = 0;
};
static_assert(std::is_trivially_copyable_v<LogPosition>);

// One log file. Does not own a policy: when a limit is reached it says so and the session decides.
class LogWriter {
public:
    // Writes the header buffer to an empty file; one that is preallocated counts as empty.
    // `limit_bytes` 0: none; circular logs wrap there. Names that do not fit the buffer are cut.
    // Fails with kInvalidParameter where no log fits the limit (a circular one takes 2 buffers).
    static Result<LogWriter> create(File file, const LogFileInfo& info, uint64_t limit_bytes);
    // The same in a file that may hold something else, which goes when nothing can fail any more: a
    // failure leaves the file as it was. `reserve`: bytes that are preallocated.
    static Result<LogWriter> replace(File file, const LogFileInfo& info, uint64_t limit_bytes,
                                     uint64_t reserve = 0);
    // Goes on with a log at a position that write() or create() left. What an interrupted write
    // left behind that position is removed.
    static Result<LogWriter> resume(File file, const LogFileInfo& info, uint64_t limit_bytes,
                                    const LogPosition& position);
    // Goes on with a finished log (-append). Fails with kInvalidParameter where buffer size,
    // processors or clock differ: also where the same kind of clock was started anew since, so that
    // its time stamps would mean other times. Circular logs cannot be appended to.
    static Result<LogWriter> append(File file, const LogFileInfo& info, uint64_t limit_bytes = 0);

    // A second way to the same file, whose writes go past the system's page cache and take whole
    // pages only. Once it has refused a write it is not used again.
    void set_direct(File direct) { direct_ = std::move(direct); }
    // Whether the next write() may go that way.
    bool has_direct() const noexcept { return bool(direct_); }

    // Writes the buffers in order, with as few system calls as it can. All or nothing: after a
    // failure the position is unchanged and the file ends where it did. kMoreData: the limit of a
    // sequential log leaves no room for all of them; as many as fit were written (see position()).
    // kInvalidParameter: a buffer's records do not fit or are no whole number of 8-byte units.
    // `direct`: past the page cache what can go there (see PagePieces::takes).
    Status write(std::span<const BufferData> buffers, bool direct = false);

    // Patches the header event and the end mark, and cuts off what was preallocated and not used.
    // The log stays open and can go on (circular logs and periodic checkpoints); call it last.
    Status finish(const LogTotals& totals);

    const LogPosition& position() const noexcept { return position_; }
    File& file() noexcept { return file_; }
    File release() && { return std::move(file_); }

private:
    LogWriter(File file, const LogFileInfo& info, uint64_t limit_bytes, const LogPosition& at);
    static Status begin(File& file, const LogFileInfo& info);
    bool circular() const noexcept;
    uint64_t end_of_data() const noexcept;                // bytes of the file that hold buffers
    uint64_t room(const LogPosition& at) const noexcept;  // buffers up to the limit or the wrap
    Status write_run(std::span<const BufferData> buffers, bool direct, LogPosition& at);
    Status write_cached(std::span<const BufferData> buffers,
                        std::span<const wire::BufferHeader> headers, uint64_t offset);
    Status write_direct(std::span<const BufferData> buffers,
                        std::span<const wire::BufferHeader> headers, uint64_t offset);
    Status set_end_mark(bool on);

    File file_;
    File direct_;
    PagePieces pages_;
    uint32_t buffer_size_;
    uint16_t logger_id_;
    uint32_t log_file_mode_;
    uint64_t limit_bytes_;
    LogPosition position_;
    bool end_marked_ = false;  // the newest buffer has the end mark
};

}  // namespace etw::etl
