// Finds the buffers of a log and puts them into reading order.
//
// A log is walked by each header's size, never by the count in the header event, which is 0 in a
// log that was not finished. Where a header makes no sense the walk looks for the next one that
// does: uncompressed logs have their buffers on a grid of the session's buffer size; in compressed
// ones every byte may be a start, and a candidate has to pass stricter checks.
#pragma once
#include "etl/byte_source.h"
#include "etl/damage_log.h"
#include "etw/log_reader.h"

#include <vector>

namespace etw::etl {

struct BufferEntry {
    uint64_t offset;
    int64_t sequence;
    uint32_t length;  // bytes to read: up to the filled length, or all that is stored if compressed
    uint16_t cpu;
    bool compressed;
};
static_assert(sizeof(BufferEntry) == 24);  // all the memory that a reader takes per buffer

// The buffers [first, last) of BufferIndex::buffers belong to one processor.
struct BufferRun {
    size_t first, last;
};

struct BufferIndex {
    LogHeader header;
    uint32_t buffer_size = 0;  // the session's; bounds what a compressed buffer may hold
    uint64_t count = 0;        // buffers found, the header buffer included
    // By processor, then sequence. The header buffer comes first, as a run of its own: events that
    // were added to it when the session stopped must not hold up those of its processor.
    std::vector<BufferEntry> buffers;
    std::vector<BufferRun> runs;

    // Leaves out the buffers whose place in `wanted` is 0; the header buffer stays.
    void keep(const std::vector<uint8_t>& wanted);
};

// Fails with kInvalidData where the first buffer has no log file header event.
Result<BufferIndex> build_index(const ByteSource& source, DamageLog& damage);

// Filled bytes, buffer header included, or 0 where the header's fields cannot be right. `limit`:
// what the buffer can hold.
uint32_t filled_length(const wire::BufferHeader& header, uint32_t limit);

}  // namespace etw::etl
