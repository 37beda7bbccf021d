#include "host/recording/snapshot.h"

#include "base/filetime.h"
#include "base/testpoint.h"
#include "etl/backward_log.h"
#include "host/recording/backward_merger.h"
#include "host/recording/log_file.h"
#include "ring/clock.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace etw::host {
namespace {

// What one processor has to save.
struct Lane {
    uint32_t cpu;
    BackwardMerger merger;
};

std::vector<Lane> read_rings(const Snapshot& snapshot, int64_t until) {
    std::vector<Lane> lanes;
    for (uint32_t cpu = 0; cpu < snapshot.info.processors; ++cpu) {
        std::vector<BackwardReader> readers;
        for (const SnapshotSource& source : snapshot.sources) {
            if (cpu >= source.rings->geometry().cpus) continue;
            const wire::RingPosition from = source.from.empty() ? 0 : source.from[cpu];
            readers.emplace_back(*source.rings, cpu, from, until);
        }
        lanes.push_back(
            {cpu, BackwardMerger(std::move(readers), snapshot.clock, snapshot.info.buffer_size)});
    }
    return lanes;
}

constexpr int kTries = 100;

bool overtaken(const std::vector<Lane>& lanes) {
    return std::any_of(lanes.begin(), lanes.end(),
                       [](const Lane& lane) { return lane.merger.overtaken(); });
}

uint64_t size_of(const Snapshot& snapshot, const std::vector<Lane>& lanes) {
    uint64_t size = snapshot.info.buffer_size;
    for (const Lane& lane : lanes) size += lane.merger.blocks() * snapshot.info.buffer_size;
    return size;
}

Result<SnapshotResult> write_lanes(etl::BackwardLog& log, const Snapshot& snapshot,
                                   std::vector<Lane>& lanes, int64_t time_stamp) {
    SnapshotResult result;
    size_t going = lanes.size();
    while (going > 0) {
        going = 0;
        for (Lane& lane : lanes) {
            const Bytes records = lane.merger.next_buffer();
            if (records.empty()) continue;
            ETW_CHECK(log.prepend(lane.cpu, {uint16_t(lane.cpu), time_stamp, records}));
            ++going;
            ++result.buffers;
            result.bytes += records.size();
        }
    }
    for (const Lane& lane : lanes) result.damaged += lane.merger.damaged();
    const int64_t end_time = filetime_from_unix_ns(ring::sample_clocks().unix_ns);
    ETW_CHECK(log.finish({0, snapshot.events_lost, result.damaged, end_time}));
    return result;
}

}  // namespace

Result<SnapshotResult> write_snapshot(UniqueFd fd, const Snapshot& snapshot) {
    int64_t until = counter_now();  // S1
    std::vector<Lane> lanes = read_rings(snapshot, until);
    // A writer comes round a small ring in some 50 us. Where this thread lost its CPU for as long
    // there is nothing left of that instant, but there is of another.
    for (int tries = kTries; tries > 0 && overtaken(lanes); --tries) {
        until = counter_now();
        lanes = read_rings(snapshot, until);
    }
    ETW_CHECK(check_room(fd, size_of(snapshot, lanes)));
    UniqueFd again(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
    if (!again) return Error{code_from_errno(errno), "snapshot: descriptor", uint64_t(errno)};
    File emptied(std::move(again));
    ETW_CHECK(emptied.resize(0));
    const auto write = [&]() -> Result<SnapshotResult> {
        std::vector<uint64_t> most;
        for (const Lane& lane : lanes) most.push_back(lane.merger.most_buffers());
        ETW_TRY(auto log, etl::BackwardLog::create(File(std::move(fd)), snapshot.info, most));
        ETW_TESTPOINT("snapshot.begun");
        return write_lanes(log, snapshot, lanes, snapshot.clock.to_raw(until));
    };
    auto result = write();
    if (!result) static_cast<void>(bool(emptied.resize(0)));  // the cause is what counts
    return result;
}

}  // namespace etw::host
