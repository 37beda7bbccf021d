// What the system's consumer functions hand out, in the reader's terms.
#pragma once
#include "backend_windows/windows.h"
#include "etw/log_reader.h"

#include <vector>

namespace etw::backend_windows {

// An event on its own: the record's views are into `bytes`.
struct OwnedRecord {
    etl::Record record;
    std::vector<std::byte> bytes;  // the chain of extended items, then the payload
};

// `event` is the system's, and believed. Its time is a FILETIME.
OwnedRecord build_record(const EVENT_RECORD& event);

}  // namespace etw::backend_windows
