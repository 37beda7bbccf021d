// The log file header event: the first record of a log's first buffer.
#pragma once
#include "etl/log_writer.h"
#include "etw/log_reader.h"

namespace etw::etl {

// Reads the header event from the record that starts `buffer_rest`. Fails with kInvalidData where
// it is none.
Result<LogHeader> parse_log_header(Bytes buffer_rest);

// The first `info.buffer_size` bytes of a log up to where the unused rest begins: buffer header and
// header event, as a 64-bit Windows 10 writes them.
std::vector<std::byte> build_header_buffer(const LogFileInfo& info);

}  // namespace etw::etl
