// The log file header event: the first record of a log's first buffer.
#pragma once
#include "etl/log_reader.h"

namespace etw::etl {

// Reads the header event from the record that starts `buffer_rest`. Fails with kInvalidData where
// it is none.
Result<LogHeader> parse_log_header(Bytes buffer_rest);

}  // namespace etw::etl
