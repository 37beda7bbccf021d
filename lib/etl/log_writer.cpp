#include "etl/log_writer.h"

#include "base/clear_range.h"
#include "etl/log_header.h"
#include "etl/log_layout.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace etw::etl {
namespace {

using wire::BufferHeader;
using wire::LogFileHeader64;

bool sizes_valid(const LogFileInfo& info, uint64_t limit_bytes) {
    if (info.buffer_size < wire::kMinBufferSize || info.buffer_size > wire::kMaxBufferSize) {
        return false;
    }
    const bool circular = (info.log_file_mode & kModeCircular) != 0;
    if (circular) return limit_bytes >= uint64_t{info.buffer_size} * 2;
    return limit_bytes == 0 || limit_bytes >= info.buffer_size;
}

// Whether the time stamps of a session that starts now continue those of the log.
bool same_clock(const LogHeader& log, const LogFileInfo& info) {
    constexpr int64_t kTolerance = 10 * 10'000'000;  // 100 ns units: the wall clock may be adjusted
    if (log.fixed.clock_type != uint32_t(info.clock)) return false;
    if (info.clock == ClockType::kPerfCounter && log.fixed.perf_frequency != info.perf_frequency) {
        return false;
    }
    if (info.clock == ClockType::kCpuCycle && log.fixed.cpu_mhz != info.cpu_mhz) return false;
    const int64_t start = TimeConverter(log).to_filetime(info.start_raw);
    return start >= info.start_time - kTolerance && start <= info.start_time + kTolerance;
}

Status check_appendable(const LogHeader& log, const LogFileInfo& info) {
    const auto& fixed = log.fixed;
    constexpr uint32_t kOtherLayout = kModeCircular | kModeCompressed;
    if (!log.is_64_bit || (fixed.log_file_mode & kOtherLayout) != 0) {
        return Error{
            Code::kInvalidParameter,
            "-append: the log is circular, compressed or of 32 bits; name another file with -f"};
    }
    if (fixed.buffer_size != info.buffer_size) {
        return Error{Code::kInvalidParameter,
                     "-append: the log has buffers of another size; give its -b",
                     fixed.buffer_size};
    }
    if (fixed.processors != info.processors) {
        return Error{
            Code::kInvalidParameter,
            "-append: the log is of another number of processors; name another file with -f",
            fixed.processors};
    }
    if (!same_clock(log, info)) {
        return Error{
            Code::kInvalidParameter,
            "-append: the log has another clock; begin logs to append to with -UseSystemTime",
            fixed.clock_type};
    }
    return Ok{};
}

Result<BufferHeader> header_at(const File& file, uint64_t offset) {
    BufferHeader header;
    ETW_CHECK(file.read_at(offset, std::as_writable_bytes(std::span(&header, 1))));
    return header;
}

// Where a log ends: behind the last buffer that makes sense. What follows is preallocated space or
// a write that was cut off.
Result<LogPosition> find_end(const File& file, uint32_t buffer_size) {
    ETW_TRY(const uint64_t size, file.size());
    LogPosition at{.next_offset = buffer_size, .buffers_written = 1};
    for (uint64_t offset = buffer_size; size >= buffer_size && offset <= size - buffer_size;
         offset += buffer_size) {
        ETW_TRY(const auto header, header_at(file, offset));
        if (header.buffer_size != buffer_size || header.offset < sizeof(header) ||
            header.offset > buffer_size) {
            continue;
        }
        at.next_offset = offset + buffer_size;
        at.last_offset = offset;
        at.sequence = std::max(at.sequence, header.sequence);
    }
    at.buffers_written = uint32_t(at.next_offset / buffer_size);
    return at;
}

LogPosition first_position(const LogFileInfo& info) {
    return {.next_offset = info.buffer_size, .buffers_written = 1};
}

}  // namespace

LogWriter::LogWriter(File file, const LogFileInfo& info, uint64_t limit_bytes,
                     const LogPosition& at)
    : file_(std::move(file)),
      buffer_size_(info.buffer_size),
      logger_id_(info.logger_id),
      log_file_mode_(info.log_file_mode),
      limit_bytes_(limit_bytes),
      position_(at) {}

Result<LogWriter> LogWriter::create(File file, const LogFileInfo& info, uint64_t limit_bytes) {
    if (!sizes_valid(info, limit_bytes)) {
        return Error{Code::kInvalidParameter, "log file: buffer size or limit"};
    }
    ETW_TRY(const uint64_t before, file.size());
    if (const auto done = begin(file, info); !done) {
        static_cast<void>(bool(file.resize(before)));  // best effort; the cause is what counts
        return done.error();
    }
    return LogWriter(std::move(file), info, limit_bytes, first_position(info));
}

// The header buffer, at the front of the file.
Status LogWriter::begin(File& file, const LogFileInfo& info) {
    const std::vector<std::byte> front = build_header_buffer(info);
    std::vector<Bytes> pieces{front};
    append_unused(pieces, info.buffer_size - front.size());
    return file.write_at(0, pieces);
}

// What needs room on the disk is done while the former contents are there; then the header is
// written over their front, which is put back if that fails, and the rest is emptied where it
// stands on room that is reserved, and cut off behind. Room that was had is never given back.
Result<LogWriter> LogWriter::replace(File file, const LogFileInfo& info, uint64_t limit_bytes,
                                     uint64_t reserve) {
    if (!sizes_valid(info, limit_bytes)) {
        return Error{Code::kInvalidParameter, "log file: buffer size or limit"};
    }
    ETW_TRY(const uint64_t before, file.size());
    std::vector<std::byte> front(size_t(std::min<uint64_t>(before, info.buffer_size)));
    ETW_CHECK(file.read_at(0, front));
    const auto replaced = [&]() -> Status {
        if (reserve != 0) ETW_CHECK(file.preallocate(reserve));
        return begin(file, info);
    }();
    if (!replaced) {  // best effort; see create()
        static_cast<void>(bool(file.write_at(0, front)) && bool(file.resize(before)));
        return replaced.error();
    }
    const uint64_t end = std::max<uint64_t>(info.buffer_size, reserve);
    if (!clear_range(file, info.buffer_size, std::min(before, end))) {  // cut, and reserve again
        ETW_CHECK(file.resize(info.buffer_size));
        if (reserve != 0) ETW_CHECK(file.preallocate(reserve));
    } else if (before > end) {
        ETW_CHECK(file.resize(end));
    }
    return LogWriter(std::move(file), info, limit_bytes, first_position(info));
}

Result<LogWriter> LogWriter::resume(File file, const LogFileInfo& info, uint64_t limit_bytes,
                                    const LogPosition& position) {
    const uint32_t size = info.buffer_size;
    const bool valid = sizes_valid(info, limit_bytes) && position.next_offset >= size &&
                       position.next_offset % size == 0 && position.last_offset % size == 0;
    if (!valid) return Error{Code::kInvalidParameter, "log file: position"};

    LogWriter log(std::move(file), info, limit_bytes, position);
    ETW_TRY(const uint64_t found, log.file_.size());
    if (found < log.end_of_data()) return Error{Code::kInvalidData, "log file: cut off", found};
    if ((info.log_file_mode & kModePreallocate) != 0) {
        ETW_CHECK(clear_range(log.file_, log.end_of_data(), found));
    } else if (found > log.end_of_data()) {
        ETW_CHECK(log.file_.resize(log.end_of_data()));
    }
    if (position.last_offset != 0) {
        ETW_TRY(const auto last, header_at(log.file_, position.last_offset));
        log.end_marked_ = (last.flags & wire::kBufferFlushMarker) != 0;
    }
    return log;
}

Result<LogWriter> LogWriter::append(File file, const LogFileInfo& info, uint64_t limit_bytes) {
    if (!sizes_valid(info, limit_bytes) || (info.log_file_mode & kModeCircular) != 0) {
        return Error{Code::kInvalidParameter, "append: buffer size, limit or mode"};
    }
    ETW_TRY(const uint64_t size, file.size());
    if (size < info.buffer_size) {
        return Error{Code::kInvalidParameter,
                     "-append: the file is no log; name another one with -f"};
    }
    std::vector<std::byte> front(info.buffer_size);
    ETW_CHECK(file.read_at(0, front));
    ETW_TRY(const LogHeader log, parse_log_header(Bytes(front).subspan(sizeof(BufferHeader))));
    ETW_CHECK(check_appendable(log, info));
    ETW_TRY(LogPosition end, find_end(file, info.buffer_size));
    end.earlier_events_lost = log.fixed.events_lost;
    end.earlier_buffers_lost = log.fixed.buffers_lost;
    return resume(std::move(file), info, limit_bytes, end);
}

bool LogWriter::circular() const noexcept { return (log_file_mode_ & kModeCircular) != 0; }

uint64_t LogWriter::end_of_data() const noexcept {
    if (position_.wraps == 0) return position_.next_offset;
    return limit_bytes_ - limit_bytes_ % buffer_size_;
}

uint64_t LogWriter::room(const LogPosition& at) const noexcept {
    if (limit_bytes_ == 0) return std::numeric_limits<uint64_t>::max();
    return limit_bytes_ <= at.next_offset ? 0 : (limit_bytes_ - at.next_offset) / buffer_size_;
}

Status LogWriter::write(std::span<const BufferData> buffers, bool direct) {
    for (const BufferData& buffer : buffers) {
        if (buffer.records.size() % 8 != 0 ||
            buffer.records.size() > buffer_size_ - sizeof(BufferHeader)) {
            return Error{Code::kInvalidParameter, "buffer: size of records", buffer.records.size()};
        }
    }
    ETW_TRY(const uint64_t before, file_.size());  // preallocated space included
    bool all = true;
    if (!circular() && buffers.size() > room(position_)) {
        buffers = buffers.first(size_t(room(position_)));
        all = false;
    }
    if (!buffers.empty() && end_marked_) ETW_CHECK(set_end_mark(false));

    direct = direct && buffer_size_ % kPageSize == 0;
    const auto goes_direct = [direct](const BufferData& buffer) {
        return direct && PagePieces::takes(buffer.records);
    };
    LogPosition at = position_;
    while (!buffers.empty()) {
        if (room(at) == 0) {  // a circular log: behind the header buffer it starts again
            at.next_offset = buffer_size_;
            ++at.wraps;
        }
        const bool way = goes_direct(buffers.front());
        auto run = buffers.first(size_t(std::min<uint64_t>(buffers.size(), room(at))));
        const auto end = std::find_if(run.begin(), run.end(),
                                      [&](const auto& b) { return goes_direct(b) != way; });
        run = run.first(size_t(end - run.begin()));
        if (const auto done = write_run(run, way, at); !done) {
            static_cast<void>(bool(file_.resize(before)));  // best effort; see create()
            return done.error();
        }
        buffers = buffers.subspan(run.size());
    }
    position_ = at;
    if (!all) return Error{Code::kMoreData, "log file: limit reached", limit_bytes_};
    return Ok{};
}

// Writes `buffers` back to back and moves `at` behind them.
Status LogWriter::write_run(std::span<const BufferData> buffers, bool direct, LogPosition& at) {
    std::vector<BufferHeader> headers(buffers.size());
    int64_t sequence = at.sequence;
    for (size_t i = 0; i < buffers.size(); ++i) {
        const BufferData& buffer = buffers[i];
        headers[i] =
            data_buffer_header(buffer_size_, buffer.records.size(), buffer.cpu, logger_id_);
        headers[i].time_stamp = buffer.time_stamp;
        headers[i].sequence = ++sequence;
    }
    Status done = Ok{};
    if (direct && direct_) {
        done = write_direct(buffers, headers, at.next_offset);
        // Not every file system can do it, and not in every state of a file.
        if (!done && done.error().code != Code::kDiskFull) direct_ = File();
    }
    if (!direct || !direct_) done = write_cached(buffers, headers, at.next_offset);
    if (!done) return done;
    at.sequence = sequence;
    at.buffers_written += uint32_t(buffers.size());
    at.next_offset += buffers.size() * uint64_t{buffer_size_};
    at.last_offset = at.next_offset - buffer_size_;
    return Ok{};
}

Status LogWriter::write_cached(std::span<const BufferData> buffers,
                               std::span<const BufferHeader> headers, uint64_t offset) {
    std::vector<Bytes> pieces;
    pieces.reserve(buffers.size() * 3);
    for (size_t i = 0; i < buffers.size(); ++i) {
        pieces.push_back(std::as_bytes(headers.subspan(i, 1)));
        pieces.push_back(buffers[i].records);
        append_unused(pieces, buffer_size_ - headers[i].offset);
    }
    return file_.write_at(offset, pieces);
}

Status LogWriter::write_direct(std::span<const BufferData> buffers,
                               std::span<const BufferHeader> headers, uint64_t offset) {
    pages_.reset(buffers.size());
    for (size_t i = 0; i < buffers.size(); ++i) pages_.add(headers[i], buffers[i].records);
    return direct_.write_at(offset, pages_.pieces());
}

Status LogWriter::set_end_mark(bool on) {
    const uint16_t flags = data_buffer_flags(on);
    const uint64_t at = position_.last_offset + offsetof(BufferHeader, flags);
    ETW_CHECK(file_.write_at(at, std::as_bytes(std::span(&flags, 1))));
    end_marked_ = on;
    return Ok{};
}

Status LogWriter::finish(const LogTotals& totals) {
    if (position_.last_offset != 0 && !end_marked_) ETW_CHECK(set_end_mark(true));

    LogFileHeader64 fixed;
    ETW_CHECK(file_.read_at(kHeaderEventAt, std::as_writable_bytes(std::span(&fixed, 1))));
    // Of a log that has wrapped, what the file holds: there are readers that walk by this count.
    const uint32_t written =
        position_.wraps == 0 ? totals.buffers_written : uint32_t(end_of_data() / buffer_size_);
    set_totals(fixed, totals.end_time, written, totals.events_lost + position_.earlier_events_lost,
               totals.buffers_lost + position_.earlier_buffers_lost);
    ETW_CHECK(file_.write_at(kHeaderEventAt, std::as_bytes(std::span(&fixed, 1))));

    ETW_TRY(const uint64_t size, file_.size());
    if (size > end_of_data()) ETW_CHECK(file_.resize(end_of_data()));
    return Ok{};
}

}  // namespace etw::etl
