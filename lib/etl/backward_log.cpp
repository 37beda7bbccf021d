#include "etl/backward_log.h"

#include "etl/log_layout.h"

#include <limits>

namespace etw::etl {

using wire::BufferHeader;

Result<BackwardLog> BackwardLog::create(File file, const LogFileInfo& info,
                                        std::span<const uint64_t> lanes) {
    ETW_TRY(auto header, LogWriter::create(std::move(file), info, 0));
    uint64_t at = header.position().buffers_written;
    BackwardLog log(std::move(header).release(), info);
    for (const uint64_t buffers : lanes) {
        if (buffers > std::numeric_limits<uint32_t>::max() - at) {
            return Error{Code::kInvalidParameter, "snapshot: too many buffers", buffers};
        }
        log.lanes_.push_back({at + buffers, at, at + buffers});
        at += buffers;
    }
    return log;
}

Status BackwardLog::prepend(size_t lane, const BufferData& buffer) {
    ETW_ASSERT(lane < lanes_.size());
    Lane& to = lanes_[lane];
    const size_t size = buffer.records.size();
    if (to.first == to.begin || size % 8 != 0 || size > info_.buffer_size - sizeof(BufferHeader)) {
        return Error{Code::kInvalidParameter, "snapshot: buffer", size};
    }
    const uint64_t index = to.first - 1;
    BufferHeader header = data_buffer_header(info_.buffer_size, size, buffer.cpu, info_.logger_id);
    header.time_stamp = buffer.time_stamp;
    header.sequence = int64_t(index);
    const std::vector<std::byte> unused(info_.buffer_size - header.offset,
                                        std::byte{wire::kUnusedByte});
    const Bytes pieces[] = {std::as_bytes(std::span(&header, 1)), buffer.records, Bytes(unused)};
    ETW_CHECK(file_.write_at(index * info_.buffer_size, pieces));
    to.first = index;
    return Ok{};
}

Status BackwardLog::close_gaps() {
    std::vector<std::byte> space(info_.buffer_size);
    count_ = 1;
    for (const Lane& lane : lanes_) {
        for (uint64_t from = lane.first; from < lane.end; ++from, ++count_) {
            if (from != count_) ETW_CHECK(move_buffer(from, count_, space));
        }
    }
    return Ok{};
}

Status BackwardLog::move_buffer(uint64_t from, uint64_t to, std::span<std::byte> space) {
    ETW_CHECK(file_.read_at(from * info_.buffer_size, space));
    const auto sequence = int64_t(to);
    std::memcpy(space.data() + offsetof(BufferHeader, sequence), &sequence, sizeof(sequence));
    return file_.write_at(to * info_.buffer_size, space);
}

Status BackwardLog::finish(LogTotals totals) {
    ETW_CHECK(close_gaps());
    ETW_CHECK(file_.resize(count_ * info_.buffer_size));
    LogPosition end;
    end.next_offset = count_ * info_.buffer_size;
    end.buffers_written = uint32_t(count_);
    end.sequence = int64_t(count_) - 1;
    if (count_ > 1) end.last_offset = end.next_offset - info_.buffer_size;
    totals.buffers_written = end.buffers_written;
    ETW_TRY(auto log, LogWriter::resume(std::move(file_), info_, 0, end));
    return log.finish(totals);
}

}  // namespace etw::etl
