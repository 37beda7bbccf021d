// Writes what rings hold at one instant into a log, while their writers go on.
//
// Nobody waits for it and it takes nothing out of the rings: it only reads them. So writers may
// overwrite a block at any time, the oldest first. Every ring is therefore read backwards, a block
// at a time and the processors in turn:
//
//   S1 the instant: later records are not taken, so that all rings end at the same time
//   S2 head        acquire  once, after S1: every record not later than the instant is below it
//   S3 copy the newest block not yet read into memory of our own
//   S4 head again, behind an acquire fence: if writers may have entered the block meanwhile, it and
//      all older ones are gone: this ring is done. Pairs with the writers' release of head: who
//      reads a byte of what writers store after a head also reads that head
//   S5 check the records of the copy, put them before what the log has already
//
// So what is saved of a ring has no gap up to the instant, however fast it is being overwritten;
// only how far back it reaches depends on that.
#pragma once
#include "base/unique_fd.h"
#include "etl/log_writer.h"
#include "host/session/session_clock.h"
#include "ring/ring_set.h"

#include <vector>

namespace etw::host {

struct SnapshotSource {
    const ring::RingSet* rings;
    // Of each processor: records before it have been written elsewhere. Empty: none.
    std::vector<wire::RingPosition> from;
};

struct Snapshot {
    etl::LogFileInfo info;
    SessionClock clock;
    // Of the same block size, with info.processors rings each or fewer.
    std::vector<SnapshotSource> sources;
    uint64_t events_lost = 0;  // so far, for the header
};

struct SnapshotResult {
    uint32_t buffers = 0;  // with records
    uint32_t damaged = 0;  // places in the rings where records made no sense
    uint64_t bytes = 0;    // of records
};

// The file's former content is gone once there is room for the new one: kDiskFull where there is
// none. A later failure leaves the file empty. The rings are as they were in any case.
Result<SnapshotResult> write_snapshot(UniqueFd file, const Snapshot& snapshot);

}  // namespace etw::host
