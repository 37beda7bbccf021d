// Reads .etl files: payload is handed out as views, every byte is untrusted. What is damaged is
// skipped, counted, and the reading goes on. Memory: one buffer per processor and 24 bytes per
// buffer of the file; why the file is not mapped is told in byte_source.h.
#pragma once
#include "etw/bytes.h"
#include "etw/etl_format.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace etw::etl {

// The log file header event, whichever pointer size wrote it.
struct LogHeader {
    wire::LogFileHeader64 fixed{};  // 32-bit headers are widened into it
    bool is_64_bit = true;
    int64_t start_raw = 0;  // raw time stamp that corresponds to fixed.start_time
    std::string logger_name;
    std::string log_file_name;
};

// Raw time stamps of one file to FILETIME (UTC); etl-format (d).
class TimeConverter {
public:
    TimeConverter() = default;
    explicit TimeConverter(const LogHeader& header);
    int64_t to_filetime(int64_t raw) const noexcept;  // exact for any delta, no overflow
    // Nanoseconds since 1970: what a clock finer than 100 ns tells is kept.
    int64_t to_unix_ns(int64_t raw) const noexcept;

private:
    int64_t convert(int64_t raw, int64_t origin, uint64_t units) const noexcept;

    int64_t raw0_ = 0;
    int64_t filetime0_ = 0;
    uint64_t frequency_ = 0;  // 0: raw is FILETIME already
};

// One record, headers parsed, in the terms of the consumer API (etl-format (b), "consumer
// translation"). Views are valid until the reader's next() is called again.
struct Record {
    wire::HeaderType type{};
    bool is_64_bit = true;  // pointer size of the payload
    uint16_t cpu = 0;
    uint16_t size = 0;        // whole record
    int64_t time_stamp = 0;   // raw; a record without one has its predecessor's
    uint32_t process_id = 0;  // 0xFFFFFFFF where the header has none
    uint32_t thread_id = 0;   // likewise
    Guid provider;  // kernel classes: class GUID; messages: message GUID, or data1 = component id
    wire::EventDescriptor descriptor;
    uint16_t hook_id = 0;  // system, compact and perfinfo records; else 0
    uint16_t message_flags = 0;
    uint32_t message_sequence = 0;
    uint32_t kernel_time = 0, user_time = 0;
    Guid activity;
    Bytes extended;  // the item chain, already checked to be well formed; often empty
    Bytes payload;
    Bytes raw;  // the whole record
};

// Walks the well-formed item chain of Record::extended. Returns the data of the first item of
// `type`, or nothing.
std::optional<Bytes> find_extended(const Record& record, wire::ExtendedType type);

// What was found wrong; a file with all zero is sound.
struct Damage {
    uint64_t buffers = 0;  // skipped whole or from a point on
    uint64_t bytes = 0;    // in them, that no record was read from
    uint64_t records = 0;  // known to be unreadable one by one
    std::string first;     // what and where, for the report; empty if none
};

// A buffer of a log, as its header tells.
struct BufferInfo {
    int64_t time = 0;     // FILETIME of when it was written; 0 where the header has none
    uint32_t filled = 0;  // bytes; of a compressed buffer those that are stored
    uint16_t cpu = 0;
    bool lost_events = false;  // the session lost events when it was the current one
};

// What a thread of LogReader::survey() does with records.
class RecordVisitor {
public:
    virtual ~RecordVisitor() = default;
    // True: next() is to give the records of this one's buffer.
    virtual bool visit(const Record& record) = 0;
};

class LogReader {
public:
    // Opens and indexes the buffers. Fails with the code of opening, or kInvalidData when the file
    // is no .etl at all (its first buffer holds no log file header event).
    static Result<LogReader> open(const std::string& path);
    // The same over bytes that outlive the reader.
    static Result<LogReader> over(Bytes file);

    LogReader(LogReader&&) noexcept;
    LogReader& operator=(LogReader&&) noexcept;
    ~LogReader();

    const LogHeader& header() const noexcept;
    const TimeConverter& time() const noexcept;
    uint64_t buffer_count() const noexcept;
    uint64_t size_bytes() const noexcept;
    // All but the header buffer, in the order in which they were taken into use; reads each one's
    // header. What cannot be read is left out.
    std::vector<BufferInfo> buffers() const;
    // Events lost and buffers lost as the header says (0 for a log that was not finished).
    uint64_t events_lost() const noexcept;
    uint64_t buffers_lost() const noexcept;
    bool finished() const noexcept;  // the session was stopped: EndTime is set

    // Looks through the log on several threads, one for each of `visitors`, of which there is at
    // least one; each is shown some of the records, in no order that means anything, and neither
    // trace messages nor events that describe themselves. After it next() gives the buffers that a
    // visitor asked for, and the header event. `go_on`, if any, is told from time to time, on the
    // caller's thread, how many bytes of the file were looked at; false from it ends the survey,
    // which then returns false. Before the first next().
    bool survey(std::span<RecordVisitor* const> visitors,
                const std::function<bool(uint64_t)>& go_on);

    // The next record in time order over all processors, the header event first; false at the end.
    bool next(Record& record);
    // Bytes of the file behind next(), for progress: rises to size_bytes().
    uint64_t consumed_bytes() const noexcept;
    const Damage& damage() const noexcept;  // complete once next() has returned false

private:
    struct Impl;
    explicit LogReader(std::unique_ptr<Impl> impl) noexcept;
    std::unique_ptr<Impl> impl_;
};

}  // namespace etw::etl
