// The few fields of a record that the host itself needs: how long it is, where its time and its
// identities stand. Records come from rings and sockets: every byte is untrusted.
#pragma once
#include "etw/bytes.h"
#include "etw/etl_format.h"

#include <optional>

namespace etw::host {

// Offsets from the record's start; 0 where a record has no such field.
struct RecordShape {
    uint32_t size = 0;  // not rounded
    uint32_t time_offset = 0;
    uint32_t thread_offset = 0;
    uint32_t process_offset = 0;
};

// All fields of a shape lie in this many bytes (or in the whole record, if it is shorter).
constexpr size_t kRecordHeadSize = 64;

// `head`: the first bytes of the record, at most kRecordHeadSize of them needed. `available`: bytes
// from the record's start to the end of what it must lie in. Fails with kInvalidData.
Result<RecordShape> shape_of(Bytes head, size_t available);

// The time of the last record of a run of whole records that has one, as it stands in it. Nothing
// where there is none or the run makes no sense.
std::optional<int64_t> last_time_of(Bytes records);

// Of a run of whole records, up to the first that makes no sense.
uint64_t count_records(Bytes records);

}  // namespace etw::host
