// One way that events come to a session: a ring set that the processes of one user write, or the
// one that the host itself writes for processes that cannot.
#pragma once
#include "base/mapping.h"
#include "host/recording/checkpoint.h"
#include "ring/ring_set.h"

#include <memory>
#include <optional>

namespace etw::host {

// Owner of the stream that carries Event packets.
constexpr uint32_t kSocketStream = ~uint32_t{0};  // (uid_t)-1 is no user
// Owner of the stream that carries kernel events. A user of this id gets no rings, see attach().
constexpr uint32_t kKernelStream = kSocketStream - 1;

struct Stream {
    uint32_t uid = 0;
    FileIdentity rings_identity;
    ring::RingSet rings;

    static Result<std::shared_ptr<Stream>> make(uint32_t uid, ring::RingSet rings);
};

// Whether all of the memory is there, as in rings that a host has made.
bool is_allocated(const UniqueFd& memory, uint64_t size) noexcept;

// Appends to a ring set from one thread of one process, with plain stores where ring/writer.h
// needs restartable sequences. For streams that the host writes: nobody else writes to them.
class StreamWriter {
public:
    // Maps the rings a second time. Goes on where a predecessor stopped: nothing it appends is
    // earlier than `not_before` (counter; none: this call), so that it need not know its
    // predecessor's last time.
    static Result<StreamWriter> over(const Stream& stream,
                                     std::optional<int64_t> not_before = std::nullopt);

    // Whether a record of this size would be taken. If not, the host is woken to make room.
    bool has_room(uint32_t cpu, size_t record_size) noexcept;
    // `record` is not rounded; its time (at `time_offset`, 0: none) is raised to that of its
    // predecessor on the CPU, since packets arrive in any order. False: no room, counted as lost.
    bool append(uint32_t cpu, Bytes record, uint32_t time_offset, int64_t time);
    // The same; a record without room is the caller's to keep, and is not counted.
    bool try_append(uint32_t cpu, Bytes record, uint32_t time_offset, int64_t time);
    void add_lost(uint64_t count);
    wire::RingPosition head(uint32_t cpu) const noexcept;
    uint64_t lost() const noexcept;  // of add_lost()
    bool is_new() const noexcept;    // nothing was ever written
    const wire::RingGeometry& geometry() const noexcept { return geometry_; }

private:
    StreamWriter(Mapping memory, const wire::RingGeometry& geometry, int64_t not_before) noexcept;
    wire::RingControl& control(uint32_t cpu) const noexcept;
    bool overwrites() const noexcept;
    void wake_host(uint64_t full) noexcept;  // full: blocks of the ring

    Mapping memory_;
    wire::RingGeometry geometry_{};
    std::vector<int64_t> last_time_;
};

}  // namespace etw::host
