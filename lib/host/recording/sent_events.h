// Events that came by socket, on their way to their stream. Sockets are read one after the other,
// so that an event may be read before another program's that was written earlier. Those are held
// until nothing earlier is left to be read; then they go on in the order in which they were
// written. Belongs to the host's main thread.
#pragma once
#include "host/recording/stream.h"

#include <vector>

namespace etw::host {

class SentEvents {
public:
    // Of records held at a time. Where more come, they go on in the order that is known by then.
    static constexpr size_t kMaxBytes = 1 << 20;

    explicit SentEvents(StreamWriter writer) noexcept : writer_(std::move(writer)) {}

    // What StreamWriter::append() takes.
    void add(uint32_t cpu, Bytes record, uint32_t time_offset, int64_t time);
    // All that is not later than `until` (counter) goes to the stream.
    void release(int64_t until);
    void release_all();
    bool empty() const noexcept { return held_.empty(); }
    void add_lost(uint64_t count) { writer_.add_lost(count); }

private:
    struct Held {
        int64_t time;
        size_t begin;  // in records_
        size_t size;
        uint32_t cpu;
        uint32_t time_offset;
    };
    Bytes record_of(const Held& held) const {
        return Bytes(records_).subspan(held.begin, held.size);
    }

    StreamWriter writer_;
    std::vector<Held> held_;  // as they came since the last release
    std::vector<std::byte> records_;
};

}  // namespace etw::host
