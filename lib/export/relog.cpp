#include "export/relog.h"

#include "base/byte_writer.h"
#include "base/utf16.h"
#include "etl/load.h"
#include "etl/log_layout.h"
#include "etw/log_file_mode.h"
#include "render/record_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace etw::exports {
namespace {

using wire::BufferHeader;

constexpr uint16_t kStackWalk = 0x1820;
constexpr size_t kRecent = 8192;
constexpr uint32_t kModeRelogged = 0x10000;
constexpr uint32_t kModeAddHeader = 0x1000;
constexpr uint32_t kMinBuffer = 1024;             // bytes: of Windows 7's smallest sessions
constexpr uint16_t kNoSession = 0;                // the logger id of relogged files
constexpr uint64_t kTolerance = 10 * 10'000'000;  // 100 ns units: the wall clock may be adjusted

// Where the fields of the header event's fixed part stand that both pointer sizes have in common.
constexpr size_t kAtBufferSize = offsetof(wire::LogFileHeader64, buffer_size);
constexpr size_t kAtFormat = offsetof(wire::LogFileHeader64, format_major);
constexpr size_t kAtProcessors = offsetof(wire::LogFileHeader64, processors);
constexpr size_t kAtEndTime = offsetof(wire::LogFileHeader64, end_time);
constexpr size_t kAtMaxFileSize = offsetof(wire::LogFileHeader64, max_file_size);
constexpr size_t kAtMode = offsetof(wire::LogFileHeader64, log_file_mode);
constexpr size_t kAtBuffersWritten = offsetof(wire::LogFileHeader64, buffers_written);
constexpr size_t kAtStartBuffers = offsetof(wire::LogFileHeader64, start_buffers);
constexpr size_t kAtEventsLost = offsetof(wire::LogFileHeader64, events_lost);
constexpr size_t kFromEndBuffersLost = sizeof(uint32_t);  // the last field, whatever the size

template <class T>
void put(std::vector<std::byte>& bytes, size_t at, T value) {
    std::memcpy(bytes.data() + at, &value, sizeof(value));
}

void append_name(ByteWriter& out, std::string_view name) {
    const std::u16string text = to_utf16(name);
    out.append(std::as_bytes(std::span(text)));
    out.write(char16_t{0});
}

bool same_clock(const etl::LogHeader& a, const etl::LogHeader& b) {
    if (a.fixed.clock_type != b.fixed.clock_type ||
        a.fixed.perf_frequency != b.fixed.perf_frequency) {
        return false;
    }
    const int64_t start = etl::TimeConverter(a).to_filetime(b.start_raw);
    const int64_t told = b.fixed.start_time;
    // By what no time in a file can overflow.
    const uint64_t apart =
        start > told ? uint64_t(start) - uint64_t(told) : uint64_t(told) - uint64_t(start);
    return apart <= kTolerance;
}

const etl::LogReader& earliest(std::span<const etl::LogReader> logs) {
    return *std::min_element(logs.begin(), logs.end(), [](const auto& a, const auto& b) {
        return a.header().start_raw < b.header().start_raw;
    });
}

}  // namespace

Result<std::unique_ptr<Relog>> Relog::create(const std::string& path,
                                             std::span<const etl::LogReader> logs,
                                             const RelogOptions& options) {
    if (path == kStandardOutput) {
        return Error{Code::kInvalidParameter, "a log is written to a file; name one"};
    }
    for (const etl::LogReader& log : logs) {
        if (same_clock(logs[0].header(), log.header())) continue;
        return Error{Code::kInvalidParameter,
                     "the logs have different clocks (another machine, boot or clock type); relog "
                     "each into a file of its own"};
    }
    ETW_TRY(OutFile file, OutFile::create(path));
    auto out = std::unique_ptr<Relog>(new Relog(std::move(file), logs, options));
    if (out->buffer_size_ < kMinBuffer || out->buffer_size_ > wire::kMaxBufferSize) {
        return Error{Code::kInvalidData, "the log's buffer size", out->buffer_size_};
    }
    // The header buffer's place; what stands in it is known at the end.
    ETW_CHECK(out->file_.write(std::vector<std::byte>(out->buffer_size_)));
    return out;
}

Relog::Relog(OutFile file, std::span<const etl::LogReader> logs, const RelogOptions& options)
    : file_(std::move(file)),
      options_(options),
      merges_(logs.size() > 1),
      base_(earliest(logs).header()),
      clock_(base_),
      buffer_size_(0),
      processors_(0),
      end_time_(0),
      newest_(base_.start_raw) {
    for (const etl::LogReader& log : logs) {
        const auto& fixed = log.header().fixed;
        buffer_size_ = std::max(buffer_size_, fixed.buffer_size);
        processors_ = std::max(processors_, fixed.processors);
        end_time_ = std::max(end_time_, fixed.end_time);
        events_lost_ += fixed.events_lost;
        buffers_lost_ += fixed.buffers_lost;
    }
}

bool Relog::is_header(const etl::Record& record) const noexcept {
    return record.hook_id == 0 && (record.type == wire::HeaderType::kSystem32 ||
                                   record.type == wire::HeaderType::kSystem64);
}

// Where the two names begin in the header event.
size_t Relog::names_offset() const noexcept {
    return sizeof(wire::SystemHeader) +
           (base_.is_64_bit ? sizeof(wire::LogFileHeader64) : wire::kLogFileHeader32Size);
}

bool Relog::needs(const etl::Record& record) const {
    if (is_header(record)) return true;
    if (record.hook_id == kStackWalk && record.payload.size() >= sizeof(int64_t)) {
        return recent_times_.contains(etl::load<int64_t>(record.payload.data()));
    }
    switch (render::describes(record)) {
        case render::Describes::kNothing:
            return false;
        case render::Describes::kMachine:
            return options_.keep_machine;
        default:
            return true;
    }
}

Status Relog::add(const ExportEvent& in) {
    const etl::Record& record = in.record;
    if (is_header(record)) {
        // Of several logs, the one that began first gives its own; the others' say nothing more.
        if (header_event_.empty() && record.time_stamp == base_.start_raw &&
            record.raw.size() >= names_offset()) {
            header_event_.assign(record.raw.begin(), record.raw.end());
        }
        return Ok{};
    }
    ++(in.wanted ? events_ : kept_);
    newest_ = std::max(newest_, record.time_stamp);
    if (record.hook_id != 0 && in.wanted) remember(record);
    return append(record);
}

void Relog::remember(const etl::Record& record) {
    if (recent_.size() == kRecent) {
        recent_times_.erase(recent_times_.find(recent_.front()));
        recent_.pop_front();
    }
    recent_.push_back(record.time_stamp);
    recent_times_.insert(record.time_stamp);
}

Status Relog::append(const etl::Record& record) {
    const size_t room = buffer_size_ - sizeof(BufferHeader);
    const size_t size = wire::align8(record.raw.size());
    if (size > room) {
        ++too_large_;
        return Ok{};
    }
    std::vector<std::byte>& records = open_[record.cpu];
    if (size > room - records.size()) ETW_CHECK(flush(record.cpu, records));
    records.insert(records.end(), record.raw.begin(), record.raw.end());
    records.resize(wire::align8(records.size()));
    return Ok{};
}

// The newest buffer stays in memory until there is another: the last one has the end mark.
Status Relog::flush(uint16_t cpu, std::vector<std::byte>& records) {
    ETW_CHECK(write_pending(false));
    BufferHeader header = etl::data_buffer_header(buffer_size_, records.size(), cpu, kNoSession);
    header.time_stamp = newest_;
    header.sequence = ++sequence_;
    pending_.assign(buffer_size_, std::byte{wire::kUnusedByte});
    std::memcpy(pending_.data(), &header, sizeof(header));
    std::copy(records.begin(), records.end(), pending_.begin() + sizeof(header));
    records.clear();
    return Ok{};
}

Status Relog::write_pending(bool last) {
    if (pending_.empty()) return Ok{};
    if (last) put(pending_, offsetof(BufferHeader, flags), etl::data_buffer_flags(true));
    return file_.write(pending_);
}

std::vector<std::byte> Relog::header_buffer() const {
    const size_t names_at = names_offset();
    ByteWriter names;
    append_name(names, merges_ ? "Relogger" : base_.logger_name);
    append_name(names, merges_ ? "[multiple files]" : "ReloggedFile.ETL");

    std::vector<std::byte> event(header_event_.begin(),
                                 header_event_.begin() + std::ptrdiff_t(names_at));
    const Bytes name_bytes =
        names.bytes().first(std::min(names.size(), buffer_size_ - sizeof(BufferHeader) - names_at));
    event.insert(event.end(), name_bytes.begin(), name_bytes.end());
    put(event, offsetof(wire::SystemHeader, size), uint16_t(event.size()));
    const size_t fixed = sizeof(wire::SystemHeader);
    put(event, fixed + kAtBufferSize, buffer_size_);
    put(event, fixed + kAtProcessors, processors_);
    put(event, fixed + kAtEndTime, end_time_ != 0 ? end_time_ : clock_.to_filetime(newest_));
    put(event, fixed + kAtMaxFileSize, uint32_t{0});
    put(event, fixed + kAtMode,
        uint32_t{kModeSequential | kModeRelogged | (merges_ ? 0 : kModeAddHeader)});
    put(event, fixed + kAtBuffersWritten, uint32_t(sequence_ + 1));
    put(event, fixed + kAtStartBuffers, uint32_t{1});
    put(event, fixed + kAtEventsLost, uint32_t(std::min<uint64_t>(events_lost_, UINT32_MAX)));
    put(event, names_at - kFromEndBuffersLost, buffers_lost_);
    if ((base_.fixed.log_file_mode & kModeCompressed) != 0) {  // it is no longer
        constexpr uint8_t kFormat15[] = {1, 5};
        std::memcpy(event.data() + fixed + kAtFormat, kFormat15, sizeof(kFormat15));
    }

    BufferHeader header{};
    header.buffer_size = buffer_size_;
    header.offset = uint32_t(wire::align8(sizeof(header) + event.size()));
    header.saved_offset = header.current_offset = header.offset;
    header.flags = wire::kBufferFlushMarker | wire::kBufferProcessorIndex;
    header.type = uint16_t(wire::BufferType::kHeader);
    event.resize(header.offset - sizeof(header));  // zeros up to the boundary
    std::vector<std::byte> out(buffer_size_, std::byte{wire::kUnusedByte});
    std::memcpy(out.data(), &header, sizeof(header));
    std::copy(event.begin(), event.end(), out.begin() + sizeof(header));
    return out;
}

Status Relog::finish(uint64_t) {
    if (header_event_.empty()) return Error{Code::kInvalidData, "the log has no header event"};
    for (auto& [cpu, records] : open_) {
        if (!records.empty()) ETW_CHECK(flush(cpu, records));
    }
    ETW_CHECK(write_pending(true));
    ETW_CHECK(file_.write_front(header_buffer()));
    return file_.finish();
}

std::string Relog::report() const {
    std::string out = fmt::format("Events relogged: {}", events_);
    if (kept_ != 0) out += fmt::format(", and {} records that name or describe them", kept_);
    if (too_large_ != 0) out += fmt::format("; {} do not fit a buffer", too_large_);
    return out + '\n';
}

}  // namespace etw::exports
