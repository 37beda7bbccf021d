// What every writer of a log puts into it, the session host and the process that has a private
// session: libc only.
#pragma once
#include "etw/etl_format.h"

namespace etw::etl {

// Where the fixed part of the header event stands in a log.
constexpr uint64_t kHeaderEventAt = sizeof(wire::BufferHeader) + sizeof(wire::SystemHeader);

// `last`: the newest buffer of a finished log has the end mark.
constexpr uint16_t data_buffer_flags(bool last) {
    return uint16_t(wire::kBufferProcessorIndex | (last ? wire::kBufferFlushMarker : 0));
}

// All but the time stamp and the sequence number.
inline wire::BufferHeader data_buffer_header(uint32_t buffer_size, size_t record_bytes,
                                             uint16_t cpu, uint16_t logger_id) noexcept {
    wire::BufferHeader header{};
    header.buffer_size = buffer_size;
    header.offset = uint32_t(sizeof(header) + record_bytes);
    header.saved_offset = header.offset;
    header.current_offset = header.offset + buffer_size;  // as one that a flush closed
    header.processor = cpu & wire::kProcessorIndexMask;
    header.logger_id = logger_id;
    header.state = wire::kBufferStateFlush;
    header.flags = data_buffer_flags(false);
    return header;
}

inline void set_totals(wire::LogFileHeader64& header, int64_t end_time, uint32_t buffers_written,
                       uint64_t events_lost, uint64_t buffers_lost) noexcept {
    const auto most = [](uint64_t count) {
        return count < UINT32_MAX ? uint32_t(count) : UINT32_MAX;
    };
    header.end_time = end_time;
    header.buffers_written = buffers_written;
    header.events_lost = most(events_lost);
    header.buffers_lost = most(buffers_lost);
}

}  // namespace etw::etl
