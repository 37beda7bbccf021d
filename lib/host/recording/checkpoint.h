// How far a session's log is written, in a small shared mapping of a file: what was stored there
// survives a killed host without any system call. Two copies; a commit fills the one that is not
// in force and then stores its number.
//
//   Drain  D1 write buffers to the log at position.next_offset
//          D2 fill the idle copy: new position, new tails
//          D3 active = idle copy's number     release: a kill before it leaves the old copy whole
//          D4 publish the delivery ring's head to consumers, and the tails to the writers
//
// Killed before D3: the successor writes the same records again at the same offsets; they are
// still in the rings, because D4 has not let the writers reuse them. Killed after D3: the
// successor publishes head and tails first thing. No event is written or delivered twice, none is
// lost.
#pragma once
#include "base/mapping.h"
#include "etl/log_writer.h"
#include "host/recording/delivery_ring.h"

#include <cstdint>
#include <string>
#include <vector>

namespace etw::host {

// Names a file for good while it exists.
struct FileIdentity {
    uint64_t device = 0;
    uint64_t inode = 0;
    friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};
Result<FileIdentity> identity_of(int fd);

// Where the drain is in the ring of one CPU.
struct CpuProgress {
    uint64_t tail = 0;           // wire::RingPosition
    uint64_t lost = 0;           // as last read from the ring
    uint64_t delivered = 0;      // wire::RingPosition: consumers have what lies before; >= tail
    int64_t last_delivered = 0;  // raw time of the last of it, where clocks are converted
};

// One ring set, present or not yet handed back.
struct StreamProgress {
    FileIdentity rings;
    uint32_t uid = 0;
    std::vector<CpuProgress> cpus;
};

// What is still to be done to the log's file. The file may hold another log until then: one that is
// to be replaced is whole for as long as the request can fail, and once it no longer can, whoever
// takes up the session does it.
enum class LogBegin : uint64_t { kDone, kReplace, kAppend };

struct Progress {
    static constexpr size_t kMaxStreams = 64;
    FileIdentity file;
    std::string path;          // of the log that is being written; empty: there is none
    uint32_t file_number = 1;  // -newfile: the %d of it; update -f counts on
    LogBegin begin = LogBegin::kDone;
    etl::LogPosition position{};
    DeliveryProgress delivery{};
    uint64_t record_bytes = 0;
    uint32_t buffers_lost = 0;
    uint64_t events_lost_before = 0;  // by the session, before it began the log that it writes now
    uint64_t buffers_lost_before = 0;
    uint64_t written_off = 0;  // events lost by streams that are no more, or in dropped blocks
    int64_t last_buffer_time = 0;
    std::vector<int64_t> last_time;  // per CPU: no record written is later
    std::vector<StreamProgress> streams;

    explicit Progress(uint32_t cpus = 0) : last_time(cpus) {}
};

class Checkpoint {
public:
    // Makes the file anew, empty.
    static Result<Checkpoint> create(const std::string& path, uint32_t cpus);
    // Opens what a predecessor left. kInvalidData where it is not whole.
    static Result<Checkpoint> open(const std::string& path, uint32_t cpus);

    void commit(const Progress& progress);  // D2, D3
    Result<Progress> load() const;

private:
    Checkpoint(Mapping memory, uint32_t cpus) noexcept : memory_(std::move(memory)), cpus_(cpus) {}
    static Result<Checkpoint> map(const std::string& path, uint32_t cpus, int flags);
    Mapping memory_;
    uint32_t cpus_ = 0;
};

}  // namespace etw::host
