// Writes a log from its end: for each processor the newest buffer first. What is read from memory
// that is being overwritten from the oldest end is put into the file in this order.
//
// Every lane (the buffers of one processor) has its place in the file, as large as it can become,
// and is filled from its end. finish() closes the gaps that are left before the lanes, so that the
// file is like any other: no hole, each processor's buffers in order.
#pragma once
#include "etl/log_writer.h"

#include <vector>

namespace etw::etl {

class BackwardLog {
public:
    // Writes the header buffer to an empty file. `lanes`: how many buffers each takes at most.
    static Result<BackwardLog> create(File file, const LogFileInfo& info,
                                      std::span<const uint64_t> lanes);

    // Puts the buffer before those that the lane has. kInvalidParameter: the lane is full, or the
    // records do not fit a buffer or are no whole number of 8-byte units.
    Status prepend(size_t lane, const BufferData& buffer);

    // Closes the gaps and writes the final header; the number of buffers is the log's own.
    Status finish(LogTotals totals);

    File& file() noexcept { return file_; }

private:
    struct Lane {
        uint64_t first;  // index of its oldest buffer in the file; the header buffer is 0
        uint64_t begin;  // where its place begins
        uint64_t end;
    };
    BackwardLog(File file, const LogFileInfo& info) : file_(std::move(file)), info_(info) {}
    Status close_gaps();
    Status move_buffer(uint64_t from, uint64_t to, std::span<std::byte> space);

    File file_;
    LogFileInfo info_;
    std::vector<Lane> lanes_;
    uint64_t count_ = 1;  // of the finished log
};

}  // namespace etw::etl
